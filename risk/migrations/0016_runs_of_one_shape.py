"""Give every kind of run the same columns: whose it is, since when, why it ended, and whether it shall end.

The guards of activations, backtests, comparisons and promotions stand on tables that SQLite rebuilds, or name
them: they come down meanwhile.
"""

import importlib

from django.db import migrations, models

_earlier = importlib.import_module("risk.migrations.0006_activation_triggers")
_models = importlib.import_module("risk.migrations.0011_model_triggers")
_STANDING = [*_earlier.ACTIVATION_GUARDS, *_earlier.BACKTEST_GUARDS, *_models.GUARDS]
_STATUSES = [
    ("queued", "Queued"),
    ("running", "Running"),
    ("finished", "Finished"),
    ("failed", "Failed"),
    ("cancelled", "Cancelled"),
]


def take_down(apps, schema_editor):
    for guard in _STANDING:
        for statement in guard.drop(schema_editor.connection.vendor):
            schema_editor.execute(statement, params=None)


def put_up(apps, schema_editor):
    for guard in _STANDING:
        for statement in guard.create(schema_editor.connection.vendor):
            schema_editor.execute(statement, params=None)


# With their default in the database, so that the version before can still write rows.
_ATTEMPT = models.PositiveSmallIntegerField(db_default=0, default=0)
_CODE = models.CharField(blank=True, db_default="", default="", max_length=32)
_STEP = models.CharField(blank=True, db_default="", default="", max_length=40)
_MOMENT = models.DateTimeField(blank=True, null=True)


class Migration(migrations.Migration):
    dependencies = [("risk", "0015_training_codes")]

    operations = [
        migrations.RunPython(take_down, put_up),
        migrations.AlterField("trainingrun", "attempt", _ATTEMPT),
        migrations.AlterField("trainingrun", "step", _STEP),
        migrations.AddField("backtest", "attempt", _ATTEMPT),
        migrations.AddField("backtest", "code", _CODE),
        migrations.AlterField("backtest", "step", _STEP),
        migrations.AddField("modelcomparison", "attempt", _ATTEMPT),
        migrations.AddField("modelcomparison", "cancel_requested_at", _MOMENT),
        migrations.AddField("modelcomparison", "code", _CODE),
        migrations.AddField("modelcomparison", "started_at", _MOMENT),
        migrations.AddField("modelcomparison", "step", _STEP),
        migrations.AlterField(
            "modelcomparison", "status", models.CharField(choices=_STATUSES, default="queued", max_length=12)
        ),
        migrations.RunPython(put_up, take_down),
    ]
