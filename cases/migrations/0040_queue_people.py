"""Who may work on a queue. SQLite rebuilds its table, so the guards that name it come down."""

import importlib

from django.db import migrations, models

_guards = importlib.import_module("cases.migrations.0008_verdict_guards")


class Migration(migrations.Migration):
    dependencies = [("cases", "0030_desk_measurements")]

    operations = [
        migrations.RunPython(_guards.take_down, _guards.put_up),
        migrations.AddField(
            "queue", "roles", models.JSONField(blank=True, default=list, verbose_name="roles")
        ),
        migrations.AddField(
            "queue",
            "languages",
            models.JSONField(blank=True, default=list, verbose_name="languages"),
        ),
        migrations.RunPython(_guards.put_up, _guards.take_down),
    ]
