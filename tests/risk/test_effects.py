"""What takes part in a decision beside rules and model: lists, snoozes, brakes, rollouts. All replays."""

from datetime import timedelta

import pytest

from accounts.models import Role, User
from orders.placing import Signals
from risk import live
from risk.decide import decide_order
from risk.list_files import NewEntry
from risk.models import Brake, Decision, EntityList
from risk.replay import Archive, find_differences
from risk.rules.engine import Effect
from risk.services import add_entries, create_list, pull_brake, release_brake, remove_entries, snooze_rule
from tests.make import NOON, make_live_ruleset, make_merchant, make_model, make_order, make_rule, make_user

pytestmark = pytest.mark.django_db

BLOCKED = "192.0.2.66"


@pytest.fixture
def analyst() -> User:
    return make_user(Role.RISK_ANALYST)


@pytest.fixture
def blocked_ips(analyst: User) -> EntityList:
    made = create_list("blocked_ips", "Blocked addresses", kind="ip", author=analyst)
    add_entries(made, [NewEntry(BLOCKED)], author=analyst)
    return made


def decide_from(ip: str) -> Decision:
    return decide_order(make_order(signals=Signals(ip=ip)), as_of=NOON)


def differences_of(decision: Decision) -> tuple[object, ...]:
    return find_differences(Decision.objects.get(pk=decision.pk), Archive())


def test_a_list_is_asked_before_the_rules_and_its_answer_is_stored(blocked_ips: EntityList) -> None:
    make_live_ruleset(make_rule('order.ip in list("blocked_ips")', Effect.DECLINE))
    make_model()
    assert decide_from("192.0.2.1").outcome == "approve"
    decision = decide_from(BLOCKED)
    assert decision.outcome == "decline"
    assert list(decision.snapshot["probes"].values()) == [True]
    assert BLOCKED not in str(decision.snapshot)


def test_a_decision_replays_after_its_list_has_changed(blocked_ips: EntityList, analyst: User) -> None:
    make_live_ruleset(make_rule('order.ip in list("blocked_ips")', Effect.DECLINE))
    make_model()
    before = decide_from(BLOCKED)
    remove_entries(blocked_ips, [BLOCKED], author=analyst)
    live.look_again()
    after = decide_from(BLOCKED)
    assert (before.outcome, after.outcome) == ("decline", "approve")
    assert differences_of(before) == differences_of(after) == ()


def test_a_list_that_cannot_be_read_degrades_and_a_person_looks(
    blocked_ips: EntityList, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_live_ruleset(make_rule('order.ip in list("blocked_ips")', Effect.DECLINE))
    make_model()

    def fall_over(code: str) -> None:
        raise OSError("the list is not to be had")

    monkeypatch.setattr("risk.lists.find_list", fall_over)
    decision = decide_from(BLOCKED)
    monkeypatch.undo()
    assert (decision.outcome, decision.degraded) == ("review", ["list:blocked_ips"])
    assert differences_of(decision) == ()


def test_a_snoozed_rule_is_recorded_without_effect_for_that_entity_only(analyst: User) -> None:
    rule = make_rule("order.amount > 1", Effect.REVIEW)
    make_live_ruleset(rule)
    make_model()
    trusted, other = make_merchant(), make_merchant()
    snooze_rule(
        "order",
        rule.code,
        entity="merchant",
        key=trusted.pk,
        until=NOON + timedelta(days=1),
        reason="A known sale",
        author=analyst,
        at=NOON,
    )
    live.look_again()
    spared, held, later = (
        decide_order(make_order(merchant, at=at), as_of=at)
        for merchant, at in ((trusted, NOON), (other, NOON), (trusted, NOON + timedelta(days=2)))
    )
    assert (spared.outcome, held.outcome, later.outcome) == ("approve", "review", "review")
    evaluation = spared.snapshot["evaluation"]
    assert (evaluation["results"], evaluation["muted"]) == ({rule.code: True}, {rule.code: "snoozed"})
    assert differences_of(spared) == differences_of(held) == ()


def test_a_braked_rule_has_no_effect_until_it_is_released(analyst: User) -> None:
    rule = make_rule("order.amount > 1", Effect.DECLINE)
    make_live_ruleset(rule)
    make_model()
    brake = pull_brake("order", rule_code=rule.code, cause=Brake.Cause.MANUAL, by=analyst, at=NOON)
    braked = decide_order(make_order(), as_of=NOON)
    release_brake(brake, by=analyst, at=NOON + timedelta(hours=1))
    released = decide_order(make_order(), as_of=NOON)
    assert (braked.outcome, released.outcome) == ("approve", "decline")
    assert differences_of(braked) == ()


def test_a_rollout_takes_its_share_of_subjects_and_the_same_ones_again() -> None:
    make_live_ruleset(make_rule("order.amount > 1", Effect.REVIEW, rollout_percent=50))
    make_model()
    decisions = [decide_order(make_order(), as_of=NOON) for _ in range(60)]
    held = [decision.outcome == "review" for decision in decisions]
    assert 15 < sum(held) < 45
    assert [differences_of(decision) for decision in decisions] == [()] * 60


@pytest.mark.parametrize(
    ("starts", "ends", "outcome"),
    [
        (-1, 1, "review"),
        (1, None, "approve"),
        (None, -1, "approve"),
        (0, None, "review"),
        (None, 0, "approve"),
    ],
)
def test_a_rule_has_effect_from_its_start_to_its_end(
    starts: int | None, ends: int | None, outcome: str
) -> None:
    moments = [None if hours is None else NOON + timedelta(hours=hours) for hours in (starts, ends)]
    make_live_ruleset(make_rule("order.amount > 1", Effect.REVIEW, starts_at=moments[0], ends_at=moments[1]))
    make_model()
    assert decide_order(make_order(), as_of=NOON).outcome == outcome


def test_without_an_earlier_model_a_braked_champion_leaves_the_decision_to_a_person(analyst: User) -> None:
    make_live_ruleset()
    make_model()
    pull_brake("order", cause=Brake.Cause.MANUAL, by=analyst, at=NOON)
    decision = decide_order(make_order(), as_of=NOON)
    assert (decision.outcome, decision.degraded, decision.score) == ("review", ["model_braked"], None)
    assert differences_of(decision) == ()
