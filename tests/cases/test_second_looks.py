"""Second looks: blind, by somebody else, without effect; a third decides where two differ."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from accounts.models import Role, User
from cases.claims import claim_case, claim_next
from cases.models import CaseExclusion, CasePurpose, CaseStatus, Queue, ReviewCase, Verdict
from cases.quality.adjudicating import adjudicate, can_be_undone
from cases.quality.looks import list_disputed
from cases.quality.models import LookKind, SecondLook
from cases.selectors import find_open_case, list_cases, list_cases_of
from cases.services import (
    open_case,
    record_verdict,
    settle_due,
    undo_verdict,
)
from core.actors import SYSTEM
from core.errors import Conflict, PermissionDenied
from core.models import AuditEntry, OutboxEvent, TransitionRecord
from core.refs import Ref
from orders.models import OrderStatus
from risk.models import Label, LabelSource
from tests.cases.appealed import appeal, decide, refused, waiting
from tests.cases.builders import NOON, make_reviewer
from tests.cases.looked_at import (
    FRAUD,
    differing,
    judge,
    review_all_twice,
    reviewed_twice,
)
from tests.cases.test_verdicts import held_order_case, order_of, verdict_on
from tests.make import make_merchant, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def first() -> User:
    return make_reviewer("first@example.com")


@pytest.fixture
def second() -> User:
    return make_reviewer("second@example.com")


@pytest.fixture
def lead() -> User:
    return make_reviewer("lead@example.com", role=Role.SENIOR_REVIEWER)


def written() -> tuple[int, ...]:
    """Count what the world outside the review desk can notice."""
    moves = TransitionRecord.objects.exclude(subject_kind="case")
    return moves.count(), OutboxEvent.objects.count(), Label.objects.count()


class TestBlindReview:
    def test_a_verdict_is_drawn_by_its_share(self, first: User) -> None:
        assert reviewed_twice(first).case.purpose == CasePurpose.BLIND
        Queue.objects.update(blind_share=0)
        judge(held_order_case(), first)
        assert SecondLook.objects.count() == 1

    def test_it_waits_like_any_case_and_is_served_to_somebody_else(self, first: User, second: User) -> None:
        look = reviewed_twice(first)
        assert claim_next(first, at=NOON) is None
        assert claim_next(second, at=NOON) == look.case

    def test_the_second_is_never_the_first(self, first: User) -> None:
        look = reviewed_twice(first)
        with pytest.raises(PermissionDenied):
            claim_case(look.case, first, at=NOON)
        assert not list_cases(first).filter(pk=look.case_id).exists()

    @pytest.mark.parametrize("is_superuser", [False, True])
    def test_not_even_written_by_hand(self, is_superuser: bool) -> None:
        boss = make_user(Role.REVIEWER, is_superuser=is_superuser, is_staff=is_superuser)
        look = reviewed_twice(boss)
        assert claim_next(boss, at=NOON) is None
        with pytest.raises(IntegrityError, match="excluded_people_do_not_decide"), transaction.atomic():
            Verdict.objects.create(
                case=look.case,
                kind="approve",
                reviewer=boss,
                claim_token=1,
                evidence_version=1,
                effective_at=NOON,
                created_at=NOON,
            )
        with pytest.raises(IntegrityError, match="second_look_is_not_the_first"), transaction.atomic():
            SecondLook.objects.filter(pk=look.pk).update(second_reviewer=boss)

    def test_an_excluded_person_does_not_sign_either(self, first: User, second: User) -> None:
        case = claim_case(held_order_case(), first, at=NOON)
        Queue.objects.update(second_sign_from_minor=1)
        verdict = record_verdict(case, verdict_on(case), reviewer=first, at=NOON)
        CaseExclusion.objects.create(case=case, user=second)
        with pytest.raises(IntegrityError, match="excluded_people_do_not_sign"), transaction.atomic():
            Verdict.objects.filter(pk=verdict.pk).update(second=second, second_at=NOON)

    @pytest.mark.parametrize("kind", ["approve", "reject"])
    def test_it_has_no_effect_on_the_subject(self, kind: str, first: User, second: User) -> None:
        look = reviewed_twice(first, "approve")
        status, before = order_of(look.case).status, written()
        judge(look.case, second, kind)
        assert (order_of(look.case).status, written()) == (status, before)
        assert ReviewCase.objects.get(pk=look.case_id).status == CaseStatus.RESOLVED

    def test_asking_the_merchant_asks_nobody(self, first: User, second: User) -> None:
        review_all_twice()
        _row, case = waiting("listing", make_merchant())
        decide(case, first, codes=("banned_term",))
        look = SecondLook.objects.latest("pk")
        before = written()
        judge(look.case, second, "request_info", reason_codes=("image_missing",), requested=("image",))
        look.refresh_from_db()
        assert written() == before
        assert (look.case.__class__.objects.get(pk=look.case_id).status, look.is_agreed) == (
            "resolved",
            False,
        )

    def test_both_verdicts_stand_beside_each_other(self, first: User, second: User) -> None:
        look = reviewed_twice(first, "reject")
        verdict = judge(look.case, second, "reject", reason_codes=("stolen_card",))
        look.refresh_from_db()
        assert (look.first_reviewer, look.first_kind, look.first_codes) == (first, "reject", list(FRAUD))
        assert (look.second_verdict, look.second_reviewer) == (verdict, second)
        assert (look.is_agreed, look.is_first_right, look.is_second_right) == (True, True, True)
        assert {(row.code, row.by_first, row.by_second) for row in look.reasons.all()} == {
            ("confirmed_fraud", True, False),
            ("stolen_card", False, True),
        }

    def test_nothing_is_answered_while_the_second_may_still_undo(self, first: User, second: User) -> None:
        look = reviewed_twice(first)
        case = claim_case(look.case, second, at=NOON)
        undo_for = timedelta(seconds=30)
        verdict = record_verdict(case, verdict_on(case), reviewer=second, at=NOON, undo_for=undo_for)
        undo_verdict(verdict, second, at=NOON)
        assert SecondLook.objects.get().answered_at is None
        case = ReviewCase.objects.select_related("queue").get(pk=case.pk)
        record_verdict(case, verdict_on(case), reviewer=second, at=NOON, undo_for=undo_for)
        settle_due(at=NOON + undo_for)
        assert SecondLook.objects.get().is_agreed is True

    def test_it_does_not_stand_in_the_way_of_a_real_case_which_replaces_it(
        self, first: User, second: User
    ) -> None:
        look = reviewed_twice(first)
        claim_case(look.case, second, at=NOON)
        subject = Ref(look.case.subject_kind, look.case.subject_id)
        assert find_open_case(subject) is None
        real = open_case(None, subject=subject, title="Again", value_minor=0, at=NOON)
        look.refresh_from_db()
        assert (find_open_case(subject), look.dropped_at) == (real, NOON)
        assert ReviewCase.objects.get(pk=look.case_id).status == CaseStatus.CANCELLED

    def test_it_is_not_reviewed_itself(self, first: User, second: User) -> None:
        judge(reviewed_twice(first).case, second)
        assert SecondLook.objects.count() == 1

    def test_who_judges_does_not_find_the_original(self, first: User, second: User) -> None:
        look = reviewed_twice(first)
        assert list_cases(second).filter(pk=look.original_id).exists()
        claim_case(look.case, second, at=NOON)
        assert not list_cases(second).filter(pk=look.original_id).exists()
        subject = Ref(look.case.subject_kind, look.case.subject_id)
        assert look.case not in list_cases_of(subject)

    def test_a_final_rejection_needs_no_signature_here(self, first: User, second: User) -> None:
        review_all_twice()
        _row, case = waiting("application")
        decide(case, first, "reject", codes=("document_reused",))
        look = SecondLook.objects.latest("pk")
        verdict = judge(look.case, second, "reject", reason_codes=("document_reused",), is_final=True)
        assert (verdict.status, verdict.is_final) == ("effective", False)

    @pytest.mark.parametrize(
        ("changes", "guard"),
        [
            ({"first_kind": "reject"}, "first_look_stays"),
            ({"second_kind": "reject"}, "answered_look_stays"),
            ({"is_agreed": False}, "answered_look_stays"),
        ],
    )
    def test_what_was_compared_stays(
        self, changes: dict[str, Any], guard: str, first: User, second: User
    ) -> None:
        look = reviewed_twice(first)
        judge(look.case, second)
        with pytest.raises(IntegrityError, match=guard), transaction.atomic():
            SecondLook.objects.filter(pk=look.pk).update(**changes)


class TestSample:
    def test_the_random_sample_of_the_system_is_compared_too(self, first: User) -> None:
        from tests.console.scenes import blind, held_case

        case = blind(held_case())
        judge(case, first, "reject")
        look = SecondLook.objects.get()
        assert (look.kind, look.first_reviewer, look.first_kind) == (LookKind.SAMPLE, None, "reject")
        assert [rule.code for rule in look.rules.all()] == ["R-DEAR"]


class TestAdjudication:
    def test_a_third_decides_and_the_label_follows(self, first: User, second: User, lead: User) -> None:
        look = differing(first, second, ("approve", "reject"))
        assert list(list_disputed(lead)) == [look]
        adjudicate(look, kind="reject", reason_codes=FRAUD, note="Look at the card.", by=lead, at=NOON)
        look.refresh_from_db()
        assert (look.is_first_right, look.is_second_right, look.adjudicator) == (False, True, lead)
        label = Label.objects.standing().get(source=LabelSource.VERDICT)
        assert (label.is_bad, label.weight) == (True, 1.0)
        assert not list_disputed(lead).exists()
        assert AuditEntry.objects.get(action="look.adjudicated").detail["look"] == look.pk

    def test_a_wrong_rejection_can_be_taken_back_as_an_upheld_appeal_does(
        self, first: User, second: User, lead: User
    ) -> None:
        look = differing(first, second)
        assert can_be_undone(look)
        adjudicate(look, kind="approve", note="The buyer is known.", undoes=True, by=lead, at=NOON)
        order = order_of(look.case)
        assert (order.status, order.decline_statement_id) == (OrderStatus.AWAITING_ACCEPTANCE, None)
        assert Label.objects.standing().get().is_bad is False
        look.refresh_from_db()
        assert look.is_undone
        assert not can_be_undone(look)

    def test_without_asking_for_it_nothing_is_taken_back(self, first: User, second: User, lead: User) -> None:
        look = differing(first, second)
        adjudicate(look, kind="approve", note="The buyer is known.", by=lead, at=NOON)
        assert order_of(look.case).status == OrderStatus.DECLINED

    def test_a_rejection_that_was_right_is_not_taken_back(
        self, first: User, second: User, lead: User
    ) -> None:
        look = differing(first, second)
        with pytest.raises(Conflict) as refusal:
            adjudicate(look, kind="reject", reason_codes=FRAUD, note="So.", undoes=True, by=lead, at=NOON)
        assert refusal.value.code == "nothing_to_undo"
        assert SecondLook.objects.get(pk=look.pk).adjudicated_at is None

    def test_while_an_appeal_is_open_it_is_decided_there(self, first: User, second: User, lead: User) -> None:
        review_all_twice()
        merchant = make_merchant()
        row, statement = refused("order", first, merchant)
        look = SecondLook.objects.get()
        judge(look.case, second, "approve")
        appeal(statement)
        look.refresh_from_db()
        assert not can_be_undone(look)
        with pytest.raises(Conflict) as refusal:
            adjudicate(look, kind="approve", note="Fine.", undoes=True, by=lead, at=NOON)
        assert refusal.value.code == "case_open"
        row.refresh_from_db()
        assert row.status == OrderStatus.DECLINED

    def test_neither_of_the_two_nor_a_reviewer_nor_the_merchant_decides(self, lead: User) -> None:
        other = make_reviewer("senior@example.com", role=Role.SENIOR_REVIEWER)
        look = differing(lead, other)
        outsider = make_reviewer("plain@example.com")
        for user in (lead, other, outsider):
            with pytest.raises(PermissionDenied):
                adjudicate(look, kind="approve", note="Mine.", by=user, at=NOON)
        assert not list_disputed(lead).exists()
        with pytest.raises(IntegrityError, match="adjudicator_is_a_third"), transaction.atomic():
            SecondLook.objects.filter(pk=look.pk).update(
                adjudicator=lead, adjudicated_at=NOON, truth_kind="approve"
            )

    def test_once(self, first: User, second: User, lead: User) -> None:
        look = differing(first, second)
        adjudicate(look, kind="approve", note="Fine.", by=lead, at=NOON)
        with pytest.raises(Conflict) as refusal:
            adjudicate(look, kind="reject", reason_codes=FRAUD, note="Not.", by=lead, at=NOON)
        assert refusal.value.code == "not_disputed"
        with pytest.raises(IntegrityError, match="adjudicated_look_stays"), transaction.atomic():
            SecondLook.objects.filter(pk=look.pk).update(truth_kind="reject")

    def test_two_who_agree_need_nobody(self, first: User, second: User, lead: User) -> None:
        look = differing(first, second, ("approve", "approve"))
        with pytest.raises(Conflict):
            adjudicate(look, kind="approve", note="Fine.", by=lead, at=NOON)


def test_nothing_of_this_is_a_systems_doing(first: User, second: User) -> None:
    """The copy's own moves are journalled; its subject's journal has nobody's but the first's."""
    look = reviewed_twice(first)
    judge(look.case, second, "reject")
    moves = TransitionRecord.objects.filter(subject_kind="order", actor_kind="user")
    assert set(moves.values_list("actor_id", flat=True)) == {str(first.pk)}
    opened = TransitionRecord.objects.get(subject_kind="case", subject_id=look.case_id, action="open")
    assert (opened.actor_kind, opened.actor_id) == (SYSTEM.kind, SYSTEM.id)
