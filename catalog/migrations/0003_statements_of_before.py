"""Give what was decided before its statement of reasons, from the journal; rows of imports have none."""

from django.db import migrations

from catalog.services import about
from core.past_statements import state_reasons


def state(apps, schema_editor):
    revisions = apps.get_model("catalog", "ListingRevision").objects.select_related("listing")
    rejected, returned = (revisions.filter(status=status) for status in ("rejected", "changes_requested"))
    state_reasons(apps, rejected, "revision", about, "rejected", "rejection_statement")
    state_reasons(apps, returned, "revision", about, "changes_requested", "request_statement")


class Migration(migrations.Migration):
    dependencies = [("catalog", "0002_statements")]

    # Backwards the columns go, and the statements with their table.
    operations = [migrations.RunPython(state, migrations.RunPython.noop)]
