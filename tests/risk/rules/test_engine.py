"""Rulesets: what is recorded, what has effect, what identifies them, what a snapshot gives back."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from risk.rules.engine import CompiledRuleset, Effect, Mode, RuleDefinition, compile_ruleset
from risk.rules.errors import RulesetError
from risk.rules.expression import MAX_LENGTH
from tests.risk.rules.trees import LISTS, PATIENT, SCHEMA, conditions, render, rows

AMOUNT_10 = {"order.amount": 10, "order.lines": 1}


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
    ],
    ids=lambda change: next(iter(change)),
)
def test_any_change_changes_the_hash(change: dict[str, Any]) -> None:
    rule = make_rule("R-1")
    assert make_ruleset(replace(rule, **change)).hash != make_ruleset(rule).hash


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
