"""Say how far a comparison is. SQLite rebuilds its table, so the guards that stand on or name it come down."""

import importlib

from django.db import migrations, models

_guards = importlib.import_module("risk.migrations.0011_model_triggers")


class Migration(migrations.Migration):
    dependencies = [("risk", "0017_model_moves")]

    operations = [
        migrations.RunPython(_guards.take_down, _guards.put_up),
        migrations.AddField("modelcomparison", "progress", models.FloatField(db_default=0, default=0)),
        migrations.RunPython(_guards.put_up, _guards.take_down),
    ]
