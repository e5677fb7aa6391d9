from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("risk", "0002_rulesets_lists_backtests")]

    operations = [
        migrations.AddField(
            model_name="explanation",
            name="parts",
            field=models.JSONField(default=dict),
        ),
    ]
