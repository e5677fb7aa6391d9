"""What is live: an activation reaches a running process within two seconds, no decision mixes versions."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from accounts.models import Role
from ml.errors import LearningError
from risk import live
from risk.decide import decide_order
from risk.models import Decision, ModelStatus, ModelVersion, RuleSet
from risk.policy import Thresholds
from risk.rules.engine import Effect
from risk.rulesets import Policy, compile_rows
from risk.services import activate_ruleset, create_draft
from tests.make import NOON, make_backtest, make_live_ruleset, make_order, make_rule, make_user, promote
from tests.risk.versions import alter, make_model

pytestmark = pytest.mark.django_db


class Clock:
    """The process's monotonic clock, moved by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1_000.0
        monkeypatch.setattr("risk.live.time.monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@contextmanager
def elsewhere() -> Iterator[None]:
    """Let the block happen in another process: nothing in this one is told."""
    look, rulesets, models = live._look, dict(live._rulesets), dict(live._models)
    yield
    live._look = look
    live._rulesets.update(rulesets)
    live._models.update(models)


def activate_elsewhere(effect: Effect = Effect.DECLINE) -> RuleSet:
    with elsewhere():
        return make_live_ruleset(make_rule("order.amount >= 0", effect))


def promote_elsewhere(version: ModelVersion) -> None:
    with elsewhere():
        promote(version)


def test_an_activation_elsewhere_is_seen_within_two_seconds(clock: Clock) -> None:
    first = make_live_ruleset()
    found = live.find_live_ruleset("order")
    assert found is not None
    assert found.id == first.pk
    second = activate_elsewhere()
    clock.now += 2
    found = live.find_live_ruleset("order")
    assert found is not None
    assert found.id == second.pk


def test_a_promotion_elsewhere_is_seen_within_two_seconds(clock: Clock) -> None:
    make_model()
    assert live.find_champion("order") is not None
    shadow = make_model(status="shadow")
    assert live.find_champion("order") is not None
    promote_elsewhere(shadow)
    clock.now += 2
    champion = live.find_champion("order")
    assert champion is not None
    assert champion.id == shadow.pk


def test_a_champion_that_was_taken_back_is_no_longer_used(clock: Clock) -> None:
    make_model()
    assert live.find_champion("order") is not None
    ModelVersion.objects.update(status=ModelStatus.RETIRED)
    clock.now += 2
    assert live.find_champion("order") is None


def test_the_first_ruleset_is_found_although_there_was_none(clock: Clock) -> None:
    assert live.find_live_ruleset("order") is None
    activate_elsewhere()
    clock.now += 2
    assert live.find_live_ruleset("order") is not None


def test_an_activation_in_this_process_is_seen_at_once() -> None:
    make_live_ruleset()
    live.find_live_ruleset("order")
    second = make_live_ruleset(make_rule("order.amount > 5"))
    found = live.find_live_ruleset("order")
    assert found is not None
    assert found.id == second.pk


def test_between_looks_no_query_is_made_and_a_look_takes_two_whatever_is_asked(
    clock: Clock, django_assert_num_queries: Any
) -> None:
    make_live_ruleset()
    make_model()
    live.find_live_ruleset("order")
    live.find_champion("order")
    with django_assert_num_queries(0):
        live.find_live_ruleset("order")
        live.find_champion("order")
    clock.now += 1
    with django_assert_num_queries(2):
        for subject in ("order", "listing", "application"):
            live.find_live_ruleset(subject)
            live.find_champion(subject)
            live.muting(subject)
        live.list_states()


def test_subjects_do_not_share_what_is_live() -> None:
    make_live_ruleset()
    make_model()
    assert live.find_live_ruleset("listing") is None
    assert live.find_champion("listing") is None


def test_an_altered_model_is_refused_when_it_is_loaded() -> None:
    version = make_model()
    alter(version)
    with pytest.raises(LearningError) as caught:
        live.find_champion("order")
    assert caught.value.code == "damaged_artifact"


def test_a_file_that_was_exchanged_for_another_good_model_is_refused() -> None:
    version, other = make_model(), make_model(probability=0.5, status="shadow")
    with other.artifact.open("rb") as file:
        content = file.read()
    Path(version.artifact.path).write_bytes(content)
    with pytest.raises(LearningError):
        live.load_version(version)


def test_an_activation_in_the_midst_of_a_decision_does_not_reach_it(
    monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    first = make_live_ruleset(make_rule("order.amount >= 0", Effect.REVIEW))
    make_model()

    find_champion = live.find_champion

    def activate_meanwhile(subject: str) -> Any:
        make_live_ruleset(make_rule("order.amount >= 0", Effect.DECLINE))
        clock.now += 5
        return find_champion(subject)

    monkeypatch.setattr(live, "find_champion", activate_meanwhile)
    decision = decide_order(make_order(), as_of=NOON)
    assert (decision.ruleset_id, decision.outcome) == (first.pk, "review")
    assert_is_of_one_version(decision)


def test_decisions_between_activations_each_name_what_judged_them(clock: Clock) -> None:
    analysts = [make_user(Role.RISK_ANALYST), make_user(Role.RISK_ANALYST)]
    make_model()
    policy = Policy(Thresholds(review_at=0.3, decline_at=0.8, points_review_at=30, points_decline_at=100))
    seen = set()
    for number in range(6):
        rules = [make_rule(f"order.amount > {number}", code="R-1")]
        draft = create_draft("order", "Test", rules=rules, policy=policy, author=analysts[0])
        make_backtest(draft)
        activate_ruleset(draft, approver=analysts[1], at=NOON)
        decision = decide_order(make_order(), as_of=NOON)
        assert_is_of_one_version(decision)
        seen.add(decision.ruleset_id)
        clock.now += 0.1
    assert len(seen) == 6


def assert_is_of_one_version(decision: Decision) -> None:
    stored = Decision.objects.get(pk=decision.pk)
    assert stored.ruleset_id is not None
    ruleset = RuleSet.objects.get(pk=stored.ruleset_id)
    assert stored.ruleset_hash == ruleset.content_hash
    assert stored.snapshot["evaluation"]["ruleset"] == compile_rows(ruleset).rules.hash
