"""Give what was decided before its statement of reasons, from the journal; rows of imports have none."""

from django.db import migrations

from core.past_statements import state_reasons
from orders.services import about


def state(apps, schema_editor):
    ours = apps.get_model("orders", "Order").objects.filter(import_batch_id=None)
    state_reasons(apps, ours.filter(status="declined"), "order", about, "declined", "decline_statement")
    state_reasons(apps, ours.exclude(hold_kind=""), "order", about, "held", "hold_statement", action="hold")


class Migration(migrations.Migration):
    dependencies = [("orders", "0003_statements")]

    # Backwards the columns go, and the statements with their table.
    operations = [migrations.RunPython(state, migrations.RunPython.noop)]
