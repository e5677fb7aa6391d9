"""A note stays as it was written, or is taken back once; the row stays in either case."""

import importlib

from django.db import migrations

_gate = importlib.import_module("risk.migrations.0006_activation_triggers")
Guard, changed = _gate.Guard, _gate.changed

GUARDS = [
    Guard(
        "note_is_immutable",
        "cases_casenote",
        "UPDATE",
        changed("case_id", "author_id", "created_at")
        + " OR OLD.removed_at IS NOT NULL OR NEW.removed_at IS NULL OR NEW.text <> ''",
    ),
    Guard("note_is_kept", "cases_casenote", "DELETE", "OLD.id IS NOT NULL"),
]


def put_up(apps, schema_editor):
    for guard in GUARDS:
        for statement in guard.create(schema_editor.connection.vendor):
            schema_editor.execute(statement, params=None)


def take_down(apps, schema_editor):
    for guard in GUARDS:
        for statement in guard.drop(schema_editor.connection.vendor):
            schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = [
        ("cases", "0041_case_notes"),
        ("risk", "0006_activation_triggers"),
    ]

    operations = [migrations.RunPython(put_up, take_down)]
