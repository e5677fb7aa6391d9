"""Approving what the system declined takes two, whoever writes it; a look without effect never does.

Until now the guard on high value asked two people for blind reviews and copies of golden cases too.
"""

import importlib

from django.db import migrations

_gate = importlib.import_module("risk.migrations.0006_activation_triggers")
_before = importlib.import_module("cases.migrations.0008_verdict_guards")
Guard = _gate.Guard

GUARDS = [
    Guard(
        "override_takes_two",
        "cases_verdict",
        "INSERT",
        "NOT NEW.needs_second AND NEW.kind = 'approve' AND EXISTS ("
        "SELECT 1 FROM cases_reviewcase AS question JOIN risk_decision AS decision ON decision.id = question.decision_id "
        "WHERE question.id = NEW.case_id AND question.purpose = 'work' AND NOT question.is_blind "
        "AND decision.outcome = 'decline')",
    ),
    Guard(
        "high_value_takes_two",
        "cases_verdict",
        "INSERT",
        "NOT NEW.needs_second AND NEW.kind IN ('approve', 'reject') AND EXISTS ("
        "SELECT 1 FROM cases_reviewcase AS question JOIN cases_queue AS queue ON queue.id = question.queue_id "
        "WHERE question.id = NEW.case_id AND question.purpose = 'work' AND NOT question.is_blind "
        "AND queue.second_sign_from_minor <= question.value_minor)",
    ),
]
REPLACED = [guard for guard in _before.GUARDS if guard.name == "high_value_takes_two"]


def put_up(apps, schema_editor):
    vendor = schema_editor.connection.vendor
    for statement in [
        *(statement for guard in REPLACED for statement in guard.drop(vendor)),
        *(statement for guard in GUARDS for statement in guard.create(vendor)),
    ]:
        schema_editor.execute(statement, params=None)


def take_down(apps, schema_editor):
    vendor = schema_editor.connection.vendor
    for statement in [
        *(statement for guard in reversed(GUARDS) for statement in guard.drop(vendor)),
        *(statement for guard in REPLACED for statement in guard.create(vendor)),
    ]:
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):

    dependencies = [
        ("cases", "0044_reviewers_at_work"),
        ("risk", "0006_activation_triggers"),
    ]

    operations = [migrations.RunPython(put_up, take_down)]
