"""Remember since when a model version has its status. A nullable column: SQLite rebuilds nothing for it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("risk", "0016_runs_of_one_shape")]

    operations = [
        migrations.AddField("modelversion", "moved_at", models.DateTimeField(blank=True, null=True)),
    ]
