"""Rulesets: what is recorded, what has effect, what identifies them, what a snapshot gives back."""

import json
import subprocess
import sys
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256
from typing import Any

import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from risk.rules.engine import (
    CompiledRuleset,
    Effect,
    EvaluationSnapshot,
    Mode,
    RuleDefinition,
    compile_ruleset,
    muted_by_schedule,
)
from risk.rules.errors import RulesetError
from risk.rules.expression import MAX_LENGTH
from tests.risk.rules.trees import LISTS, PATIENT, SCHEMA, conditions, render, rows

AMOUNT_10 = {"order.amount": 10, "order.lines": 1}


NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)


def make_rule(code: str = "R-ORD-001", condition: str = "order.amount > 5", **fields: Any) -> RuleDefinition:
    effect = fields.setdefault("effect", Effect.POINTS)
    fields.setdefault("points", 10 if effect is Effect.POINTS else 0)
    return RuleDefinition(
        **{"code": code, "name": code, "condition": condition, "reason_code": code.lower(), **fields}
    )


def make_ruleset(*rules: RuleDefinition) -> CompiledRuleset:
    return compile_ruleset(rules, SCHEMA, LISTS)


def test_every_rule_that_is_not_off_is_recorded_as_true_false_or_missing() -> None:
    ruleset = make_ruleset(
        make_rule("R-4", mode=Mode.SHADOW, effect=Effect.DECLINE),
        make_rule("R-1"),
        make_rule("R-5", mode=Mode.OFF),
        make_rule("R-2", "order.amount > 50"),
        make_rule("R-3", "device.buyers_7d > 3"),
    )
    evaluation = ruleset.evaluate(AMOUNT_10)
    assert evaluation.results == {"R-1": True, "R-2": False, "R-3": None, "R-4": True}
    assert [rule.code for rule in evaluation.hits] == ["R-1"]
    assert not evaluation.is_degraded


def test_a_shadow_rule_has_no_effect() -> None:
    loud = {"tag": "vip", "queue": "senior", "mode": Mode.SHADOW}
    evaluation = make_ruleset(
        *(make_rule(f"R-{effect}", effect=effect, **loud) for effect in Effect)
    ).evaluate(AMOUNT_10)
    assert set(evaluation.results.values()) == {True}
    assert (evaluation.points, evaluation.forced, evaluation.tags) == (0, frozenset(), ())
    assert (evaluation.queue, evaluation.reasons) == (None, ())


def test_points_add_up_and_tags_and_outcomes_are_collected() -> None:
    evaluation = make_ruleset(
        make_rule("R-1", points=10),
        make_rule("R-2", points=25, tag="velocity"),
        make_rule("R-3", effect=Effect.REVIEW, tag="velocity"),
        make_rule("R-4", effect=Effect.TAG, tag="gift"),
    ).evaluate(AMOUNT_10)
    assert evaluation.points == 35
    assert evaluation.forced == {Effect.REVIEW}
    assert evaluation.tags == ("velocity", "gift")


def test_the_first_queue_in_ruleset_order_wins() -> None:
    evaluation = make_ruleset(
        make_rule("R-9", "order.amount > 50", effect=Effect.ROUTE, queue="not_hit"),
        make_rule("R-5", effect=Effect.ROUTE, queue="high_value"),
        make_rule("R-1", effect=Effect.REVIEW, queue="senior"),
    ).evaluate(AMOUNT_10)
    assert evaluation.queue == "high_value"


def test_reasons_come_heaviest_first_and_once() -> None:
    evaluation = make_ruleset(
        make_rule("R-1", effect=Effect.APPROVE, reason_code="trusted"),
        make_rule("R-2", points=5, reason_code="light"),
        make_rule("R-3", points=50, reason_code="heavy"),
        make_rule("R-4", points=7, reason_code="heavy"),
        make_rule("R-5", effect=Effect.REVIEW, reason_code="list_match"),
        make_rule("R-6", effect=Effect.DECLINE, reason_code="blocked"),
        make_rule("R-7", effect=Effect.TAG, tag="gift", reason_code="gift"),
    ).evaluate(AMOUNT_10)
    assert evaluation.reasons == ("blocked", "list_match", "heavy", "light", "trusted")
    assert evaluation.reasons_for(Effect.POINTS) == ("heavy", "light")


def test_a_misfit_fact_degrades_and_an_absent_one_does_not() -> None:
    ruleset = make_ruleset(make_rule())
    assert ruleset.evaluate({"order.amount": "10"}).is_degraded
    assert not ruleset.evaluate({}).is_degraded


def test_a_failed_rule_degrades_and_is_named() -> None:
    def judge(facts: object, misfits: object, failures: dict[str, str]) -> dict[str, bool | None]:
        failures["R-1"] = "TypeError"
        return {"R-1": None, "R-2": True}

    ruleset = replace(make_ruleset(make_rule("R-1"), make_rule("R-2")), _judge=judge)
    evaluation = ruleset.evaluate(AMOUNT_10)
    assert evaluation.is_degraded
    assert evaluation.failed_rules == {"R-1": "TypeError"}
    assert [rule.code for rule in evaluation.hits] == ["R-2"]


def test_fields_used_are_those_of_the_rules_that_run() -> None:
    ruleset = make_ruleset(
        make_rule("R-1", "order.lines > 1 and ip == 'a'"),
        make_rule("R-2", "buyer.is_guest and order.lines > 2", mode=Mode.SHADOW, effect=Effect.REVIEW),
        make_rule("R-3", "order.is_gift", mode=Mode.OFF),
    )
    assert [field.name for field in ruleset.fields_used] == ["order.lines", "ip", "buyer.is_guest"]


def test_the_hash_is_the_same_for_the_same_content() -> None:
    assert (
        make_ruleset(make_rule("R-1"), make_rule("R-2")).hash
        == make_ruleset(make_rule("R-1"), make_rule("R-2")).hash
    )
    assert len(make_ruleset().hash) == 64


@pytest.mark.parametrize(
    "change",
    [
        {"code": "R-2"},
        {"name": "Another"},
        {"condition": "order.amount > 6"},
        {"effect": Effect.REVIEW, "points": 0},
        {"points": 11},
        {"reason_code": "other"},
        {"mode": Mode.SHADOW},
        {"tag": "vip"},
        {"queue": "senior"},
        {"group": "velocity"},
        {"starts_at": NOON},
        {"ends_at": NOON},
        {"rollout_percent": 50},
    ],
    ids=lambda change: next(iter(change)),
)
def test_any_change_changes_the_hash(change: dict[str, Any]) -> None:
    rule = make_rule("R-1")
    assert make_ruleset(replace(rule, **change)).hash != make_ruleset(rule).hash


def test_a_rule_without_group_and_schedule_keeps_the_hash_it_had_before_there_were_any() -> None:
    names = ("code", "name", "condition", "effect", "points", "reason_code", "mode", "tag", "queue")
    rule = make_rule("R-1")
    content = {"subject": "order", "rules": [{name: asdict(rule)[name] for name in names}]}
    assert make_ruleset(rule).hash == sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def test_the_hash_takes_a_moment_for_what_it_is_wherever_it_was_written() -> None:
    tokyo = NOON.astimezone(timezone(timedelta(hours=9)))
    assert make_ruleset(make_rule(starts_at=NOON)).hash == make_ruleset(make_rule(starts_at=tokyo)).hash


def test_order_is_part_of_the_hash() -> None:
    first, second = make_rule("R-1"), make_rule("R-2")
    assert make_ruleset(first, second).hash != make_ruleset(second, first).hash


def test_all_unreadable_conditions_are_told_at_once_even_of_rules_that_are_off() -> None:
    rules = [make_rule("R-1", "order.amout > 5"), make_rule("R-2"), make_rule("R-3", "ip <", mode=Mode.OFF)]
    with pytest.raises(RulesetError, match=r"R-1: Unknown field 'order\.amout'") as caught:
        compile_ruleset(rules, SCHEMA, LISTS)
    assert {code: error.code for code, error in caught.value.errors.items()} == {
        "R-1": "unknown_field",
        "R-3": "syntax",
    }


def test_two_rules_cannot_share_a_code() -> None:
    with pytest.raises(ValueError, match="same code"):
        make_ruleset(make_rule("R-1"), make_rule("R-1"))


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"points": 0}, "points are above zero"),
        ({"points": -5}, "points are above zero"),
        ({"effect": Effect.REVIEW, "points": 5}, "points are above zero"),
        ({"effect": Effect.REVIEW, "points": -5}, "points are above zero"),
        ({"reason_code": ""}, "needs a reason code"),
        ({"effect": Effect.TAG}, "needs a tag"),
        ({"effect": Effect.ROUTE}, "needs a queue"),
        ({"rollout_percent": 101}, "from 0 to 100"),
        ({"rollout_percent": -1}, "from 0 to 100"),
        ({"starts_at": NOON, "ends_at": NOON}, "the end comes after the start"),
        ({"starts_at": NOON.replace(tzinfo=None)}, "need a time zone"),
    ],
)
def test_a_rule_carries_what_its_effect_needs(fields: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        make_rule(**fields)


@PATIENT
@given(st.lists(st.tuples(conditions.map(render), st.sampled_from(Mode)), max_size=4), rows)
def test_a_snapshot_survives_json_and_gives_the_evaluation_back(
    rules: list[tuple[str, Mode]], facts: dict[str, object]
) -> None:
    assume(all(len(text) <= MAX_LENGTH for text, _ in rules))
    # Descending codes, because a JSON column may sort its keys.
    ruleset = make_ruleset(
        *(make_rule(f"R-{9 - n}", text, mode=mode) for n, (text, mode) in enumerate(rules))
    )
    evaluation = ruleset.evaluate(facts)
    assert ruleset.restore(json.loads(json.dumps(evaluation.snapshot(), sort_keys=True))) == evaluation


def test_a_snapshot_of_another_ruleset_is_refused() -> None:
    snapshot = make_ruleset(make_rule("R-1")).evaluate(AMOUNT_10).snapshot()
    with pytest.raises(ValueError, match="belongs to ruleset"):
        make_ruleset(make_rule("R-1", points=11)).restore(snapshot)


def test_a_snapshot_from_before_rules_could_be_muted_is_restored() -> None:
    ruleset = make_ruleset(make_rule("R-1"))
    old: EvaluationSnapshot = {
        "ruleset": ruleset.hash,
        "results": {"R-1": True},
        "failed_rules": {},
        "misfit_facts": {},
    }
    assert ruleset.restore(old) == ruleset.evaluate(AMOUNT_10)


def test_a_muted_rule_is_recorded_and_has_no_effect() -> None:
    ruleset = make_ruleset(
        make_rule("R-1", effect=Effect.DECLINE, tag="velocity"),
        make_rule("R-2", points=7),
        make_rule("R-3", mode=Mode.SHADOW),
    )
    evaluation = ruleset.evaluate(AMOUNT_10, muted={"R-1": "snoozed", "R-3": "braked", "R-9": "ended"})
    assert evaluation.results == {"R-1": True, "R-2": True, "R-3": True}
    assert [rule.code for rule in evaluation.hits] == ["R-2"]
    assert (evaluation.forced, evaluation.tags, evaluation.points) == (frozenset(), (), 7)
    assert evaluation.muted == {"R-1": "snoozed"}
    assert ruleset.restore(json.loads(json.dumps(evaluation.snapshot()))) == evaluation


@pytest.mark.parametrize(
    ("schedule", "reason"),
    [
        ({}, None),
        ({"starts_at": NOON}, None),
        ({"starts_at": NOON + timedelta(seconds=1)}, "not_started"),
        ({"ends_at": NOON}, "ended"),
        ({"ends_at": NOON + timedelta(seconds=1)}, None),
        ({"starts_at": NOON + timedelta(days=1), "rollout_percent": 0}, "not_started"),
        ({"rollout_percent": 0}, "rollout"),
        ({"rollout_percent": 100}, None),
    ],
    ids=str,
)
def test_a_rule_is_muted_outside_its_schedule(schedule: dict[str, Any], reason: str | None) -> None:
    muted = muted_by_schedule([make_rule("R-1", **schedule)], at=NOON, stable_key="42")
    assert muted == ({} if reason is None else {"R-1": reason})


def test_a_rollout_reaches_its_share_and_only_grows() -> None:
    keys = [str(number) for number in range(4_000)]

    def reached(percent: int, code: str = "R-1") -> set[str]:
        rule = make_rule(code, rollout_percent=percent)
        return {key for key in keys if not muted_by_schedule([rule], at=NOON, stable_key=key)}

    assert 0.17 < len(reached(20)) / len(keys) < 0.23
    assert reached(20) < reached(50)
    # Another rule reaches others: 4 % of all are in both, not 20 %.
    assert len(reached(20) & reached(20, "R-2")) / len(keys) < 0.08


def test_a_rollout_falls_on_the_same_subjects_on_every_machine() -> None:
    rule = make_rule("R-1", rollout_percent=50)
    muted = [bool(muted_by_schedule([rule], at=NOON, stable_key=str(key))) for key in range(8)]
    assert muted == [False, False, True, False, True, True, True, False]


def test_only_live_rules_with_a_schedule_are_scheduled() -> None:
    ruleset = make_ruleset(
        make_rule("R-1", rollout_percent=10),
        make_rule("R-2"),
        make_rule("R-3", ends_at=NOON),
        make_rule("R-4", ends_at=NOON, mode=Mode.SHADOW),
        make_rule("R-5", group="velocity"),
    )
    assert [rule.code for rule in ruleset.scheduled] == ["R-1", "R-3"]


def test_a_ruleset_lists_what_its_rules_ask_lists() -> None:
    ruleset = make_ruleset(
        make_rule("R-1", "order.device in list('blocked_devices')"),
        make_rule("R-2", "similar(ip, list('watchlist')) > 0.9", mode=Mode.SHADOW),
        make_rule("R-3", "order.device not in list('blocked_devices')"),
        make_rule("R-4", "ip in list('watchlist')", mode=Mode.OFF),
    )
    asked = 'order.device in list("blocked_devices")'
    assert [probe.name for probe in ruleset.probes] == [asked, 'similar(ip, list("watchlist"))']
    assert [field.name for field in ruleset.fields_used] == ["order.device", "ip"]
    assert ruleset.evaluate({asked: True}).results == {"R-1": True, "R-3": False, "R-2": None}


def test_columns_judge_the_live_and_shadow_rules_of_the_ruleset() -> None:
    ruleset = make_ruleset(
        make_rule("R-1"), make_rule("R-2", mode=Mode.OFF), make_rule("R-3", "ip == 'a'", mode=Mode.SHADOW)
    )
    answered = ruleset.columns.judge(pl.DataFrame({"order.amount": [1.0, None, 9.0], "ip": ["a", "b", None]}))
    assert answered.to_dict(as_series=False) == {"R-1": [False, None, True], "R-3": [True, False, None]}
    assert ruleset.columns is ruleset.columns


def test_no_decision_loads_the_engine_of_columns() -> None:
    source = """
import sys
from risk.rules.engine import Effect, RuleDefinition, compile_ruleset
from risk.rules.schema import Field, FieldType, Schema
schema = Schema("order", (Field("a", FieldType.NUMBER),))
rule = RuleDefinition(code="R", name="", condition="a > 1", effect=Effect.TAG, tag="t")
assert compile_ruleset([rule], schema).evaluate({"a": 2.0}).tags == ("t",)
assert "polars" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", source], check=True)
