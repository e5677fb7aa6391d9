"""A verdict stays as it was given, and who has to sign it cannot be talked away: triggers on both engines.

risk.migrations.0006_activation_triggers says how guards work, and what a later migration that alters one of
these tables has to do.
"""

import importlib

from django.db import migrations

_gate = importlib.import_module("risk.migrations.0006_activation_triggers")
Guard, changed = _gate.Guard, _gate.changed

GUARDS = [
    Guard(
        "verdict_is_immutable",
        "cases_verdict",
        "UPDATE",
        changed(
            "case_id", "kind", "is_final", "reason_codes", "requested", "message", "note", "hold_until", "assignee_id",
            "reviewer_id", "opened_by_id", "needs_second", "claim_token", "evidence_version", "created_at",
        ),
    ),
    Guard(
        "signature_is_kept",
        "cases_verdict",
        "UPDATE",
        "OLD.second_id IS NOT NULL AND (" + changed("second_id", "second_at", "second_note") + ")",
    ),
    Guard(
        "settled_verdict_is_settled",
        "cases_verdict",
        "UPDATE",
        "OLD.status NOT IN ('pending', 'awaiting_second') AND (" + changed("status", "effective_at") + ")",
    ),
    Guard("verdict_is_kept", "cases_verdict", "DELETE", "OLD.id IS NOT NULL"),
    Guard(
        "verdict_names_who_opened_the_case",
        "cases_verdict",
        "INSERT",
        "NOT EXISTS (SELECT 1 FROM cases_reviewcase AS question WHERE question.id = NEW.case_id "
        "AND question.opened_by_id IS NOT DISTINCT FROM NEW.opened_by_id)",
    ),
    Guard(
        "high_value_takes_two",
        "cases_verdict",
        "INSERT",
        "NOT NEW.needs_second AND NEW.kind IN ('approve', 'reject') AND EXISTS ("
        "SELECT 1 FROM cases_reviewcase AS question JOIN cases_queue AS queue ON queue.id = question.queue_id "
        "WHERE question.id = NEW.case_id AND NOT question.is_blind "
        "AND queue.second_sign_from_minor <= question.value_minor)",
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

    dependencies = [
        ("cases", "0007_appeal"),
        ("risk", "0006_activation_triggers"),
    ]

    operations = [migrations.RunPython(put_up, take_down)]
