"""A bulk verdict: frozen, judged, recorded one by one through the same service, undone as a whole."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from accounts.models import User
from cases import bulk
from cases.bulk import (
    NewBulkVerdict,
    cancel_bulk,
    decide_selection,
    resume_bulks,
    run_bulk,
    select_cases,
    undo_bulk,
)
from cases.bulk_models import BulkVerdict, SelectedCase, Selection
from cases.claims import claim_case
from cases.eligibility import list_candidates
from cases.models import CaseExclusion, CaseStatus, Queue, ReviewCase, Verdict
from cases.selectors import get_queue
from cases.services import cancel_case, ensure_default_queues, record_verdict, settle_due, sign_verdict
from core.actors import SYSTEM
from core.errors import Conflict, PermissionDenied, ValidationFailed
from core.models import AuditEntry
from merchants.models import MemberRole, Membership
from orders.models import Order, OrderStatus
from tests.cases.builders import NOON, make_reviewer
from tests.cases.test_verdicts import held_order_case, order_of, verdict_on
from tests.make import make_user

pytestmark = pytest.mark.django_db

UNDO = timedelta(seconds=30)
LATER = NOON + timedelta(minutes=1)
APPROVE = NewBulkVerdict("approve")


def selected(user: User, count: int = 3, **options: Any) -> tuple[list[ReviewCase], Selection]:
    cases = [held_order_case() for _ in range(count)]
    return cases, select_cases(get_queue("orders"), user, at=NOON, **options)


def decide(selection: Selection, verdict: NewBulkVerdict = APPROVE, user: User | None = None) -> BulkVerdict:
    who = user or selection.reviewer
    return decide_selection(selection, verdict, reviewer=who, at=NOON, undo_for=UNDO)


def run(row: BulkVerdict, at: datetime = NOON) -> BulkVerdict:
    run_bulk(row.pk, at=at, clock=lambda: at)
    row.refresh_from_db()
    return row


def results(selection: Selection) -> list[tuple[str, str]]:
    return list(selection.members.order_by("position").values_list("result", "code"))


def statuses(cases: list[ReviewCase]) -> list[str]:
    return [ReviewCase.objects.get(pk=case.pk).status for case in cases]


def test_each_case_is_decided_by_its_own_verdict_which_waits_until_all_are_recorded() -> None:
    user = make_reviewer()
    cases, selection = selected(user)
    row = run(decide(selection))
    assert results(selection) == [("recorded", "")] * 3
    assert statuses(cases) == [CaseStatus.DECIDED] * 3
    assert row.status == "finished"
    assert row.undo_until == NOON + UNDO
    verdicts = Verdict.objects.order_by("pk")
    assert {verdict.effective_at for verdict in verdicts} == {NOON + UNDO}
    assert {verdict.claim_token for verdict in verdicts} == {1}
    assert settle_due(at=NOON + UNDO - timedelta(milliseconds=1)) == 0
    assert settle_due(at=NOON + UNDO) == 3
    assert [order_of(case).status for case in cases] == [OrderStatus.AWAITING_ACCEPTANCE] * 3
    assert AuditEntry.objects.filter(action="verdict.recorded").count() == 3


def test_what_cannot_be_decided_is_told_before_and_left_alone() -> None:
    user, other = make_reviewer(), make_reviewer("maya@example.com")
    cases, selection = selected(user, 9)
    claim_case(cases[0], other, at=NOON)
    cancel_case(cases[1], actor=SYSTEM, at=NOON)
    ReviewCase.objects.filter(pk=cases[2].pk).update(evidence_version=2)
    assert cases[3].merchant_id is not None
    Membership.objects.create(user=user, merchant_id=cases[3].merchant_id, role=MemberRole.OWNER)
    ReviewCase.objects.filter(pk=cases[4].pk).update(opened_by=user)
    CaseExclusion.objects.create(case=cases[5], user=user)
    ReviewCase.objects.filter(pk=cases[6].pk).update(is_blind=True)
    ReviewCase.objects.filter(pk=cases[7].pk).update(assigned_to=other)
    candidates = {one.case.pk: one.code for one in list_candidates(selection, kind="approve", at=NOON)}
    assert [candidates[case.pk] for case in cases] == [
        "already_claimed",
        "case_closed",
        "evidence_changed",
        "own_merchant",
        "opened_by_you",
        "own_decision",
        "blind",
        "assigned_to_another",
        "ready",
    ]
    run(decide(selection))
    assert Verdict.objects.get().case == cases[8]
    assert sorted(code for _result, code in results(selection)) == sorted(
        code if code != "ready" else "" for code in candidates.values()
    )


def test_eligibility_asks_as_many_queries_for_twenty_as_for_two(django_assert_num_queries: Any) -> None:
    user = make_reviewer()
    for count in (2, 20):
        _cases, selection = selected(user, count)
        selection = Selection.objects.select_related("reviewer", "queue").get(pk=selection.pk)
        with django_assert_num_queries(7):
            list_candidates(selection, kind="reject", at=NOON)


def test_what_changed_after_the_confirmation_is_refused_by_the_service_itself() -> None:
    user, other = make_reviewer(), make_reviewer("maya@example.com")
    cases, selection = selected(user, 4)
    row = decide(selection)
    claim_case(cases[0], other, at=NOON)
    ReviewCase.objects.filter(pk=cases[1].pk).update(evidence_version=5)
    mine = claim_case(cases[2], user, at=NOON)
    record_verdict(mine, verdict_on(mine), reviewer=user, at=NOON)
    run(row)
    codes = dict(selection.members.values_list("case_id", "code"))
    assert [codes[case.pk] for case in cases] == [
        "already_claimed",
        "evidence_changed",
        "invalid_transition",
        "",
    ]
    assert statuses(cases[:2]) == [CaseStatus.CLAIMED, CaseStatus.QUEUED]  # and no claim is left behind
    assert Verdict.objects.count() == 2


def test_high_value_waits_for_a_second_signature_and_never_takes_effect_alone() -> None:
    user = make_reviewer()
    ensure_default_queues()
    Queue.objects.update(second_sign_from_minor=100_000)
    cases, selection = selected(user, 2)
    assert {one.code for one in list_candidates(selection, kind="approve", at=NOON)} == {"second"}
    run(decide(selection))
    assert statuses(cases) == [CaseStatus.AWAITING_SECOND] * 2
    assert settle_due(at=NOON + timedelta(days=3)) == 0
    verdict = Verdict.objects.order_by("pk")[0]
    with pytest.raises(PermissionDenied, match="somebody else signs"):
        sign_verdict(verdict, user, at=NOON, undo_for=UNDO)
    sign_verdict(verdict, make_reviewer("maya@example.com"), at=LATER, undo_for=UNDO)
    assert settle_due(at=LATER + UNDO) == 1
    assert sorted(statuses(cases)) == [CaseStatus.AWAITING_SECOND, CaseStatus.RESOLVED]


def test_a_superuser_who_gave_a_bulk_verdict_does_not_sign_it() -> None:
    boss = make_user(is_superuser=True)
    ensure_default_queues()
    Queue.objects.update(second_sign_from_minor=1)
    _cases, selection = selected(boss, 1)
    run(decide(selection))
    with pytest.raises(PermissionDenied) as refusal:
        sign_verdict(Verdict.objects.get(), boss, at=NOON, undo_for=UNDO)
    assert refusal.value.code == "first_signer"


def test_undo_restores_all_and_nothing_takes_effect_meanwhile() -> None:
    user = make_reviewer()
    cases, selection = selected(user, 5)
    before = list(ReviewCase.objects.order_by("pk").values_list("pk", "queue_id", "sort_key", "status"))
    row = run(decide(selection))
    in_time = NOON + UNDO - timedelta(seconds=1)
    undo_bulk(row, by=user, at=in_time)
    assert settle_due(at=NOON + timedelta(minutes=5)) == 0  # however late the worker comes
    run(row, at=NOON + timedelta(minutes=5))
    assert results(selection) == [("undone", "")] * 5
    after = list(ReviewCase.objects.order_by("pk").values_list("pk", "queue_id", "sort_key", "status"))
    assert after == before
    assert settle_due(at=NOON + timedelta(days=1)) == 0
    assert {order_of(case).status for case in cases} == {OrderStatus.RECEIVED}
    assert row.status == "finished"


def test_it_is_too_late_to_undo_from_the_very_moment_on_and_for_others_always() -> None:
    user = make_reviewer()
    _cases, selection = selected(user, 2)
    row = decide(selection)
    with pytest.raises(Conflict):
        undo_bulk(row, by=user, at=NOON)  # still running: cancel first
    run(row)
    with pytest.raises(PermissionDenied):
        undo_bulk(row, by=make_user(is_superuser=True), at=NOON)
    with pytest.raises(Conflict) as refusal:
        undo_bulk(row, by=user, at=NOON + UNDO)
    assert refusal.value.code == "too_late"
    undo_bulk(row, by=user, at=NOON)
    with pytest.raises(Conflict):
        undo_bulk(row, by=user, at=NOON)


def test_what_awaits_a_second_is_undone_too_and_what_lapsed_says_so() -> None:
    user = make_reviewer()
    ensure_default_queues()
    cases, selection = selected(user, 3)
    ReviewCase.objects.filter(pk=cases[0].pk).update(value_minor=10**9)
    Queue.objects.update(second_sign_from_minor=10**9)
    row = run(decide(selection))
    cancel_case(ReviewCase.objects.get(pk=cases[1].pk), actor=SYSTEM, at=NOON)
    undo_bulk(row, by=user, at=NOON)
    run(row)
    codes = {one.case_id: (one.result, one.code) for one in selection.members.all()}
    assert [codes[case.pk] for case in cases] == [("undone", ""), ("recorded", "voided"), ("undone", "")]
    assert statuses(cases) == [CaseStatus.QUEUED, CaseStatus.CANCELLED, CaseStatus.QUEUED]


class Killed(BaseException):
    """What a worker sees of -9: nothing catches it."""


def test_a_killed_worker_is_resumed_and_no_case_gets_two_verdicts(monkeypatch: pytest.MonkeyPatch) -> None:
    user = make_reviewer()
    _cases, selection = selected(user, 6)
    row = decide(selection)
    calls = []

    def record(*args: Any, **kwargs: Any) -> Verdict:
        calls.append(1)
        verdict = record_verdict(*args, **kwargs)
        if len(calls) == 4:
            raise Killed  # after the write and before its commit
        return verdict

    monkeypatch.setattr(bulk, "record_verdict", record)
    with pytest.raises(Killed):
        run_bulk(row.pk, at=NOON, clock=lambda: NOON)
    assert Verdict.objects.count() == 3
    assert settle_due(at=NOON + timedelta(minutes=5)) == 0
    assert resume_bulks(at=NOON + timedelta(seconds=30)) == 0  # it might still live
    assert resume_bulks(at=NOON + timedelta(minutes=5)) == 1
    run(row, at=NOON + timedelta(minutes=5))
    assert Verdict.objects.count() == 6
    assert len({verdict.case_id for verdict in Verdict.objects.all()}) == 6
    run(row, at=NOON + timedelta(minutes=6))  # the message came twice
    assert Verdict.objects.count() == 6
    assert settle_due(at=NOON + timedelta(minutes=6)) == 6


def test_whoever_was_taken_for_dead_writes_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    user = make_reviewer()
    _cases, selection = selected(user, 3)
    row = decide(selection)

    def record(*args: Any, **kwargs: Any) -> Verdict:
        verdict = record_verdict(*args, **kwargs)
        if Verdict.objects.count() == 2:
            BulkVerdict.objects.filter(pk=row.pk).update(attempt=7)  # another worker has it
        return verdict

    monkeypatch.setattr(bulk, "record_verdict", record)
    run_bulk(row.pk, at=NOON, clock=lambda: NOON)
    assert [result for result, _code in results(selection)] == ["recorded", "recorded", ""]


def test_cancelled_it_stops_and_what_was_recorded_can_be_undone(monkeypatch: pytest.MonkeyPatch) -> None:
    user = make_reviewer()
    cases, selection = selected(user, 5)
    row = decide(selection)

    def record(*args: Any, **kwargs: Any) -> Verdict:
        verdict = record_verdict(*args, **kwargs)
        if Verdict.objects.count() == 2:
            cancel_bulk(BulkVerdict.objects.get(pk=row.pk), by=user, at=NOON)
        return verdict

    monkeypatch.setattr(bulk, "record_verdict", record)
    run(row)
    assert row.status == "cancelled"
    assert [result for result, _code in results(selection)] == ["recorded", "recorded", "", "", ""]
    assert sorted(statuses(cases)) == [CaseStatus.DECIDED] * 2 + [CaseStatus.QUEUED] * 3
    assert row.undo_until == NOON + UNDO
    undo_bulk(row, by=user, at=NOON)
    run(row)
    assert statuses(cases) == [CaseStatus.QUEUED] * 5


def test_cancelled_before_a_worker_came_nothing_happens() -> None:
    user = make_reviewer()
    cases, selection = selected(user, 2)
    row = decide(selection)
    with pytest.raises(PermissionDenied):
        cancel_bulk(row, by=make_reviewer("maya@example.com"), at=NOON)
    cancel_bulk(row, by=user, at=NOON)
    assert run(row).status == "cancelled"
    assert statuses(cases) == [CaseStatus.QUEUED] * 2


def test_one_case_that_fails_stops_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    user = make_reviewer()
    cases, selection = selected(user, 3)
    row = decide(selection)

    def record(case: ReviewCase, *args: Any, **kwargs: Any) -> Verdict:
        if case.pk == cases[1].pk:
            raise RuntimeError("nobody foresaw it")
        return record_verdict(case, *args, **kwargs)

    monkeypatch.setattr(bulk, "record_verdict", record)
    run(row)
    codes = dict(selection.members.values_list("case_id", "code"))
    assert [codes[case.pk] for case in cases] == ["", "internal", ""]
    assert statuses(cases)[1] == CaseStatus.QUEUED


def test_a_selection_is_decided_once_by_who_chose_it_and_only_with_reasons() -> None:
    user = make_reviewer()
    cases, selection = selected(user, 2)
    with pytest.raises(ValidationFailed) as refusal:
        decide(selection, NewBulkVerdict("reject"))
    assert [error.pointer for error in refusal.value.errors] == ["/reason_codes"]
    with pytest.raises(ValidationFailed):
        decide(selection, NewBulkVerdict("request_info", reason_codes=("other",), requested=("title",)))
    with pytest.raises(PermissionDenied):
        decide(selection, user=make_user(is_superuser=True))
    with pytest.raises(PermissionDenied):
        select_cases(get_queue("orders"), make_user(), at=NOON)
    assert not BulkVerdict.objects.exists()
    decide(selection)
    with pytest.raises(Conflict) as conflict:
        decide(selection)
    assert conflict.value.code == "already_decided"
    for case in cases:
        cancel_case(case, actor=SYSTEM, at=NOON)
    with pytest.raises(ValidationFailed):
        select_cases(get_queue("orders"), user, at=NOON)


def test_a_hidden_verdict_is_not_given_in_bulk_either() -> None:
    user = make_reviewer()
    ensure_default_queues()
    Queue.objects.update(hidden_verdicts=["approve"])
    _cases, selection = selected(user, 1)
    assert [one.code for one in list_candidates(selection, kind="approve", at=NOON)] == ["not_possible"]
    with pytest.raises(ValidationFailed):
        decide(selection)


def test_a_selection_holds_a_thousand_in_order_of_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "MOST_CASES", 3)
    cases, selection = selected(make_reviewer(), 5)
    assert selection.matched == 4  # more than it holds
    first = ReviewCase.objects.order_by("sort_key", "pk").values_list("pk", flat=True)[:3]
    assert list(selection.members.order_by("position").values_list("case_id", flat=True)) == list(first)
    chosen = select_cases(
        get_queue("orders"), make_reviewer("b@example.com"), case_ids=[cases[4].pk], at=NOON
    )
    assert [member.case_id for member in chosen.members.all()] == [cases[4].pk]


@pytest.mark.parametrize(
    ("model", "changes"),
    [
        (SelectedCase, {"evidence_version": 9}),
        (Selection, {"matched": 99}),
        (BulkVerdict, {"kind": "reject", "reason_codes": ["other"]}),
        (SelectedCase, {"verdict": None, "result": ""}),
    ],
)
def test_the_database_keeps_what_was_chosen_and_given(model: Any, changes: dict[str, Any]) -> None:
    _cases, selection = selected(make_reviewer(), 1)
    run(decide(selection))
    with pytest.raises(IntegrityError), transaction.atomic():
        model.objects.update(**changes)


def test_escalated_in_bulk_the_cases_go_up_at_once_and_there_is_nothing_to_undo() -> None:
    user = make_reviewer()
    ensure_default_queues()
    cases, selection = selected(user, 2)
    row = run(decide(selection, NewBulkVerdict("escalate", reason_codes=("other",))))
    assert {ReviewCase.objects.get(pk=case.pk).queue.needs_senior for case in cases} == {True}
    with pytest.raises(Conflict):
        undo_bulk(row, by=user, at=NOON)
    assert Order.objects.filter(status=OrderStatus.RECEIVED).count() == 2
