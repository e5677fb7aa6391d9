"""Golden cases: hidden copies are served once, change nothing, and count for the reviewer alone."""

import pytest
from django.db import IntegrityError, transaction

from accounts.models import Role, User
from cases.claims import claim_case, claim_next
from cases.models import CasePurpose, Queue, ReviewCase
from cases.quality.figures import (
    list_golden_answers,
    list_overturned_reviewers,
    looks_since,
)
from cases.quality.golden import mark_golden, retire_golden
from cases.quality.models import GoldenCase, SecondLook
from cases.selectors import get_reviewer_numbers, list_cases
from cases.services import (
    record_verdict,
)
from core.errors import Conflict, PermissionDenied, ValidationFailed
from core.models import AuditEntry, OutboxEvent, TransitionRecord
from risk.models import Label
from tests.cases.builders import NOON, make_queue, make_reviewer
from tests.cases.looked_at import (
    FRAUD,
    judge,
)
from tests.cases.test_verdicts import held_order_case, order_of, verdict_on

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
