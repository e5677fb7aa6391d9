"""The verdicts there are took effect when they were given."""

from django.db import migrations
from django.db.models import F


def name_moments(apps, schema_editor):
    apps.get_model("cases", "Verdict").objects.filter(effective_at=None).update(effective_at=F("created_at"))


class Migration(migrations.Migration):

    dependencies = [("cases", "0002_waiting_verdicts")]

    operations = [migrations.RunPython(name_moments, migrations.RunPython.noop)]
