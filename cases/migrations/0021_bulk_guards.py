"""A selection stays as it was chosen, and a bulk verdict as it was given: triggers on both engines.

risk.migrations.0006_activation_triggers says how guards work, and what a later migration that alters one of
these tables has to do.
"""

import importlib

from django.db import migrations

_gate = importlib.import_module("risk.migrations.0006_activation_triggers")
Guard, changed = _gate.Guard, _gate.changed

GUARDS = [
    Guard(
        "selection_is_frozen",
        "cases_selection",
        "UPDATE",
        changed("queue_id", "reviewer_id", "search", "matched", "created_at"),
    ),
    Guard(
        "selected_case_is_frozen",
        "cases_selectedcase",
        "UPDATE",
        changed("selection_id", "case_id", "position", "evidence_version"),
    ),
    Guard(
        "selected_case_is_decided_once",
        "cases_selectedcase",
        "UPDATE",
        "OLD.verdict_id IS NOT NULL AND (" + changed("verdict_id") + ")",
    ),
    Guard(
        "bulk_verdict_is_immutable",
        "cases_bulkverdict",
        "UPDATE",
        changed(
            "selection_id", "kind", "is_final", "reason_codes", "requested", "merchant_message", "note",
            "hold_until", "undo_seconds",
        ),
    ),
]  # fmt: skip


def put_up(apps, schema_editor):
    for guard in GUARDS:
        for statement in guard.create(schema_editor.connection.vendor):
            schema_editor.execute(statement, params=None)


def take_down(apps, schema_editor):
    for guard in reversed(GUARDS):
        for statement in guard.drop(schema_editor.connection.vendor):
            schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):

    dependencies = [("cases", "0020_bulk_verdicts")]

    operations = [migrations.RunPython(put_up, take_down)]
