"""Say by a code why a training came to nothing, so that nobody has to recognise its sentence.

The guards of promotions name the table of trainings, which SQLite rebuilds: they come down meanwhile.
"""

import importlib

from django.db import migrations, models

_guards = importlib.import_module("risk.migrations.0011_model_triggers")


class Migration(migrations.Migration):
    dependencies = [("risk", "0014_quick_vectors")]

    operations = [
        migrations.RunPython(_guards.take_down, _guards.put_up),
        migrations.AddField("trainingrun", "code", models.CharField(blank=True, db_default="", default="", max_length=32)),
        migrations.RunPython(_guards.put_up, _guards.take_down),
    ]
