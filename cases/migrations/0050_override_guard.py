"""Approving what the system declined takes two, whoever writes it."""

import importlib

from django.db import migrations

_gate = importlib.import_module("risk.migrations.0006_activation_triggers")
Guard = _gate.Guard

GUARDS = [
    Guard(
        "override_takes_two",
        "cases_verdict",
        "INSERT",
        "NOT NEW.needs_second AND NEW.kind = 'approve' AND EXISTS ("
        "SELECT 1 FROM cases_reviewcase AS question JOIN risk_decision AS decision ON decision.id = question.decision_id "
        "WHERE question.id = NEW.case_id AND NOT question.is_blind AND decision.outcome = 'decline')",
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
        ("cases", "0009_second_looks"),
        ("risk", "0006_activation_triggers"),
    ]

    operations = [migrations.RunPython(put_up, take_down)]
