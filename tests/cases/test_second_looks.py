"""Second looks: blind, by somebody else, without effect; a third decides where two differ."""

from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.db import IntegrityError, transaction

from accounts.models import Role, User
from cases.claims import claim_case, claim_next
from cases.models import CaseExclusion, CasePurpose, CaseStatus, Queue, ReviewCase, Verdict
from cases.quality.adjudicating import adjudicate, can_be_undone
from cases.quality.figures import (
    get_own_figures,
    list_golden_answers,
    list_overturned_reviewers,
    list_queue_agreement,
    list_reason_agreement,
    looks_since,
)
from cases.quality.golden import mark_golden, retire_golden
from cases.quality.looks import list_disputed
from cases.quality.models import GoldenCase, LookKind, SecondLook
from cases.quality.weights import label_weight
from cases.selectors import find_open_case, get_reviewer_numbers, list_cases, list_cases_of
from cases.services import (
    open_case,
    record_verdict,
    refuse_verdict,
    settle_due,
    sign_verdict,
    undo_verdict,
)
from core.actors import SYSTEM
from core.errors import Conflict, PermissionDenied, ValidationFailed
from core.models import AuditEntry, OutboxEvent, TransitionRecord
from core.refs import Ref
from orders.models import OrderStatus
from risk.datasets import build_training_set
from risk.models import Label, LabelSource
from tests.cases.appealed import appeal, decide, refused, waiting
from tests.cases.builders import NOON, make_queue, make_reviewer
from tests.cases.looked_at import (
    FRAUD,
    differing,
    golden_looks,
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


class TestGolden:
    def golden(self, lead: User, first: User, kind: str = "reject") -> GoldenCase:
        case = held_order_case()
        Queue.objects.update(golden_share=0.5)
        judge(case, first, kind)
        case.refresh_from_db()
        codes = FRAUD if kind == "reject" else ()
        return mark_golden(case, kind=kind, reason_codes=codes, why="The card is stolen.", by=lead, at=NOON)

    def copies(self, user: User, cases: int = 40) -> list[ReviewCase]:
        """Take and decide everything; return the copies among it."""
        for _ in range(cases):
            held_order_case()
        found = []
        while (case := claim_next(user, at=NOON)) is not None:
            if case.purpose == CasePurpose.GOLDEN:
                found.append(case)
            case = ReviewCase.objects.select_related("queue").get(pk=case.pk)
            record_verdict(case, verdict_on(case), reviewer=user, at=NOON)
        return found

    def test_a_copy_is_served_once_to_who_never_saw_it(self, lead: User, first: User, second: User) -> None:
        golden = self.golden(lead, first)
        assert self.copies(first) == []
        assert self.copies(lead) == []
        (copy,) = self.copies(second)
        assert (copy.subject_id, copy.title) == (golden.case.subject_id, golden.case.title)

    def test_the_share_decides_and_a_retired_one_is_not_served(
        self, lead: User, first: User, second: User
    ) -> None:
        golden = self.golden(lead, first)
        Queue.objects.update(golden_share=0)
        assert self.copies(second) == []
        Queue.objects.update(golden_share=0.5)
        retire_golden(golden, by=lead, at=NOON)
        assert self.copies(second) == []

    def test_an_answer_changes_nothing_and_is_counted(self, lead: User, first: User, second: User) -> None:
        golden = self.golden(lead, first)
        before = get_reviewer_numbers(second, at=NOON)
        other = make_reviewer("other@example.com")
        for user, kind in ((second, "reject"), (other, "approve")):
            held_order_case()
            copy = self.serve(user)
            order, state = order_of(copy), written()
            record_verdict(
                copy,
                verdict_on(copy, kind, reason_codes=FRAUD if kind == "reject" else ()),
                reviewer=user,
                at=NOON,
            )
            assert (order_of(copy).status, written()) == (order.status, state)
        assert get_reviewer_numbers(second, at=NOON) == before
        answers = {row.reviewer: (row.right, row.answers) for row in list_golden_answers(looks_since(None))}
        assert answers == {second: (1, 1), other: (0, 1)}
        assert {look.golden for look in SecondLook.objects.all()} == {golden}
        # Golden answers are about the second: they overturn nobody.
        assert list_overturned_reviewers(looks_since(None)) == []

    def serve(self, user: User) -> ReviewCase:
        """Claim until a copy comes; the cases that came before it are left alone."""
        for _ in range(200):
            case = claim_next(user, at=NOON)
            if case is not None and case.purpose == CasePurpose.GOLDEN:
                return ReviewCase.objects.select_related("queue").get(pk=case.pk)
            held_order_case()
        raise AssertionError("no copy was served")

    def test_a_copy_that_was_put_back_waits_for_others_who_may_judge_it(
        self, lead: User, first: User, second: User
    ) -> None:
        self.golden(lead, first)
        held_order_case()
        copy = self.serve(second)
        for user in (lead, first):
            assert not list_cases(user).filter(pk=copy.pk).exists()

    @pytest.mark.parametrize("status", ["queued", "claimed"])
    def test_only_a_resolved_case_becomes_golden(self, status: str, lead: User, first: User) -> None:
        case = held_order_case()
        if status == "claimed":
            claim_case(case, first, at=NOON)
        with pytest.raises(Conflict, match="resolved"):
            mark_golden(case, kind="approve", reason_codes=(), why="Plain.", by=lead, at=NOON)

    def test_marking_is_for_seniors_says_why_and_is_done_once(self, lead: User, first: User) -> None:
        golden = self.golden(lead, first)
        with pytest.raises(Conflict) as again:
            mark_golden(golden.case, kind="approve", reason_codes=(), why="No.", by=lead, at=NOON)
        assert again.value.code == "already_golden"
        with pytest.raises(PermissionDenied):
            mark_golden(golden.case, kind="approve", reason_codes=(), why="No.", by=first, at=NOON)
        with pytest.raises(ValidationFailed) as unfit:
            mark_golden(golden.case, kind="reject", reason_codes=(), why=" ", by=lead, at=NOON)
        assert [error.pointer for error in unfit.value.errors] == ["/reason_codes", "/why"]
        assert AuditEntry.objects.filter(action="golden.marked").count() == 1

    @pytest.mark.parametrize("share", [-0.1, 0.6])
    def test_shares_are_bounded_by_the_database(self, share: float) -> None:
        make_queue()
        with pytest.raises(IntegrityError, match="golden_share"), transaction.atomic():
            Queue.objects.update(golden_share=share)


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


class TestOverturned:
    def overturned(self) -> dict[User, tuple[int, int]]:
        rows = list_overturned_reviewers(looks_since(None))
        return {row.key: (row.overturned, row.looks) for row in rows}  # type: ignore[misc]

    def test_an_upheld_appeal_overturns_and_a_denied_one_does_not(self, first: User, second: User) -> None:
        for kind in ("approve", "reject"):
            _row, statement = refused("order", first, make_merchant())
            opened = appeal(statement)
            decide(ReviewCase.objects.get(pk=opened.case_id), second, kind)
        assert self.overturned() == {first: (1, 2)}

    def test_a_second_signer_who_refuses_overturns(self, first: User, second: User) -> None:
        for refuses in (True, False):
            case = claim_case(held_order_case(), first, at=NOON)
            Queue.objects.update(second_sign_from_minor=1)
            case = ReviewCase.objects.select_related("queue").get(pk=case.pk)
            verdict = record_verdict(case, verdict_on(case), reviewer=first, at=NOON)
            if refuses:
                refuse_verdict(verdict, second, note="No.", at=NOON)
            else:
                sign_verdict(verdict, second, at=NOON, undo_for=timedelta(0))
        assert self.overturned() == {first: (1, 2)}

    def test_an_adjudication_overturns(self, first: User, second: User, lead: User) -> None:
        look = differing(first, second)
        assert self.overturned() == {}
        adjudicate(look, kind="approve", note="Fine.", by=lead, at=NOON)
        assert self.overturned() == {first: (1, 1)}


class TestFigures:
    def test_agreement_per_queue_and_reason(self, first: User, second: User) -> None:
        for kinds in (("approve", "approve"), ("reject", "reject"), ("reject", "approve")):
            differing(first, second, kinds)
        (row,) = [row for row in list_queue_agreement(looks_since(None)) if row.n]
        assert (row.n, row.agreed) == (3, 2)
        # Both classes: 1 of 3 approved by the first, 2 of 3 by the second: expected 4/9, observed 6/9.
        assert row.kappa is not None
        assert row.kappa.value == pytest.approx(0.4)
        (reason,) = list_reason_agreement(looks_since(None))
        assert (reason.code, reason.both, reason.one) == ("confirmed_fraud", 1, 1)
        own = get_own_figures(second, looks_since(None))
        assert (own.agreed, own.golden, own.upheld) == ((2, 3), (0, 0), (0, 0))

    def test_a_queue_with_a_share_and_no_answers_is_shown_as_undefined(self, first: User) -> None:
        reviewed_twice(first)
        rows = list_queue_agreement(looks_since(None))
        assert rows
        assert {(row.n, row.kappa) for row in rows} == {(0, None)}


class TestWeights:
    def test_everybody_weighs_one_while_nobody_was_looked_at(self, first: User) -> None:
        assert label_weight([first.pk], make_queue().pk) == 1.0

    def test_a_poor_reviewer_weighs_less_than_a_good_one_and_a_new_one_as_the_mean(
        self, first: User, second: User
    ) -> None:
        golden_looks(first, right=5, wrong=35)
        golden_looks(second, right=40, wrong=0)
        queue, new = make_queue().pk, make_reviewer("new@example.com")
        poor, good, unknown = (label_weight([user.pk], queue) for user in (first, second, new))
        mean = 45 / 80
        assert unknown == pytest.approx(mean, abs=1e-3)
        assert poor == pytest.approx((5 + 20 * mean) / 60, abs=1e-3)
        assert good == pytest.approx((40 + 20 * mean) / 60, abs=1e-3)
        assert label_weight([first.pk, second.pk], queue) == good

    def test_the_labels_of_a_poor_reviewer_weigh_less_in_a_training_set(
        self, first: User, second: User
    ) -> None:
        cases = {user: held_order_case() for user in (first, second)}
        golden_looks(first, right=5, wrong=35, queue=Queue.objects.get(code="orders"))
        golden_looks(second, right=40, wrong=0, queue=Queue.objects.get(code="orders"))
        for user, case in cases.items():
            judge(case, user, "reject")
        data = build_training_set("order", as_of=NOON + timedelta(days=1))
        assert data.weight is not None
        labels = {label.subject_id: label.weight for label in Label.objects.standing()}
        poor, good = (labels[cases[user].subject_id] for user in (first, second))
        assert poor < 0.4 < 0.8 < good
        np.testing.assert_allclose(sorted(data.weight), [poor, good])


def test_nothing_of_this_is_a_systems_doing(first: User, second: User) -> None:
    """The copy's own moves are journalled; its subject's journal has nobody's but the first's."""
    look = reviewed_twice(first)
    judge(look.case, second, "reject")
    moves = TransitionRecord.objects.filter(subject_kind="order", actor_kind="user")
    assert set(moves.values_list("actor_id", flat=True)) == {str(first.pk)}
    opened = TransitionRecord.objects.get(subject_kind="case", subject_id=look.case_id, action="open")
    assert (opened.actor_kind, opened.actor_id) == (SYSTEM.kind, SYSTEM.id)
