"""Past cases like one: found by what they share, nearest first, at a cost that does not grow."""

from typing import Any

import pytest

from accounts.models import Role
from cases import similar
from cases.models import CaseStatus, ReviewCase, Verdict
from cases.similar import SHOWN, list_similar
from core.ids import new_id
from core.refs import Ref
from merchants.models import MemberRole, Membership
from risk.models import Decision, LabelSource
from risk.services import record_label
from tests.cases.builders import NOON, make_case, make_queue, make_reviewer
from tests.make import make_merchant, make_user

pytestmark = pytest.mark.django_db


def decided(
    *rules: str, reasons: tuple[str, ...] = (), score: float | None = 0.5, merchant_id: int | None = None,
    status: str = CaseStatus.RESOLVED, subject: str = "order", muted: tuple[str, ...] = (), queue: Any = None,
) -> ReviewCase:  # fmt: skip
    """Return a case that the machine sent to review because of these rules."""
    case = make_case(queue=queue or make_queue(f"{subject}s", subject=subject), merchant_id=merchant_id)
    results = {"R-NEVER": False, **dict.fromkeys((*rules, *muted), True)}
    decision = Decision.objects.create(
        subject_kind=subject, subject_id=case.subject_id, merchant_id=merchant_id, as_of=NOON,
        outcome="review", score=score, reason_codes=list(reasons), features=b"", feature_hash="",
        snapshot={"evaluation": {"results": results, "muted": dict.fromkeys(muted, "snoozed")}},
        code_version="test", created_at=NOON,
    )  # fmt: skip
    ReviewCase.objects.filter(pk=case.pk).update(decision=decision, status=status, resolved_at=NOON)
    return ReviewCase.objects.select_related("decision").get(pk=case.pk)


def asked(*rules: str, **fields: Any) -> ReviewCase:
    return decided(*rules, status=CaseStatus.QUEUED, **fields)


def found_for(case: ReviewCase) -> list[int]:
    return [one.case.pk for one in list_similar(case, make_reviewer(f"{new_id()}@example.com"))]


def test_more_shared_rules_come_first() -> None:
    one = decided("R-1", "R-9")
    both = decided("R-1", "R-2")
    decided("R-9")
    assert found_for(asked("R-1", "R-2")) == [both.pk, one.pk]


def test_merchant_and_score_decide_between_equals_and_then_the_newer_comes_first() -> None:
    merchant = make_merchant()
    near = decided("R-1", merchant_id=merchant.pk, score=0.5)
    far = decided("R-1", score=0.9)
    newer = decided("R-1", score=0.9)
    assert found_for(asked("R-1", merchant_id=merchant.pk, score=0.55)) == [near.pk, newer.pk, far.pk]


def test_a_reason_without_a_rule_is_enough_and_a_score_alone_is_not() -> None:
    by_reason = decided("R-8", reasons=("score_high",), score=0.9)
    decided("R-9", score=0.5)
    assert found_for(asked("R-1", reasons=("score_high",), score=0.5)) == [by_reason.pk]


@pytest.mark.parametrize(
    "other",
    [
        {"status": CaseStatus.QUEUED},
        {"status": CaseStatus.CANCELLED},
        {"subject": "listing"},
        {"muted": ("R-1",), "without": True},
    ],
    ids=["open", "withdrawn", "another kind", "without effect"],
)
def test_what_is_no_precedent_is_left_out(other: dict[str, Any]) -> None:
    rules = () if other.pop("without", False) else ("R-1",)
    decided(*rules, **other)
    assert found_for(asked("R-1")) == []


def test_cases_that_the_reviewer_may_not_see_are_left_out() -> None:
    reviewer, own = make_user(Role.REVIEWER), make_merchant()
    Membership.objects.create(user=reviewer, merchant=own, role=MemberRole.OWNER)
    decided("R-1", merchant_id=own.pk)
    decided("R-1", queue=make_queue("seniors", senior=True))
    assert list_similar(asked("R-1"), reviewer) == []


def test_a_past_case_tells_its_verdict_and_what_it_proved_to_be() -> None:
    reviewer = make_reviewer()
    past = decided("R-1", reasons=("other",))
    Verdict.objects.create(
        case=past,
        kind="approve",
        reviewer=reviewer,
        claim_token=1,
        evidence_version=1,
        effective_at=NOON,
        created_at=NOON,
    )
    subject = Ref("order", past.subject_id)
    record_label(subject, is_bad=False, source=LabelSource.VERDICT, occurred_at=NOON, known_at=NOON)
    Verdict.objects.create(
        case=past,
        kind="reject",
        reason_codes=["other"],
        reviewer=reviewer,
        claim_token=2,
        evidence_version=1,
        status="undone",
        created_at=NOON,
    )
    [only] = list_similar(asked("R-1"), reviewer)
    assert only.verdict is not None
    assert (only.verdict.kind, only.proved_bad, only.rules) == ("approve", None, ("R-1",))
    record_label(subject, is_bad=True, source=LabelSource.CHARGEBACK, occurred_at=NOON, known_at=NOON)
    assert [one.proved_bad for one in list_similar(asked("R-1"), reviewer)] == [True]


def test_a_case_that_people_opened_has_nothing_to_be_compared_by() -> None:
    assert found_for(make_case()) == []


@pytest.mark.parametrize("history", [1, 12])
def test_it_costs_the_same_queries_for_any_history(history: int, django_assert_num_queries: Any) -> None:
    for _ in range(history):
        decided("R-1", reasons=("other",))
    case, reviewer = asked("R-1"), make_reviewer()
    list_cases_needs = 1  # the reviewer's roles
    with django_assert_num_queries(4 + list_cases_needs):
        assert len(list_similar(case, reviewer)) == min(history, SHOWN)


def test_only_the_newest_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(similar, "COMPARED", 2)
    decided("R-1")
    newer = [decided("R-1").pk, decided("R-1").pk]
    assert found_for(asked("R-1")) == newer[::-1]
    monkeypatch.setattr(similar, "NEWEST", 1)
    assert found_for(asked("R-1")) == newer[1:]
