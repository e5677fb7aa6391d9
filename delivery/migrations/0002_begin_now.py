"""Notifications begin with what happens from now on: nobody is told of last year."""

from django.db import migrations
from django.db.models import Max


def begin(apps, schema_editor):
    last = apps.get_model("core", "OutboxEvent").objects.aggregate(last=Max("sequence"))["last"] or 0
    apps.get_model("delivery", "Consumer").objects.get_or_create(
        name="notifications", defaults={"sequence": last}
    )


class Migration(migrations.Migration):
    dependencies = [("delivery", "0001_notifications"), ("core", "0001_initial")]

    operations = [migrations.RunPython(begin, migrations.RunPython.noop)]
