"""Two more things that nobody talks away: an override takes two, and whoever was excluded neither decides nor signs."""

import importlib

from django.db import migrations

_gate = importlib.import_module("risk.migrations.0006_activation_triggers")
Guard, changed = _gate.Guard, _gate.changed

_EXCLUDED = (
    "EXISTS (SELECT 1 FROM cases_caseexclusion AS exclusion "
    "WHERE exclusion.case_id = NEW.case_id AND exclusion.user_id = NEW.{person})"
)
GUARDS = [
    Guard(
        "override_takes_two",
        "cases_verdict",
        "INSERT",
        "NOT NEW.needs_second AND NEW.kind = 'approve' AND EXISTS ("
        "SELECT 1 FROM cases_reviewcase AS question JOIN risk_decision AS decision ON decision.id = question.decision_id "
        "WHERE question.id = NEW.case_id AND NOT question.is_blind AND decision.outcome = 'decline')",
    ),
    Guard("excluded_does_not_decide", "cases_verdict", "INSERT", _EXCLUDED.format(person="reviewer_id")),
    Guard(
        "excluded_does_not_sign",
        "cases_verdict",
        "UPDATE",
        f"({changed('second_id')}) AND " + _EXCLUDED.format(person="second_id"),
    ),
]


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
        ("cases", "0008_verdict_guards"),
        ("risk", "0006_activation_triggers"),
    ]

    operations = [migrations.RunPython(put_up, take_down)]
