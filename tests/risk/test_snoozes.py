"""Snoozes: one rule without effect for one entity, until a moment; everybody else is judged as before."""

from datetime import timedelta
from typing import Any

import pytest

from accounts.models import Role, User
from core.errors import Conflict, PermissionDenied, ValidationFailed
from core.models import AuditEntry
from risk import live
from risk.models import RuleSnooze
from risk.services import close_expired_snoozes, end_snooze, pull_brake, snooze_rule
from tests.make import NOON, make_live_ruleset, make_rule, make_user
from tests.risk.test_live import Clock, elsewhere

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def ann() -> User:
    make_live_ruleset(make_rule("true", code="R-1"), make_rule("true", code="R-2"))
    return make_user(Role.RISK_ANALYST)


def snooze(author: User, **fields: Any) -> RuleSnooze:
    values: dict[str, Any] = {
        "entity": "buyer",
        "key": 7,
        "until": NOON + DAY,
        "reason": "A known wholesaler.",
        "at": NOON,
        **fields,
    }
    return snooze_rule("order", values.pop("rule_code", "R-1"), author=author, **values)


def test_it_mutes_the_rule_for_its_entity_until_its_moment(ann: User) -> None:
    snooze(ann)
    muting = live.muting("order")
    assert muting.for_subject({"buyer": 7, "device": None}, NOON) == {"R-1": "snoozed"}
    assert muting.for_subject({"buyer": 8}, NOON) == {}
    assert muting.for_subject({"device": 7}, NOON) == {}
    assert muting.for_subject({"buyer": None}, NOON) == {}
    assert muting.for_subject({"buyer": 7}, NOON + DAY) == {}
    assert live.muting("listing").for_subject({"buyer": 7}, NOON) == {}


def test_a_brake_outranks_a_snooze_and_both_mute(ann: User) -> None:
    snooze(ann)
    snooze(ann, rule_code="R-2", entity="merchant")
    pull_brake("order", rule_code="R-1", by=None, at=NOON)
    muted = live.muting("order").for_subject({"buyer": 7, "merchant": 7}, NOON)
    assert muted == {"R-1": "braked", "R-2": "snoozed"}


def test_one_made_elsewhere_is_seen_within_two_seconds(ann: User, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    assert live.muting("order").for_subject({"buyer": 7}, NOON) == {}
    with elsewhere():
        snooze(ann)
    clock.now += 2
    assert live.muting("order").for_subject({"buyer": 7}, NOON) == {"R-1": "snoozed"}


def test_it_ends_by_hand(ann: User) -> None:
    made = snooze(ann)
    end_snooze(made, by=ann, at=NOON)
    assert live.muting("order").for_subject({"buyer": 7}, NOON) == {}
    with pytest.raises(Conflict):
        end_snooze(made, by=ann, at=NOON)
    assert AuditEntry.objects.filter(action="rule.snooze_ended").count() == 1


def test_the_same_is_snoozed_once_and_again_when_it_is_over(ann: User) -> None:
    made = snooze(ann)
    with pytest.raises(Conflict) as caught:
        snooze(ann)
    assert caught.value.code == "already_snoozed"
    end_snooze(made, by=ann, at=NOON)
    snooze(ann)


def test_those_whose_time_is_over_are_closed_at_their_moment(ann: User) -> None:
    snooze(ann)
    snooze(ann, key=8, until=NOON + 2 * DAY)
    assert close_expired_snoozes(at=NOON + DAY) == 1
    assert [row.ended_at for row in RuleSnooze.objects.order_by("key")] == [NOON + DAY, None]
    assert close_expired_snoozes(at=NOON + DAY) == 0


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"rule_code": "R-9"}, "/rule_code"),
        ({"entity": "phone"}, "/entity"),
        ({"until": NOON}, "/until"),
        ({"until": NOON + 91 * DAY}, "/until"),
        ({"reason": " "}, "/reason"),
    ],
)
def test_what_makes_no_sense_is_refused(ann: User, fields: dict[str, Any], pointer: str) -> None:
    with pytest.raises(ValidationFailed) as caught:
        snooze(ann, **fields)
    assert [error.pointer for error in caught.value.errors] == [pointer]


@pytest.mark.parametrize("role", [None, Role.REVIEWER, Role.OPERATIONS])
def test_only_analysts_snooze(ann: User, role: Role | None) -> None:
    made = snooze(ann, key=1)
    other = make_user(*([role] if role else []))
    with pytest.raises(PermissionDenied):
        snooze(other)
    with pytest.raises(PermissionDenied):
        end_snooze(made, by=other, at=NOON)
