"""No decision against a merchant without its reasons: kept by the database from here on."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("merchants", "0003_statements_of_before")]

    operations = [
        migrations.AddConstraint(
            model_name='merchant',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('status', 'restricted'), ('restriction_statement__isnull', False)), models.Q(models.Q(('status', 'restricted'), _negated=True), models.Q(('restriction_statement__isnull', False), _negated=True)), _connector='OR'), name='restricted_merchant_has_its_reasons'),
        ),
        migrations.AddConstraint(
            model_name='merchant',
            constraint=models.UniqueConstraint(condition=models.Q(('restriction_statement__isnull', False)), fields=('restriction_statement',), name='restricted_merchant_has_its_reasons_alone'),
        ),
        migrations.AddConstraint(
            model_name='merchant',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('status', 'suspended'), ('suspension_statement__isnull', False)), models.Q(models.Q(('status', 'suspended'), _negated=True), models.Q(('suspension_statement__isnull', False), _negated=True)), _connector='OR'), name='suspended_merchant_has_its_reasons'),
        ),
        migrations.AddConstraint(
            model_name='merchant',
            constraint=models.UniqueConstraint(condition=models.Q(('suspension_statement__isnull', False)), fields=('suspension_statement',), name='suspended_merchant_has_its_reasons_alone'),
        ),
        migrations.AddConstraint(
            model_name='merchantapplication',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('status', 'rejected'), ('rejection_statement__isnull', False)), models.Q(models.Q(('status', 'rejected'), _negated=True), models.Q(('rejection_statement__isnull', False), _negated=True)), _connector='OR'), name='rejected_application_has_its_reasons'),
        ),
        migrations.AddConstraint(
            model_name='merchantapplication',
            constraint=models.UniqueConstraint(condition=models.Q(('rejection_statement__isnull', False)), fields=('rejection_statement',), name='rejected_application_has_its_reasons_alone'),
        ),
        migrations.AddConstraint(
            model_name='merchantapplication',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('status', 'info_requested'), ('request_statement__isnull', False)), models.Q(models.Q(('status', 'info_requested'), _negated=True), models.Q(('request_statement__isnull', False), _negated=True)), _connector='OR'), name='returned_application_has_its_reasons'),
        ),
        migrations.AddConstraint(
            model_name='merchantapplication',
            constraint=models.UniqueConstraint(condition=models.Q(('request_statement__isnull', False)), fields=('request_statement',), name='returned_application_has_its_reasons_alone'),
        ),
    ]
