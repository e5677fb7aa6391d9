"""The activation gate: no backtest of exactly this content, or no second person, and nothing goes live."""

from datetime import timedelta
from typing import Any

import pytest

from accounts.models import Role, User
from core.errors import Conflict, PermissionDenied
from core.models import AuditEntry
from risk import live
from risk.models import Activation, Backtest, RuleSet
from risk.policy import Thresholds
from risk.rulesets import Policy, draft_hash
from risk.services import (
    activate_ruleset,
    approve_ruleset,
    create_draft,
    roll_back,
    save_rule,
    start_scheduled,
    unschedule,
)
from tests.make import NOON, make_backtest, make_live_ruleset, make_rule, make_user
from tests.risk.guards import refused

pytestmark = pytest.mark.django_db
POLICY = Policy(Thresholds(review_at=0.3, decline_at=0.8, points_review_at=30, points_decline_at=100))
HOUR = timedelta(hours=1)


@pytest.fixture
def ann() -> User:
    return make_user(Role.RISK_ANALYST)


@pytest.fixture
def bob() -> User:
    return make_user(Role.RISK_ANALYST)


def make_draft(author: User, condition: str = "order.amount > 1", *, subject: str = "order") -> RuleSet:
    rules = [make_rule(condition, code="R-1")] if condition else []
    return create_draft(subject, "Test", rules=rules, policy=POLICY, author=author)


def status_of(ruleset: RuleSet) -> str:
    return RuleSet.objects.get(pk=ruleset.pk).status


class TestServices:
    def test_a_draft_without_a_backtest_is_refused(self, ann: User, bob: User) -> None:
        draft = make_draft(ann)
        with pytest.raises(Conflict) as caught:
            activate_ruleset(draft, approver=bob, at=NOON)
        assert (caught.value.code, status_of(draft)) == ("no_fresh_backtest", "draft")

    @pytest.mark.parametrize(
        ("age", "is_live"), [(timedelta(days=7), True), (timedelta(days=7, seconds=1), False)]
    )
    def test_a_backtest_counts_for_seven_days(
        self, ann: User, bob: User, age: timedelta, is_live: bool
    ) -> None:
        draft = make_draft(ann)
        make_backtest(draft, at=NOON - age)
        if is_live:
            activate_ruleset(draft, approver=bob, at=NOON)
        else:
            with pytest.raises(Conflict):
                activate_ruleset(draft, approver=bob, at=NOON)
        assert (status_of(draft) == "live") is is_live

    def test_an_edit_after_the_backtest_makes_it_one_of_other_content(self, ann: User, bob: User) -> None:
        draft = make_draft(ann)
        backtest = make_backtest(draft)
        save_rule(draft, make_rule("order.amount > 2", code="R-1"), author=ann)
        with pytest.raises(Conflict) as caught:
            approve_ruleset(draft, backtest=backtest, approver=bob, at=NOON)
        assert caught.value.code == "backtest_of_other_content"
        with pytest.raises(Conflict) as caught:
            activate_ruleset(draft, approver=bob, at=NOON)
        assert caught.value.code == "no_fresh_backtest"

    def test_taking_the_edit_back_makes_the_backtest_count_again(self, ann: User, bob: User) -> None:
        draft = make_draft(ann)
        make_backtest(draft)
        original = draft.rules.get()
        save_rule(draft, make_rule("order.amount > 2", code="R-1", name=original.name), author=ann)
        save_rule(draft, make_rule("order.amount > 1", code="R-1", name=original.name), author=ann)
        assert activate_ruleset(draft, approver=bob, at=NOON).activated_at == NOON

    @pytest.mark.parametrize("fields", [{"kind": "rule", "rule_code": "R-1"}, {"kind": "thresholds"}])
    def test_a_backtest_of_a_part_is_none_of_the_whole(
        self, ann: User, bob: User, fields: dict[str, Any]
    ) -> None:
        draft = make_draft(ann)
        part = make_backtest(draft, **fields)
        for attempt in (
            lambda: approve_ruleset(draft, backtest=part, approver=bob, at=NOON),
            lambda: activate_ruleset(draft, approver=bob, at=NOON),
        ):
            with pytest.raises(Conflict) as caught:
                attempt()
            assert caught.value.code == "no_fresh_backtest"

    def test_an_unfinished_backtest_is_none(self, ann: User, bob: User) -> None:
        draft = make_draft(ann)
        running = Backtest.objects.create(
            subject="order", ruleset=draft, content_hash=draft_hash(draft), since=NOON - HOUR, until=NOON
        )
        with pytest.raises(Conflict):
            approve_ruleset(draft, backtest=running, approver=bob, at=NOON)

    def test_author_and_last_editor_both_need_a_second_person(self, ann: User, bob: User) -> None:
        draft = make_draft(ann)
        save_rule(draft, make_rule("true", code="R-2"), author=bob)
        make_backtest(draft)
        for person in (ann, bob):
            with pytest.raises(PermissionDenied) as caught:
                activate_ruleset(draft, approver=person, at=NOON)
            assert caught.value.code == "second_person_needed"
        activation = activate_ruleset(draft, approver=make_user(Role.RISK_ANALYST), at=NOON)
        assert (activation.author, activation.last_editor) == (ann, bob)

    def test_a_superuser_is_no_exception(self, ann: User) -> None:
        root = User.objects.create_superuser("root@example.com", "x")
        draft = make_draft(root)
        make_backtest(draft)
        with pytest.raises(PermissionDenied):
            activate_ruleset(draft, approver=root, at=NOON)
        other = make_draft(ann, "order.amount > 77")
        with pytest.raises(Conflict):
            activate_ruleset(other, approver=root, at=NOON)

    def test_the_activation_copies_what_it_rests_on(self, ann: User, bob: User) -> None:
        draft = make_draft(ann)
        backtest = make_backtest(draft, at=NOON - HOUR)
        approve_ruleset(draft, backtest=backtest, approver=bob, at=NOON)
        kept = Activation.objects.get()
        assert kept.ruleset_hash == kept.backtest_hash == draft_hash(draft)
        assert (kept.backtest, kept.backtest_finished_at) == (backtest, NOON - HOUR)
        assert (kept.author, kept.last_editor, kept.approver) == (ann, None, bob)
        assert (kept.approved_at, kept.activated_at) == (NOON, NOON)


class TestSchedule:
    @pytest.fixture
    def scheduled(self, ann: User, bob: User) -> RuleSet:
        make_live_ruleset()
        draft = make_draft(ann)
        approve_ruleset(
            draft, backtest=make_backtest(draft), approver=bob, at=NOON, starts_at=NOON + 2 * HOUR
        )
        return draft

    def test_it_waits_for_its_hour_and_then_goes_live_once(self, scheduled: RuleSet) -> None:
        assert (start_scheduled(at=NOON + HOUR), status_of(scheduled)) == (0, "scheduled")
        assert (start_scheduled(at=NOON + 2 * HOUR), status_of(scheduled)) == (1, "live")
        assert start_scheduled(at=NOON + 2 * HOUR) == 0
        assert RuleSet.objects.filter(status="retired").count() == 1
        assert Activation.objects.get(ruleset=scheduled).activated_at == NOON + 2 * HOUR
        found = live.find_live_ruleset("order")
        assert found is not None
        assert found.id == scheduled.pk

    def test_it_cannot_be_edited_while_it_waits(self, scheduled: RuleSet, ann: User) -> None:
        with pytest.raises(Conflict):
            save_rule(scheduled, make_rule("true"), author=ann)
        with refused("rules_of_published_ruleset_are_immutable"):
            scheduled.rules.update(condition="true")

    def test_taken_back_it_needs_a_new_approval(self, scheduled: RuleSet, ann: User, bob: User) -> None:
        unschedule(scheduled, editor=ann, at=NOON + HOUR)
        assert status_of(scheduled) == "draft"
        assert start_scheduled(at=NOON + 3 * HOUR) == 0
        with refused("ruleset_goes_live_by_approval"):
            RuleSet.objects.filter(pk=scheduled.pk).update(status="scheduled")
        activate_ruleset(scheduled, approver=bob, at=NOON + 3 * HOUR)
        assert status_of(scheduled) == "live"

    def test_what_is_not_scheduled_cannot_be_taken_back(self, ann: User) -> None:
        with pytest.raises(Conflict) as caught:
            unschedule(make_draft(ann), editor=ann, at=NOON)
        assert caught.value.code == "not_scheduled"

    def test_the_backtest_is_still_fresh_when_it_starts(self, ann: User, bob: User) -> None:
        draft = make_draft(ann)
        with pytest.raises(Conflict) as caught:
            approve_ruleset(
                draft,
                backtest=make_backtest(draft),
                approver=bob,
                at=NOON,
                starts_at=NOON + timedelta(days=7, hours=1),
            )
        assert caught.value.code == "no_fresh_backtest"

    def test_of_two_that_are_due_the_later_one_stays_live(self, scheduled: RuleSet, ann: User) -> None:
        later = make_draft(ann, "order.amount > 9")
        approve_ruleset(
            later,
            backtest=make_backtest(later),
            approver=make_user(Role.RISK_ANALYST),
            at=NOON,
            starts_at=NOON + 3 * HOUR,
        )
        assert start_scheduled(at=NOON + 4 * HOUR) == 2
        assert (status_of(scheduled), status_of(later)) == ("retired", "live")


class TestRollBack:
    def make_history(self, count: int) -> list[RuleSet]:
        return [make_live_ruleset(make_rule(f"order.amount > {number}")) for number in range(count)]

    def test_one_action_brings_back_what_was_live_before(self, bob: User) -> None:
        first, second = self.make_history(2)
        activation = roll_back("order", approver=bob, at=NOON + timedelta(days=90))
        assert (status_of(first), status_of(second)) == ("live", "retired")
        earlier = Activation.objects.filter(ruleset=first).earliest("pk")
        assert (activation.returns_to, activation.backtest) == (earlier, earlier.backtest)
        found = live.find_live_ruleset("order")
        assert found is not None
        assert found.id == first.pk

    def test_twice_goes_back_two_versions_not_to_and_fro(self, bob: User) -> None:
        first, second, third = self.make_history(3)
        roll_back("order", approver=bob, at=NOON)
        assert status_of(second) == "live"
        roll_back("order", approver=bob, at=NOON + HOUR)
        assert (status_of(first), status_of(third)) == ("live", "retired")
        with pytest.raises(Conflict) as caught:
            roll_back("order", approver=bob, at=NOON + HOUR)
        assert caught.value.code == "nothing_to_roll_back_to"

    def test_after_a_new_version_it_returns_to_the_one_that_was_rolled_back_to(self, bob: User) -> None:
        first, _second = self.make_history(2)
        roll_back("order", approver=bob, at=NOON)
        self.make_history(1)
        roll_back("order", approver=bob, at=NOON)
        assert status_of(first) == "live"

    def test_it_still_takes_a_second_person(self, bob: User) -> None:
        first, _second = self.make_history(2)
        with pytest.raises(PermissionDenied):
            roll_back("order", approver=first.author, at=NOON)
        with pytest.raises(PermissionDenied):
            roll_back("order", approver=make_user(Role.REVIEWER), at=NOON)

    def test_an_earlier_version_needs_no_fresh_backtest(self, bob: User) -> None:
        first, _second, _third = self.make_history(3)
        activate_ruleset(first, approver=bob, at=NOON + timedelta(days=365))
        assert status_of(first) == "live"

    def test_it_is_audited(self, bob: User) -> None:
        first, _second = self.make_history(2)
        roll_back("order", approver=bob, at=NOON)
        entries = AuditEntry.objects.filter(actor_id=str(bob.pk), subject_id=first.pk).order_by("pk")
        assert [entry.action for entry in entries] == ["ruleset.approved", "ruleset.activated"]
