"""A verdict waits before it takes effect: it can be undone, may take two people, or lapses."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from accounts.models import Role, User
from cases.claims import LEASE, claim_case, claim_next
from cases.models import CaseExclusion, CaseStatus, Queue, ReviewCase, Verdict
from cases.services import (
    cancel_case,
    ensure_default_queues,
    open_case,
    record_verdict,
    refuse_verdict,
    release_held,
    settle_due,
    sign_verdict,
    undo_verdict,
)
from core.actors import SYSTEM
from core.errors import Conflict, PermissionDenied, ValidationFailed
from core.models import AuditEntry, OutboxEvent
from core.refs import Ref
from merchants.models import MerchantApplication
from orders.models import OrderStatus
from orders.services import decline_order
from risk.decide import decide_order
from risk.models import Label
from risk.rules.engine import Effect
from tests.cases.builders import NOON, make_reviewer
from tests.cases.test_effects import application_case
from tests.cases.test_verdicts import held_order_case, order_of, verdict_on
from tests.make import make_live_ruleset, make_rule, make_user
from tests.risk.versions import make_model

pytestmark = pytest.mark.django_db

UNDO = timedelta(seconds=30)
LATER = NOON + UNDO


def decided(user: User, kind: str = "approve", **fields: Any) -> Verdict:
    case = claim_case(held_order_case(), user, at=NOON)
    return record_verdict(case, verdict_on(case, kind, **fields), reviewer=user, at=NOON, undo_for=UNDO)


def awaiting_second(user: User, kind: str = "approve", **fields: Any) -> Verdict:
    ensure_default_queues()
    Queue.objects.update(second_sign_from_minor=100_000)
    return decided(user, kind, **fields)


def now(verdict: Verdict) -> tuple[str, str, str]:
    """Return the status of a verdict, its case and its order."""
    fresh = Verdict.objects.select_related("case").get(pk=verdict.pk)
    return fresh.status, fresh.case.status, order_of(fresh.case).status


def declined_by_the_system() -> ReviewCase:
    case = held_order_case()
    make_live_ruleset(make_rule("order.amount > 3", Effect.DECLINE))
    make_model()
    decision = decide_order(order_of(case), as_of=NOON)
    assert decision.outcome == "decline"
    ReviewCase.objects.filter(pk=case.pk).update(decision=decision)
    return ReviewCase.objects.get(pk=case.pk)


def effective(case: ReviewCase, user: User, **fields: Any) -> Verdict:
    """Write an approval past every service."""
    values = {"kind": "approve", "claim_token": 9, "evidence_version": 1, "effective_at": NOON} | fields
    return Verdict.objects.create(case=case, reviewer=user, created_at=NOON, **values)


class TestUndo:
    def test_nothing_happens_to_the_subject_until_the_time_has_passed(self) -> None:
        verdict = decided(make_reviewer())
        assert now(verdict) == ("pending", "decided", OrderStatus.RECEIVED)
        assert verdict.effective_at == LATER
        assert not Label.objects.exists()
        assert not OutboxEvent.objects.filter(type="review_case.resolved").exists()

        assert settle_due(at=LATER - timedelta(milliseconds=1)) == 0
        assert now(verdict) == ("pending", "decided", OrderStatus.RECEIVED)
        assert settle_due(at=LATER) == 1
        assert now(verdict) == ("effective", "resolved", OrderStatus.AWAITING_ACCEPTANCE)
        assert Label.objects.get().known_at == LATER
        assert settle_due(at=LATER) == 0

    def test_undone_the_case_is_back_in_the_same_hands_and_takes_another_verdict(self) -> None:
        user = make_reviewer()
        verdict = decided(user, "reject", reason_codes=("confirmed_fraud",))
        case = undo_verdict(verdict, user, at=LATER - timedelta(seconds=1))
        assert now(verdict) == ("undone", "claimed", OrderStatus.RECEIVED)
        assert (case.claimed_by, case.claim_token) == (user, verdict.claim_token + 1)
        assert case.claim_expires_at == LATER - timedelta(seconds=1) + LEASE
        assert settle_due(at=LATER + UNDO) == 0
        record_verdict(case, verdict_on(case), reviewer=user, at=LATER)
        assert order_of(case).status == OrderStatus.AWAITING_ACCEPTANCE
        assert list(
            AuditEntry.objects.filter(action__startswith="verdict.").values_list("action", flat=True)
        ) == [
            "verdict.recorded",
            "verdict.undone",
            "verdict.recorded",
        ]

    def test_it_is_too_late_from_the_very_moment_on(self) -> None:
        user = make_reviewer()
        verdict = decided(user)
        with pytest.raises(Conflict) as refusal:
            undo_verdict(verdict, user, at=LATER)
        assert refusal.value.code == "too_late"
        settle_due(at=LATER)
        with pytest.raises(Conflict):
            undo_verdict(verdict, user, at=NOON)
        assert now(verdict)[0] == "effective"

    def test_twice_undone_is_a_conflict(self) -> None:
        user = make_reviewer()
        verdict = decided(user)
        undo_verdict(verdict, user, at=NOON)
        with pytest.raises(Conflict):
            undo_verdict(verdict, user, at=NOON)

    def test_nobody_else_undoes_it_not_even_a_superuser(self) -> None:
        verdict = decided(make_reviewer())
        with pytest.raises(PermissionDenied):
            undo_verdict(verdict, make_user(is_superuser=True), at=NOON)
        assert now(verdict)[0] == "pending"

    def test_a_decided_case_is_given_to_nobody(self) -> None:
        verdict = decided(make_reviewer())
        other = make_reviewer("other@example.com")
        assert claim_next(other, at=NOON) is None
        with pytest.raises(Exception, match="claim"):
            claim_case(verdict.case, other, at=NOON)

    def test_new_evidence_voids_it_and_the_case_returns_to_its_queue(self) -> None:
        verdict = decided(make_reviewer())
        order = order_of(verdict.case)
        open_case(None, subject=Ref("order", order.pk), title="again", value_minor=1, at=NOON)
        assert now(verdict) == ("void", "queued", OrderStatus.RECEIVED)
        assert settle_due(at=LATER) == 0

    def test_a_subject_that_moved_on_voids_it_too(self) -> None:
        verdict = decided(make_reviewer())
        decline_order(order_of(verdict.case), actor=SYSTEM, at=NOON, reason_codes=["card_testing"])
        assert settle_due(at=LATER) == 1
        assert now(verdict) == ("void", "queued", OrderStatus.DECLINED)
        assert not Label.objects.exists()

    def test_a_cancelled_case_leaves_no_verdict_waiting(self) -> None:
        verdict = decided(make_reviewer())
        cancel_case(ReviewCase.objects.get(pk=verdict.case_id), actor=SYSTEM, at=NOON)
        assert now(verdict)[:2] == ("void", "cancelled")

    def test_one_that_fails_does_not_keep_others_waiting(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from cases import effects

        first, second = decided(make_reviewer()), decided(make_reviewer("b@example.com"))
        apply = effects.apply_verdict

        def fail_once(case: ReviewCase, *args: Any, **options: Any) -> None:
            if case.pk == first.case_id:
                raise RuntimeError("disk full")
            apply(case, *args, **options)

        monkeypatch.setattr(effects, "apply_verdict", fail_once)
        assert settle_due(at=LATER) == 1
        assert (now(first)[0], now(second)[0]) == ("pending", "effective")
        monkeypatch.undo()
        assert settle_due(at=LATER) == 1
        assert now(first)[0] == "effective"


class TestFourEyes:
    def test_a_judgement_of_high_value_waits_for_a_second_person_then_for_undo(self) -> None:
        first, second = make_reviewer(), make_reviewer("second@example.com")
        verdict = awaiting_second(first)
        assert now(verdict) == ("awaiting_second", "awaiting_second", OrderStatus.RECEIVED)
        assert settle_due(at=LATER) == 0
        signed = sign_verdict(verdict, second, at=LATER, undo_for=UNDO)
        assert now(signed) == ("pending", "decided", OrderStatus.RECEIVED)
        settle_due(at=LATER + UNDO)
        assert now(signed) == ("effective", "resolved", OrderStatus.AWAITING_ACCEPTANCE)
        assert (signed.second, signed.second_at) == (second, LATER)

    def test_just_below_the_limit_one_is_enough(self) -> None:
        user = make_reviewer()
        case = claim_case(held_order_case(), user, at=NOON)
        Queue.objects.update(second_sign_from_minor=case.value_minor + 1)
        case = ReviewCase.objects.get(pk=case.pk)
        assert record_verdict(case, verdict_on(case), reviewer=user, at=NOON).status == "effective"

    @pytest.mark.parametrize("is_superuser", [False, True], ids=["reviewer", "superuser"])
    def test_the_first_signer_is_refused(self, is_superuser: bool) -> None:
        first = make_reviewer()
        first.is_superuser = is_superuser
        first.save()
        verdict = awaiting_second(first)
        with pytest.raises(PermissionDenied) as refusal:
            sign_verdict(verdict, first, at=NOON, undo_for=UNDO)
        assert refusal.value.code == "first_signer"
        assert now(verdict)[0] == "awaiting_second"

    @pytest.mark.parametrize("status", ["pending", "effective"])
    def test_the_database_refuses_effect_without_a_second(self, status: str) -> None:
        verdict = awaiting_second(make_reviewer())
        with pytest.raises(IntegrityError, match="no_effect_without_second"), transaction.atomic():
            Verdict.objects.filter(pk=verdict.pk).update(status=status, effective_at=NOON)

    def test_the_database_refuses_the_first_as_second(self) -> None:
        first = make_reviewer()
        verdict = awaiting_second(first)
        with pytest.raises(IntegrityError, match="second_is_not_the_first"), transaction.atomic():
            Verdict.objects.filter(pk=verdict.pk).update(
                second=first, second_at=NOON, status="effective", effective_at=NOON
            )

    def test_the_database_refuses_a_verdict_that_calls_itself_small(self) -> None:
        user = make_reviewer()
        case = claim_case(held_order_case(), user, at=NOON)
        Queue.objects.update(second_sign_from_minor=1)
        with pytest.raises(IntegrityError, match="high_value_takes_two"), transaction.atomic():
            effective(case, user)

    def test_an_approval_of_what_was_declined_waits_for_a_second(self) -> None:
        user = make_reviewer()
        case = claim_case(declined_by_the_system(), user, at=NOON)
        assert record_verdict(case, verdict_on(case), reviewer=user, at=NOON).status == "awaiting_second"

    def test_the_database_refuses_an_override_by_one(self) -> None:
        user = make_reviewer()
        case = claim_case(declined_by_the_system(), user, at=NOON)
        with pytest.raises(IntegrityError, match="override_takes_two"), transaction.atomic():
            effective(case, user)

    def test_the_database_refuses_the_word_and_the_signature_of_the_excluded(self) -> None:
        first, excluded = make_reviewer(), make_reviewer("b@example.com")
        verdict = awaiting_second(first)
        CaseExclusion.objects.create(case=verdict.case, user=excluded)
        with pytest.raises(IntegrityError, match="excluded_people_do_not_sign"), transaction.atomic():
            Verdict.objects.filter(pk=verdict.pk).update(second=excluded, second_at=NOON, status="refused")
        with pytest.raises(IntegrityError, match="excluded_people_do_not_decide"), transaction.atomic():
            effective(verdict.case, excluded, needs_second=True, status="undone")

    @pytest.mark.parametrize(
        ("change", "guard"),
        [
            ({"needs_second": False}, "verdict_is_immutable"),
            ({"kind": "reject", "reason_codes": ["other"]}, "verdict_is_immutable"),
            ({"reason_codes": ["other"]}, "verdict_is_immutable"),
        ],
    )
    def test_the_database_keeps_what_was_decided(self, change: dict[str, Any], guard: str) -> None:
        verdict = awaiting_second(make_reviewer())
        with pytest.raises(IntegrityError, match=guard), transaction.atomic():
            Verdict.objects.filter(pk=verdict.pk).update(**change)

    def test_the_database_keeps_signatures_results_and_rows(self) -> None:
        verdict = awaiting_second(make_reviewer())
        sign_verdict(verdict, make_reviewer("b@example.com"), at=NOON, undo_for=timedelta(0))
        third = make_reviewer("c@example.com")
        rows = Verdict.objects.filter(pk=verdict.pk)
        with pytest.raises(IntegrityError, match="signature_is_kept"), transaction.atomic():
            rows.update(second=third)
        with pytest.raises(IntegrityError, match="settled_verdict_is_settled"), transaction.atomic():
            rows.update(status="undone")
        with pytest.raises(IntegrityError, match="verdict_is_kept"), transaction.atomic():
            rows._raw_delete(rows.db)

    def test_a_refusal_needs_a_reason_and_returns_the_case(self) -> None:
        first, second = make_reviewer(), make_reviewer("b@example.com")
        verdict = awaiting_second(first)
        with pytest.raises(ValidationFailed):
            refuse_verdict(verdict, second, note=" ", at=NOON)
        refuse_verdict(verdict, second, note="The card was reported stolen.", at=NOON)
        assert now(verdict) == ("refused", "queued", OrderStatus.RECEIVED)
        with pytest.raises(Conflict) as refusal:
            sign_verdict(verdict, make_reviewer("c@example.com"), at=NOON, undo_for=UNDO)
        assert refusal.value.code == "not_awaited"

    def test_the_second_may_undo_and_the_case_returns_to_its_queue(self) -> None:
        verdict = awaiting_second(make_reviewer())
        second = make_reviewer("b@example.com")
        sign_verdict(verdict, second, at=NOON, undo_for=UNDO)
        undo_verdict(verdict, second, at=NOON)
        assert now(verdict) == ("undone", "queued", OrderStatus.RECEIVED)

    def test_the_first_may_take_it_back_while_it_waits_however_long(self) -> None:
        first = make_reviewer()
        verdict = awaiting_second(first)
        undo_verdict(verdict, first, at=NOON + timedelta(days=1))
        assert now(verdict)[:2] == ("undone", "claimed")

    def test_who_opened_the_case_neither_decides_nor_signs(self) -> None:
        author = make_reviewer("author@example.com")
        case = held_order_case()
        ReviewCase.objects.filter(pk=case.pk).update(opened_by=author)
        Queue.objects.update(second_sign_from_minor=1)
        assert claim_next(author, at=NOON) is None
        with pytest.raises(PermissionDenied, match="opened"):
            claim_case(ReviewCase.objects.get(pk=case.pk), author, at=NOON)
        first = make_reviewer()
        case = claim_case(ReviewCase.objects.get(pk=case.pk), first, at=NOON)
        verdict = record_verdict(case, verdict_on(case), reviewer=first, at=NOON)
        with pytest.raises(PermissionDenied) as refusal:
            sign_verdict(verdict, author, at=NOON, undo_for=UNDO)
        assert refusal.value.code == "opened_by_you"
        with pytest.raises(IntegrityError, match="nobody_decides_what_they_opened"), transaction.atomic():
            Verdict.objects.filter(pk=verdict.pk).update(second=author, second_at=NOON)

    def test_a_final_rejection_takes_two_and_ends_all_attempts(self) -> None:
        first, second = make_reviewer(), make_reviewer("b@example.com")
        case = application_case(first)
        new = verdict_on(case, "reject", reason_codes=("registration_invalid",), is_final=True)
        verdict = record_verdict(case, new, reviewer=first, at=NOON)
        assert (verdict.needs_second, verdict.status) == (True, "awaiting_second")
        sign_verdict(verdict, second, at=NOON, undo_for=timedelta(0))
        application = MerchantApplication.objects.get(pk=case.subject_id)
        assert (application.status, application.is_final) == ("rejected", True)

    def test_the_database_refuses_a_final_rejection_by_one(self) -> None:
        user = make_reviewer()
        case = application_case(user)
        with pytest.raises(IntegrityError, match="final_rejection_takes_two"), transaction.atomic():
            Verdict.objects.create(
                case=case,
                kind="reject",
                is_final=True,
                reason_codes=["other"],
                reviewer=user,
                claim_token=9,
                evidence_version=1,
                created_at=NOON,
                effective_at=NOON,
            )

    def test_an_order_cannot_be_rejected_for_good(self) -> None:
        user = make_reviewer()
        case = claim_case(held_order_case(), user, at=NOON)
        new = verdict_on(case, "reject", reason_codes=("other",), is_final=True)
        with pytest.raises(ValidationFailed) as refusal:
            record_verdict(case, new, reviewer=user, at=NOON)
        assert [error.pointer for error in refusal.value.errors] == ["/is_final"]

    def test_new_evidence_voids_what_waits_for_a_signature(self) -> None:
        verdict = awaiting_second(make_reviewer())
        order = order_of(verdict.case)
        open_case(None, subject=Ref("order", order.pk), title="again", value_minor=1, at=NOON)
        assert now(verdict)[:2] == ("void", "queued")


class TestPassingOn:
    def test_a_held_case_comes_back_by_itself_at_its_old_place(self) -> None:
        user = make_reviewer()
        case = claim_case(held_order_case(), user, at=NOON)
        until = NOON + timedelta(hours=4)
        record_verdict(case, verdict_on(case, "hold", hold_until=until), reviewer=user, at=NOON)
        held = ReviewCase.objects.get(pk=case.pk)
        assert (held.status, held.held_until, held.claimed_by) == (CaseStatus.ON_HOLD, until, None)
        assert claim_next(user, at=NOON) is None
        assert release_held(at=until - timedelta(seconds=1)) == 0
        assert release_held(at=until) == 1
        back = claim_next(user, at=until)
        assert back is not None
        assert (back.pk, back.sort_key, back.held_until) == (case.pk, case.sort_key, None)

    @pytest.mark.parametrize(
        "until", [None, NOON, NOON - timedelta(hours=1), NOON + timedelta(days=15)], ids=str
    )
    def test_a_hold_needs_an_end_that_is_near(self, until: Any) -> None:
        user = make_reviewer()
        case = claim_case(held_order_case(), user, at=NOON)
        with pytest.raises(ValidationFailed):
            record_verdict(case, verdict_on(case, "hold", hold_until=until), reviewer=user, at=NOON)
        assert ReviewCase.objects.get(pk=case.pk).status == CaseStatus.CLAIMED

    def test_a_case_escalated_to_a_person_goes_to_nobody_else(self) -> None:
        user, expert = make_reviewer(), make_reviewer("expert@example.com")
        other = make_reviewer("other@example.com")
        case = claim_case(held_order_case(), user, at=NOON)
        new = verdict_on(case, "escalate", reason_codes=("other",), assignee_id=expert.pk)
        record_verdict(case, new, reviewer=user, at=NOON)
        assert claim_next(other, at=NOON) is None
        assert claim_next(user, at=NOON) is None
        with pytest.raises(PermissionDenied) as refusal:
            claim_case(ReviewCase.objects.get(pk=case.pk), other, at=NOON)
        assert refusal.value.code == "assigned_to_another"
        given = claim_next(expert, at=NOON)
        assert given is not None
        assert given.pk == case.pk

    @pytest.mark.parametrize("whom", ["oneself", "stranger", "analyst"])
    def test_a_case_goes_only_to_who_can_decide_it(self, whom: str) -> None:
        user = make_reviewer()
        people = {
            "oneself": user.pk,
            "stranger": 4,
            "analyst": make_user(Role.RISK_ANALYST).pk,
        }
        case = claim_case(held_order_case(), user, at=NOON)
        new = verdict_on(case, "escalate", reason_codes=("other",), assignee_id=people[whom])
        with pytest.raises(ValidationFailed) as refusal:
            record_verdict(case, new, reviewer=user, at=NOON)
        assert [error.pointer for error in refusal.value.errors] == ["/assignee_id"]
