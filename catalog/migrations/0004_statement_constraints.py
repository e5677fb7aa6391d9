"""No decision against a merchant without its reasons: kept by the database from here on."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("catalog", "0003_statements_of_before")]

    operations = [
        migrations.AddConstraint(
            model_name='listingrevision',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('status', 'rejected'), ('rejection_statement__isnull', False)), models.Q(models.Q(('status', 'rejected'), _negated=True), models.Q(('rejection_statement__isnull', False), _negated=True)), _connector='OR'), name='rejected_revision_has_its_reasons'),
        ),
        migrations.AddConstraint(
            model_name='listingrevision',
            constraint=models.UniqueConstraint(condition=models.Q(('rejection_statement__isnull', False)), fields=('rejection_statement',), name='rejected_revision_has_its_reasons_alone'),
        ),
        migrations.AddConstraint(
            model_name='listingrevision',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('status', 'changes_requested'), ('request_statement__isnull', False)), models.Q(models.Q(('status', 'changes_requested'), _negated=True), models.Q(('request_statement__isnull', False), _negated=True)), _connector='OR'), name='returned_revision_has_its_reasons'),
        ),
        migrations.AddConstraint(
            model_name='listingrevision',
            constraint=models.UniqueConstraint(condition=models.Q(('request_statement__isnull', False)), fields=('request_statement',), name='returned_revision_has_its_reasons_alone'),
        ),
    ]
