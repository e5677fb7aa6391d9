"""Whom a queue tells when it is about to be late. As in 0040 the guards that name its table come down."""

import importlib

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

_guards = importlib.import_module("cases.migrations.0008_verdict_guards")


class Migration(migrations.Migration):
    dependencies = [
        ("cases", "0042_note_guards"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RunPython(_guards.take_down, _guards.put_up),
        migrations.AddField(
            "queue",
            "lead",
            models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="led_queues",
                to=settings.AUTH_USER_MODEL,
                verbose_name="lead",
            ),
        ),
        migrations.RunPython(_guards.put_up, _guards.take_down),
    ]
