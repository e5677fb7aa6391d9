"""Give what was decided before its statement of reasons, from the journal; rows of imports have none."""

from django.db import migrations

from core.past_statements import state_reasons
from merchants.services import about, about_account


def state(apps, schema_editor):
    applications = apps.get_model("merchants", "MerchantApplication").objects
    rejected, returned = (applications.filter(status=status) for status in ("rejected", "info_requested"))
    state_reasons(apps, rejected, "application", about, "rejected", "rejection_statement")
    state_reasons(apps, returned, "application", about, "info_requested", "request_statement")
    merchants = apps.get_model("merchants", "Merchant").objects
    for status, column in (("restricted", "restriction_statement"), ("suspended", "suspension_statement")):
        state_reasons(apps, merchants.filter(status=status), "merchant", about_account, status, column)


class Migration(migrations.Migration):
    dependencies = [("merchants", "0002_statements")]

    # Backwards the columns go, and the statements with their table.
    operations = [migrations.RunPython(state, migrations.RunPython.noop)]
