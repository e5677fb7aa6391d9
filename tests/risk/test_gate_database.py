"""What the database keeps of the gate against whoever writes past the services: the ORM, a superuser, SQL."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import Model

from accounts.models import Role, User
from risk import live, selectors
from risk.models import (
    Activation,
    Backtest,
    ModelComparison,
    ModelPromotion,
    Rule,
    RuleSet,
)
from risk.rulesets import draft_hash
from risk.services import approve_ruleset, save_rule
from tests.make import (
    NOON,
    make_backtest,
    make_live_ruleset,
    make_model,
    make_rule,
    make_user,
)
from tests.risk.guards import guards, refused, standing_triggers, unguarded
from tests.risk.test_gate import make_draft

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture
def ann() -> User:
    return make_user(Role.RISK_ANALYST)


@pytest.fixture
def bob() -> User:
    return make_user(Role.RISK_ANALYST)


def insert_activation(ruleset: RuleSet, backtest: Backtest | None, **fields: Any) -> Activation:
    values: dict[str, Any] = {
        "ruleset": ruleset,
        "ruleset_hash": draft_hash(ruleset),
        "backtest_id": backtest.pk if backtest else None,
        "backtest_hash": backtest.content_hash if backtest else "",
        "backtest_finished_at": backtest.finished_at if backtest else None,
        "author_id": ruleset.author_id,
        "last_editor_id": ruleset.last_editor_id,
        "approver": make_user(Role.RISK_ANALYST),
        "approved_at": NOON,
        **fields,
    }
    return Activation.objects.create(**values)


class TestDatabaseKeepsActivations:
    def test_the_builder_itself_is_not_refused(self, ann: User) -> None:
        draft = make_draft(ann)
        insert_activation(draft, make_backtest(draft))

    @pytest.mark.parametrize(
        ("guard", "change"),
        [
            ("activation_has_second_person", lambda row: {"approver_id": row.author_id}),
            ("activation_has_finished_backtest", lambda row: {"ruleset_hash": "0" * 64}),
            ("activation_has_finished_backtest", lambda row: {"backtest_hash": "0" * 64}),
            ("activation_has_finished_backtest", lambda row: {"backtest_id": None}),
            (
                "activation_has_finished_backtest",
                lambda row: {"backtest_finished_at": NOON - timedelta(minutes=1)},
            ),
            ("activation_rests_on_fresh_backtest", lambda row: {"approved_at": NOON + timedelta(days=8)}),
            ("activation_rests_on_fresh_backtest", lambda row: {"approved_at": NOON - HOUR}),
            ("activation_names_its_ruleset", lambda row: {"author_id": make_user().pk}),
            ("activation_names_its_ruleset", lambda row: {"last_editor_id": make_user().pk}),
            ("activation_names_its_ruleset", lambda row: {"activated_at": NOON}),
        ],
    )
    def test_that_it_rests_on_what_it_says(
        self, ann: User, guard: str, change: Callable[[RuleSet], dict[str, Any]]
    ) -> None:
        draft = make_draft(ann)
        backtest = make_backtest(draft)
        with refused(guard):
            insert_activation(draft, backtest, **change(draft))

    def test_that_its_backtest_is_finished(self, ann: User) -> None:
        draft = make_draft(ann)
        backtest = make_backtest(draft)
        waiting = Backtest.objects.create(
            subject="order", ruleset=draft, content_hash=backtest.content_hash, since=NOON - HOUR, until=NOON
        )
        with refused("activation_has_finished_backtest"):
            insert_activation(draft, backtest, backtest_id=waiting.pk)

    def test_that_its_backtest_is_of_the_subject(self, ann: User) -> None:
        draft = make_draft(ann)
        with refused("activation_has_finished_backtest"):
            insert_activation(draft, make_backtest(make_draft(ann, "", subject="listing")))

    def test_the_last_editor_is_no_second_person(self, ann: User, bob: User) -> None:
        draft = make_draft(ann)
        save_rule(draft, make_rule("true"), author=bob)
        with refused("activation_has_second_person"):
            insert_activation(draft, make_backtest(draft), approver=bob)

    def test_that_a_return_is_to_something_that_was_live(self, ann: User, bob: User) -> None:
        first = make_live_ruleset()
        earlier = Activation.objects.get()
        make_live_ruleset()
        pending = make_draft(ann)
        approval = insert_activation(pending, make_backtest(pending))
        with refused("activation_returns_to_same_content"):
            insert_activation(make_draft(ann), None, returns_to=earlier)
        with refused("activation_returns_to_same_content"):
            insert_activation(first, None, returns_to=earlier)
        with refused("activation_returns_to_same_content"):
            insert_activation(make_draft(bob), approval.backtest, returns_to=approval)

    def test_that_it_never_changes_and_never_goes(self) -> None:
        make_live_ruleset()
        rows = Activation.objects.all()
        changes: list[dict[str, Any]] = [
            {"approver": make_user()},
            {"ruleset_hash": "0" * 64, "backtest_hash": "0" * 64},
            {"approved_at": NOON + HOUR},
            {"activated_at": None},
        ]
        for change in changes:
            with refused("activation_is_immutable"):
                rows.update(**change)
        with refused("activation_is_kept"):
            rows.delete()


class TestDatabaseKeepsRulesets:
    def test_that_none_is_born_published(self, ann: User) -> None:
        for status in ("live", "scheduled", "retired"):
            with refused("new_ruleset_is_a_draft"):
                RuleSet.objects.create(
                    subject="order", number=9, name="x", author=ann, status=status, content_hash="x"
                )

    def test_that_none_goes_live_without_an_approval(self, ann: User) -> None:
        draft = make_draft(ann)
        make_backtest(draft)
        for status in ("live", "scheduled"):
            with refused("ruleset_goes_live_by_approval"):
                RuleSet.objects.filter(pk=draft.pk).update(status=status, content_hash=draft_hash(draft))
        draft.status, draft.content_hash = "live", draft_hash(draft)
        with refused("ruleset_goes_live_by_approval"):
            draft.save()
        with refused("ruleset_goes_live_by_approval"):
            RuleSet.objects.bulk_update([draft], ["status", "content_hash"])
        with refused("ruleset_goes_live_by_approval"), connection.cursor() as cursor:
            cursor.execute("UPDATE risk_ruleset SET status = 'live', content_hash = 'x'")

    def test_that_the_approval_is_of_this_content(self, ann: User) -> None:
        draft = make_draft(ann)
        insert_activation(draft, make_backtest(draft))
        with refused("ruleset_goes_live_by_approval"):
            RuleSet.objects.filter(pk=draft.pk).update(status="live", content_hash="0" * 64)

    def test_that_the_approver_did_not_edit_it_since(self, ann: User) -> None:
        draft = make_draft(ann)
        approval = insert_activation(draft, make_backtest(draft))
        with refused("ruleset_goes_live_by_approval"):
            RuleSet.objects.filter(pk=draft.pk).update(
                status="live", content_hash=approval.ruleset_hash, last_editor=approval.approver
            )

    def test_that_one_approval_puts_it_live_once(self) -> None:
        first = make_live_ruleset()
        make_live_ruleset()
        RuleSet.objects.filter(status="live").update(status="retired")
        with refused("ruleset_goes_live_by_approval"):
            RuleSet.objects.filter(pk=first.pk).update(status="live")

    def test_that_a_published_one_never_changes(self) -> None:
        ruleset = make_live_ruleset(make_rule("true", code="R-1"))
        rows, rules = RuleSet.objects.filter(pk=ruleset.pk), Rule.objects.filter(ruleset=ruleset)
        changes: list[dict[str, Any]] = [
            {"policy": {}},
            {"content_hash": "x"},
            {"author": make_user()},
            {"name": "x"},
        ]
        for change in changes:
            with refused("published_ruleset_is_immutable"):
                rows.update(**change)
        with refused("rules_of_published_ruleset_are_immutable"):
            rules.update(mode="off")
        with refused("rules_of_published_ruleset_are_kept"):
            rules.delete()
        with refused("rules_of_published_ruleset_are_complete"):
            Rule.objects.create(
                ruleset=ruleset, position=2, code="R-2", name="x", condition="true", effect="approve"
            )
        with refused("published_ruleset_is_kept"), connection.cursor() as cursor:
            cursor.execute("DELETE FROM risk_ruleset")

    def test_that_a_rule_does_not_move_into_a_published_one(self, ann: User) -> None:
        published, draft = make_live_ruleset(), make_draft(ann)
        with refused("rules_of_published_ruleset_are_immutable"):
            Rule.objects.filter(ruleset=draft).update(ruleset=published)

    @pytest.mark.parametrize("status", ["live", "retired"])
    def test_that_what_was_published_never_is_a_draft_again(self, status: str) -> None:
        ruleset = make_live_ruleset()
        RuleSet.objects.filter(pk=ruleset.pk).update(status=status)
        with refused("ruleset_returns_to_draft_unapproved"):
            RuleSet.objects.filter(pk=ruleset.pk).update(status="draft")

    def test_that_a_scheduled_one_is_edited_only_after_its_approval_was_withdrawn(
        self, ann: User, bob: User
    ) -> None:
        draft = make_draft(ann)
        approve_ruleset(draft, backtest=make_backtest(draft), approver=bob, at=NOON, starts_at=NOON + HOUR)
        with refused("ruleset_returns_to_draft_unapproved"):
            RuleSet.objects.filter(pk=draft.pk).update(status="draft")

    def test_a_draft_is_thrown_away_with_its_rules(self, ann: User) -> None:
        make_draft(ann).delete()
        assert not Rule.objects.exists()

    def test_what_was_altered_beneath_the_triggers_does_not_judge(self) -> None:
        ruleset = make_live_ruleset(make_rule("true", code="R-1"))
        with unguarded("risk_rule"):
            Rule.objects.filter(ruleset=ruleset).update(condition="false")
        live.forget()
        with pytest.raises(live.AlteredRuleset):
            live.find_live_ruleset("order")


class TestDatabaseKeepsBacktests:
    def test_that_none_is_born_finished(self, ann: User) -> None:
        draft = make_draft(ann)
        with refused("new_backtest_is_not_finished"):
            Backtest.objects.create(
                subject="order", ruleset=draft, content_hash=draft_hash(draft), since=NOON - HOUR,
                until=NOON, status="finished", result={}, finished_at=NOON,
            )  # fmt: skip

    def test_that_a_finished_one_never_changes_and_never_goes(self, ann: User) -> None:
        make_backtest(make_draft(ann))
        for change in (
            {"content_hash": "x"}, {"result": {"x": 1}}, {"finished_at": NOON + HOUR}, {"status": "queued"},
            {"kind": "rule"}, {"until": NOON + HOUR},
        ):  # fmt: skip
            with refused("finished_backtest_is_immutable"):
                Backtest.objects.update(**change)
        with refused("finished_backtest_is_kept"):
            Backtest.objects.all().delete()


class TestGuards:
    def test_every_guard_of_the_migrations_stands(self) -> None:
        """A migration that rebuilds a table on SQLite drops its triggers; this notices."""
        declared = {guard.trigger for guard in guards()}
        assert declared <= standing_triggers()
        assert len(declared) > 20

    def test_they_come_down_and_go_up_again(self) -> None:
        with unguarded(*{guard.table for guard in guards()}):
            assert not {guard.trigger for guard in guards()} & standing_triggers()
        assert {guard.trigger for guard in guards()} <= standing_triggers()

    def test_a_selector_finds_the_newest_backtest_that_counts(self, ann: User) -> None:
        draft = make_draft(ann)
        make_backtest(draft, at=NOON - timedelta(days=2))
        newest = make_backtest(draft, at=NOON - HOUR)
        make_backtest(draft, at=NOON + HOUR)
        assert selectors.find_fresh_backtest(draft_hash(draft), at=NOON) == newest
        assert selectors.find_fresh_backtest("0" * 64, at=NOON) is None


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("number", [1, 2])
def test_a_test_with_real_transactions_leaves_empty_tables_and_standing_guards(number: int) -> None:
    assert not Activation.objects.exists()
    make_live_ruleset()
    make_model()
    tables: tuple[type[Model], ...] = (Activation, ModelPromotion, ModelComparison, Backtest)
    assert all(table._default_manager.exists() for table in tables)
    with refused("activation_is_kept"):
        Activation.objects.all().delete()
