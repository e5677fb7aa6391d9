"""No decision against a merchant without its reasons: kept by the database from here on."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("orders", "0004_statements_of_before")]

    operations = [
        migrations.AddConstraint(
            model_name='order',
            constraint=models.CheckConstraint(condition=models.Q(('import_batch_id__isnull', False), models.Q(('status', 'declined'), ('decline_statement__isnull', False)), models.Q(models.Q(('status', 'declined'), _negated=True), models.Q(('decline_statement__isnull', False), _negated=True)), _connector='OR'), name='declined_order_has_its_reasons'),
        ),
        migrations.AddConstraint(
            model_name='order',
            constraint=models.UniqueConstraint(condition=models.Q(('decline_statement__isnull', False)), fields=('decline_statement',), name='declined_order_has_its_reasons_alone'),
        ),
        migrations.AddConstraint(
            model_name='order',
            constraint=models.CheckConstraint(condition=models.Q(('import_batch_id__isnull', False), models.Q(models.Q(('hold_kind', ''), _negated=True), ('hold_statement__isnull', False)), models.Q(('hold_kind', ''), models.Q(('hold_statement__isnull', False), _negated=True)), _connector='OR'), name='held_order_has_its_reasons'),
        ),
        migrations.AddConstraint(
            model_name='order',
            constraint=models.UniqueConstraint(condition=models.Q(('hold_statement__isnull', False)), fields=('hold_statement',), name='held_order_has_its_reasons_alone'),
        ),
    ]
