"""Writes on rulesets, models and labels: drafts are edited, a second person approves, history stays."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from accounts.models import Role, User
from core.errors import Conflict, NotFound, PermissionDenied, ValidationFailed
from core.ids import new_id
from core.models import AuditEntry
from core.refs import Ref
from risk.models import (
    Activation,
    Decision,
    Label,
    LabelSource,
    ModelPromotion,
    ModelVersion,
    Rule,
    RuleSet,
)
from risk.policy import Thresholds
from risk.rulesets import Policy, compile_rows, draft_hash, policy_of
from risk.services import (
    activate_ruleset,
    check_condition,
    copy_to_draft,
    create_draft,
    delete_rule,
    move_rule,
    record_label,
    rename_ruleset,
    save_policy,
    save_rule,
)
from tests.core.racing import at_once, on_postgresql
from tests.make import (
    NOON,
    make_backtest,
    make_comparison,
    make_live_ruleset,
    make_order,
    make_rule,
    make_user,
)
from tests.risk.versions import make_model

pytestmark = pytest.mark.django_db
POLICY = Policy(Thresholds(review_at=0.3, decline_at=0.8, points_review_at=30, points_decline_at=100))


@pytest.fixture
def ann() -> User:
    return make_user(Role.RISK_ANALYST)


@pytest.fixture
def bob() -> User:
    return make_user(Role.RISK_ANALYST)


def make_draft(author: User, *rules: Any, subject: str = "order") -> RuleSet:
    return create_draft(subject, "Test", rules=rules, policy=POLICY, author=author)


class TestDrafts:
    def test_versions_are_numbered_per_subject(self, ann: User) -> None:
        numbers = [make_draft(ann).number, make_draft(ann).number, make_draft(ann, subject="listing").number]
        assert numbers == [1, 2, 1]

    def test_a_rule_is_added_at_the_end_and_replaced_in_its_place(self, ann: User) -> None:
        draft = make_draft(ann, make_rule("order.amount > 1", code="R-1"))
        save_rule(draft, make_rule("order.amount > 2", code="R-2"), author=ann)
        save_rule(draft, make_rule("order.amount > 3", code="R-1"), author=ann)
        assert [(rule.code, rule.condition) for rule in draft.rules.all()] == [
            ("R-1", "order.amount > 3"),
            ("R-2", "order.amount > 2"),
        ]

    def test_a_rule_is_taken_out_by_its_code(self, ann: User) -> None:
        draft = make_draft(ann, make_rule("true", code="R-1"), make_rule("true", code="R-2"))
        delete_rule(draft, "R-1", author=ann)
        assert [rule.code for rule in draft.rules.all()] == ["R-2"]

    def test_every_write_is_audited(self, ann: User) -> None:
        draft = make_draft(ann)
        save_rule(draft, make_rule("true", code="R-1"), author=ann)
        delete_rule(draft, "R-1", author=ann)
        entries = AuditEntry.objects.filter(subject_kind="ruleset", actor_id=str(ann.pk)).order_by("id")
        actions = [entry.action for entry in entries]
        assert actions == ["ruleset.created", "rule.saved", "rule.deleted"]

    def test_a_condition_that_cannot_be_read_is_pointed_into(self, ann: User) -> None:
        draft = make_draft(ann)
        with pytest.raises(ValidationFailed) as caught:
            save_rule(draft, make_rule("order.amuont > 3"), author=ann)
        (error,) = caught.value.errors
        assert error.pointer == "/condition"
        assert (error.params["offset"], error.params["length"]) == (0, len("order.amuont"))
        assert error.params["suggestion"] == "order.amount"
        assert not draft.rules.exists()

    def test_a_rule_is_moved_to_another_place(self, ann: User) -> None:
        draft = make_draft(ann, *(make_rule("true", code=f"R-{number}") for number in (1, 2, 3)))
        orders = []
        for code, to in [("R-3", 1), ("R-3", 99), ("R-1", 2)]:
            move_rule(draft, code, to=to, author=ann)
            orders.append("".join(rule.code[-1] for rule in draft.rules.all()))
        assert orders == ["312", "123", "213"]
        with pytest.raises(NotFound):
            move_rule(draft, "R-9", to=1, author=ann)

    def test_a_policy_is_replaced_and_changes_the_hash(self, ann: User) -> None:
        draft = make_draft(ann)
        before = draft_hash(draft)
        save_policy(draft, replace(POLICY, review_share=0.1, holds_per_hour=40), author=ann)
        row = RuleSet.objects.get(pk=draft.pk)
        assert policy_of(row.policy) == replace(POLICY, review_share=0.1, holds_per_hour=40)
        assert draft_hash(row) != before

    @pytest.mark.parametrize("fields", [{"review_share": 1.5}, {"holds_per_hour": 0}])
    def test_a_policy_that_means_nothing_cannot_be_made(self, fields: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match=r"at random|at least one"):
            replace(POLICY, **fields)

    def test_a_name_is_not_part_of_what_is_judged(self, ann: User, bob: User) -> None:
        draft = make_draft(ann)
        before = draft_hash(draft)
        rename_ruleset(draft, "Spring", author=bob)
        row = RuleSet.objects.get(pk=draft.pk)
        assert (row.name, row.last_editor, draft_hash(row)) == ("Spring", None, before)

    def test_a_reason_that_merchants_could_not_read_is_refused(self, ann: User) -> None:
        with pytest.raises(ValidationFailed) as caught:
            save_rule(make_draft(ann), make_rule("true", reason_code="because"), author=ann)
        assert caught.value.errors[0].pointer == "/reason_code"

    def test_a_condition_says_which_fields_it_uses(self) -> None:
        fields = check_condition("order", "order.amount > 3 and device_orders_1h_count > 1")
        assert fields == ("order.amount", "device_orders_1h_count")

    def test_a_copy_starts_from_the_other_version(self, ann: User, bob: User) -> None:
        original = make_live_ruleset(make_rule("order.amount > 7", code="R-7"), review_share=0.25)
        copy = copy_to_draft(original, author=bob)
        assert (copy.status, copy.author, copy.policy) == ("draft", bob, original.policy)
        assert [rule.condition for rule in copy.rules.all()] == ["order.amount > 7"]

    @pytest.mark.parametrize("role", [None, Role.REVIEWER, Role.SENIOR_REVIEWER, Role.OPERATIONS])
    def test_only_analysts_write_rules(self, ann: User, role: Role | None) -> None:
        other = make_user(*([role] if role else []))
        draft = make_draft(ann, make_rule("true", code="R-1"))
        attempts: list[Callable[[], object]] = [
            lambda: make_draft(other),
            lambda: save_rule(draft, make_rule("true"), author=other),
            lambda: delete_rule(draft, "R-1", author=other),
            lambda: copy_to_draft(draft, author=other),
            lambda: activate_ruleset(draft, approver=other, at=NOON),
        ]
        for attempt in attempts:
            with pytest.raises(PermissionDenied):
                attempt()
        assert RuleSet.objects.count() == 1


class TestActivation:
    def test_the_former_version_retires_in_the_same_commit(self, ann: User, bob: User) -> None:
        first = make_live_ruleset()
        second = make_draft(ann)
        make_backtest(second)
        activation = activate_ruleset(second, approver=bob, at=NOON)
        first.refresh_from_db()
        row = RuleSet.objects.get(pk=second.pk)
        assert (first.status, first.retired_at) == ("retired", NOON)
        assert (row.status, row.published_at, len(row.content_hash)) == ("live", NOON, 64)
        assert (activation.ruleset_hash, activation.author, activation.approver) == (
            row.content_hash,
            ann,
            bob,
        )

    def test_whoever_edited_it_last_cannot_approve_it(self, ann: User, bob: User) -> None:
        draft = make_draft(ann)
        stale = RuleSet.objects.get(pk=draft.pk)
        save_rule(draft, make_rule("true"), author=bob)
        make_backtest(draft)
        for held in (draft, stale):
            for person in (ann, bob):
                with pytest.raises(PermissionDenied) as caught:
                    activate_ruleset(held, approver=person, at=NOON)
                assert caught.value.code == "second_person_needed"
        activation = activate_ruleset(draft, approver=make_user(Role.RISK_ANALYST), at=NOON)
        assert (activation.author, activation.last_editor) == (ann, bob)

    def test_whoever_took_a_rule_out_moved_one_or_set_the_policy_edited_it_too(
        self, ann: User, bob: User
    ) -> None:
        edits: list[Callable[[RuleSet], object]] = [
            lambda draft: delete_rule(draft, "R-1", author=bob),
            lambda draft: move_rule(draft, "R-1", to=1, author=bob),
            lambda draft: save_policy(draft, POLICY, author=bob),
        ]
        for edit in edits:
            draft = make_draft(ann, make_rule("true", code="R-1"))
            edit(draft)
            make_backtest(draft)
            with pytest.raises(PermissionDenied):
                activate_ruleset(draft, approver=bob, at=NOON)

    def test_a_superuser_is_no_exception(self) -> None:
        root = User.objects.create_superuser("root@example.com", "x")
        with pytest.raises(PermissionDenied):
            activate_ruleset(make_draft(root), approver=root, at=NOON)

    def test_a_ruleset_with_a_condition_that_cannot_be_read_stays_a_draft(self, ann: User, bob: User) -> None:
        before = make_live_ruleset()
        draft = make_draft(ann, make_rule("order.gone > 1", code="R-9"))
        with pytest.raises(ValidationFailed) as caught:
            activate_ruleset(draft, approver=bob, at=NOON)
        assert "R-9" in caught.value.errors[0].detail
        assert RuleSet.objects.get(status="live") == before

    def test_what_is_live_cannot_be_activated_again(self) -> None:
        ruleset = make_live_ruleset()
        with pytest.raises(Conflict) as caught:
            activate_ruleset(ruleset, approver=make_user(Role.RISK_ANALYST), at=NOON)
        assert caught.value.code == "already_live"

    def test_an_earlier_version_can_come_back(self, bob: User) -> None:
        first = make_live_ruleset(make_rule("order.amount > 1"))
        content_hash = RuleSet.objects.get(pk=first.pk).content_hash
        make_live_ruleset()
        first.refresh_from_db()
        activate_ruleset(first, approver=bob, at=NOON)
        row = RuleSet.objects.get(status="live")
        assert (row, row.retired_at, row.content_hash) == (first, None, content_hash)

    def test_what_has_left_draft_cannot_be_edited_not_even_by_who_still_holds_the_draft(
        self, ann: User, bob: User
    ) -> None:
        draft = make_draft(ann, make_rule("true", code="R-1"))
        stale = RuleSet.objects.get(pk=draft.pk)
        make_backtest(draft)
        activate_ruleset(draft, approver=bob, at=NOON)
        for held in (draft, stale):
            for edit in (
                lambda row=held: save_rule(row, make_rule("false", code="R-1"), author=ann),
                lambda row=held: delete_rule(row, "R-1", author=ann),
            ):
                with pytest.raises(Conflict) as caught:
                    edit()
                assert caught.value.code == "not_a_draft"
        assert [rule.condition for rule in Rule.objects.all()] == ["true"]


class TestDatabaseKeeps:
    """What services promise holds for whoever writes past them, superusers included."""

    def test_one_live_ruleset_per_subject(self, ann: User) -> None:
        make_live_ruleset()
        draft = make_draft(ann, make_rule("true"))
        approval = Activation.objects.create(
            ruleset=draft, ruleset_hash=draft_hash(draft), backtest=(test := make_backtest(draft)),
            backtest_hash=test.content_hash, backtest_finished_at=test.finished_at, author=ann,
            approver=make_user(), approved_at=NOON,
        )  # fmt: skip
        with refused("one_live_ruleset_per_subject", "risk_ruleset.subject"):
            RuleSet.objects.filter(pk=draft.pk).update(status="live", content_hash=approval.ruleset_hash)

    def test_one_champion_per_subject(self) -> None:
        make_model()
        shadow = make_model(status="shadow")
        ModelPromotion.objects.update(ended_at=NOON)
        comparison = make_comparison(shadow)
        ModelPromotion.objects.create(
            subject="order", model=shadow, sha256=shadow.sha256, champion_sha256=comparison.champion_sha256,
            comparison=comparison, compared_at=NOON, approver=make_user(), promoted_at=NOON,
        )  # fmt: skip
        with refused("one_champion_per_subject", "risk_modelversion.subject"):
            ModelVersion.objects.filter(pk=shadow.pk).update(status="champion")

    def test_that_a_degraded_decision_never_approves(self) -> None:
        with refused("degraded_never_approves"):
            write_decision(outcome="approve", degraded=["score"])
        write_decision(outcome="review", degraded=["score"])
        write_decision(outcome="approve", degraded=[])

    @pytest.mark.parametrize("score", [-0.01, 1.01])
    def test_that_a_score_is_a_probability(self, score: float) -> None:
        with refused("score_is_a_probability"):
            write_decision(outcome="review", score=score)

    def test_one_standing_label_per_source_and_subject(self) -> None:
        def write() -> Label:
            return Label.objects.create(
                subject_kind="order", subject_id=1, source="verdict", is_bad=True,
                occurred_at=NOON, known_at=NOON,
            )  # fmt: skip

        write()
        with refused("one_standing_label_per_source", "risk_label.subject_kind"):
            write()


class TestLabels:
    def test_a_label_takes_the_keys_of_its_order(self) -> None:
        order = make_order()
        label = record_label(
            Ref("order", order.pk),
            is_bad=True,
            source=LabelSource.CHARGEBACK,
            occurred_at=NOON,
            known_at=NOON + timedelta(days=30),
            order=order,
        )
        assert (label.merchant_id, label.buyer_key) == (order.merchant_id, order.buyer_key)
        assert (label.device_key, label.card_key) == (order.device_key, order.card_key)

    @staticmethod
    def say(is_bad: bool, known_at: datetime) -> Label:
        return record_label(
            Ref("listing", 5),
            is_bad=is_bad,
            source=LabelSource.VERDICT,
            occurred_at=NOON,
            known_at=known_at,
            merchant_id=3,
        )

    def test_a_source_that_speaks_again_corrects_what_it_said(self) -> None:
        self.say(True, NOON)
        self.say(False, NOON + timedelta(days=2))
        assert [(label.is_bad, label.merchant_id) for label in Label.objects.standing()] == [(False, 3)]

    @pytest.mark.parametrize(
        ("days", "said"), [(0, []), (1, [True]), (2, [True]), (3, [False])],
        ids=["before", "said", "correction not known yet", "corrected"],
    )  # fmt: skip
    def test_a_correction_leaves_earlier_moments_as_they_were(self, days: int, said: list[bool]) -> None:
        self.say(True, NOON)
        self.say(False, NOON + timedelta(days=2))
        stood = Label.objects.as_of(NOON + timedelta(days=days))
        assert [label.is_bad for label in stood] == said

    def test_a_correction_that_is_dated_before_what_it_corrects_replaces_it_from_the_start(self) -> None:
        self.say(True, NOON)
        self.say(False, NOON - timedelta(days=1))
        for days in (-0.5, 0.5):
            stood = Label.objects.as_of(NOON + timedelta(days=days))
            assert [label.is_bad for label in stood] == [False]

    def test_a_source_that_repeats_itself_changes_nothing(self) -> None:
        first = self.say(True, NOON)
        assert self.say(True, NOON + timedelta(days=1)) == first
        assert Label.objects.get().known_at == NOON

    def test_different_sources_each_keep_their_word(self) -> None:
        for source in (LabelSource.VERDICT, LabelSource.CHARGEBACK):
            record_label(Ref("order", 5), is_bad=True, source=source, occurred_at=NOON, known_at=NOON)
        assert Label.objects.count() == 2


class TestRacing:
    pytestmark = on_postgresql

    def test_of_an_edit_and_an_activation_the_later_one_is_refused(self) -> None:
        ann, bob = make_user(Role.RISK_ANALYST), make_user(Role.RISK_ANALYST)
        for _ in range(5):
            draft = make_draft(ann, make_rule("true", code="R-1"))
            make_backtest(draft)

            def work(number: int, draft: RuleSet = draft) -> str:
                mine = RuleSet.objects.get(pk=draft.pk)
                if number:
                    activate_ruleset(mine, approver=bob, at=NOON)
                else:
                    save_rule(mine, make_rule("false", code="R-1"), author=ann)
                return "done"

            edited, activated = at_once(2, work)
            # Whoever came first: an edited draft is not what was backtested, a published one is not edited.
            stale = {"no_fresh_backtest", "backtest_of_other_content"}
            assert (edited == "done" and activated in stale) or (edited, activated) == ("not_a_draft", "done")
            row = RuleSet.objects.get(pk=draft.pk)
            assert row.status == ("live" if activated == "done" else "draft")
            if row.status == "live":
                assert compile_rows(row).content_hash == row.content_hash


@contextmanager
def refused(*names: str) -> Iterator[None]:
    """Expect the database to refuse the block by a constraint's name, or by columns as SQLite does."""
    with pytest.raises(IntegrityError) as caught, transaction.atomic():
        yield
    assert any(name in str(caught.value) for name in names)


def write_decision(**fields: Any) -> Decision:
    return Decision.objects.create(
        **{
            "subject_kind": "order",
            "subject_id": new_id(),
            "as_of": NOON,
            "features": b"",
            "feature_hash": "",
            "snapshot": {},
            "code_version": "test",
            "created_at": NOON,
            **fields,
        }
    )
