from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("risk", "0006_activation_triggers")]

    operations = [
        migrations.AddField(
            model_name="explanation",
            name="parts",
            field=models.JSONField(default=dict),
        ),
    ]
