"""A lease exactly while a case is claimed, so that what has run out is found without asking for the status."""

from django.conf import settings
from django.db import migrations, models

from core.rebuilding import KeepingTriggers


def end_other_leases(apps, schema_editor):
    """Every way out of a claim has always cleared its lease; a row written past them would stop the constraint."""
    cases = apps.get_model("cases", "ReviewCase").objects.exclude(status="claimed")
    cases.filter(claim_expires_at__isnull=False).update(claim_expires_at=None)


class Migration(migrations.Migration):

    dependencies = [
        ('cases', '0060_macros'),
        ('risk', '0020_appeal_labels'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RunPython(end_other_leases, migrations.RunPython.noop),
        KeepingTriggers("cases_reviewcase", [
            migrations.RemoveConstraint(
                model_name='reviewcase',
                name='claimed_case_has_a_lease',
            ),
            migrations.RemoveIndex(
                model_name='reviewcase',
                name='case_lease',
            ),
            migrations.AddIndex(
                model_name='reviewcase',
                index=models.Index(condition=models.Q(('claim_expires_at__isnull', False)), fields=['claim_expires_at'], name='case_lease'),
            ),
            migrations.AddConstraint(
                model_name='reviewcase',
                constraint=models.CheckConstraint(condition=models.Q(models.Q(('claim_expires_at__isnull', False), ('claimed_by__isnull', False), ('status', 'claimed')), models.Q(models.Q(('status', 'claimed'), _negated=True), ('claim_expires_at__isnull', True)), _connector='OR'), name='lease_exactly_while_claimed'),
            ),
        ]),
    ]
