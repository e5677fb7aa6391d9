"""The difference of any two versions, laid out for the person who approves the later one."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import Role
from risk.differences import Piece, compare, diff_rulesets, overlay
from risk.policy import Thresholds
from risk.rules.engine import Mode, RuleDefinition
from risk.rulesets import Policy
from risk.services import copy_to_draft, delete_rule, move_rule, save_policy, save_rule
from tests.make import make_live_ruleset, make_rule, make_user

POLICY = Policy(Thresholds(review_at=0.3, decline_at=0.8, points_review_at=30, points_decline_at=100))


def rule(code: str, condition: str = "order.amount > 1", **fields: Any) -> RuleDefinition:
    return make_rule(condition, code=code, **fields)


A, B, C = rule("R-A"), rule("R-B"), rule("R-C")


def test_equal_versions_differ_in_nothing() -> None:
    assert compare([A, B], [A, B], POLICY, POLICY).is_empty


def test_rules_come_go_and_change() -> None:
    changed = replace(B, condition="order.amount > 2", mode=Mode.SHADOW)
    diff = compare([A, B], [changed, C], POLICY, POLICY)
    assert (diff.added, diff.removed, diff.moved) == ((C,), (A,), ())
    (change,) = diff.changed
    assert [(one.field, one.before, one.after) for one in change.fields] == [
        ("condition", "order.amount > 1", "order.amount > 2"),
        ("mode", Mode.LIVE, Mode.SHADOW),
    ]
    assert [(part.kind, part.text) for part in change.condition] == [
        (Piece.SAME, "order.amount > "),
        (Piece.REMOVED, "1"),
        (Piece.ADDED, "2"),
    ]


def test_a_change_beside_the_condition_lays_nothing_over() -> None:
    (change,) = compare([A], [replace(A, name="Other")], POLICY, POLICY).changed
    assert (change.condition, [one.field for one in change.fields]) == ((), ["name"])


def test_a_rule_at_another_place_moved_and_those_around_it_stayed() -> None:
    diff = compare([A, B, C], [C, A, B], POLICY, POLICY)
    assert (diff.moved, diff.changed, diff.is_empty) == (("R-C",), (), False)


def test_changes_of_the_policy_are_named() -> None:
    thresholds = replace(POLICY.thresholds, review_at=0.4)
    diff = compare([], [], POLICY, replace(POLICY, thresholds=thresholds, review_share=0.1))
    assert [(one.field, one.before, one.after) for one in diff.policy] == [
        ("thresholds.review_at", 0.3, 0.4),
        ("review_share", 0.0, 0.1),
    ]


@given(st.text(max_size=60), st.text(max_size=60))
def test_both_texts_can_be_read_out_of_their_overlay(before: str, after: str) -> None:
    parts = overlay(before, after)
    assert "".join(part.text for part in parts if part.kind != Piece.ADDED) == before
    assert "".join(part.text for part in parts if part.kind != Piece.REMOVED) == after


@pytest.mark.django_db
def test_stored_versions_are_compared_as_they_are_stored() -> None:
    live = make_live_ruleset(A, B)
    author = make_user(Role.RISK_ANALYST)
    draft = copy_to_draft(live, author=author)
    assert diff_rulesets(live, draft).is_empty
    save_rule(draft, rule("R-A", "order.amount > 5"), author=author)
    save_rule(draft, C, author=author)
    delete_rule(draft, "R-B", author=author)
    move_rule(draft, "R-C", to=1, author=author)
    save_policy(draft, replace(POLICY, holds_per_hour=7), author=author)
    diff = diff_rulesets(live, draft)
    assert [one.code for one in diff.added] == ["R-C"]
    assert [one.code for one in diff.removed] == ["R-B"]
    assert [one.code for one in diff.changed] == ["R-A"]
    assert [one.field for one in diff.policy] == ["holds_per_hour"]
    back = diff_rulesets(draft, live)
    assert [one.code for one in back.added] == ["R-B"]
