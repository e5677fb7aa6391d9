"""Bulk verdicts: one verdict on many cases, each under a claim of its own and through `record_verdict`.

The selection is frozen first, then judged: what the reviewer saw is what is decided, and nothing beside it. A
worker takes the run (`risk.runs`), each case in a transaction of its own with its result, so that a killed
worker loses one at most and decides none twice. What was recorded waits until the worker is through, and from
then on for the time to undo: the whole bulk can be undone together, or none of it.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.actors import actor_of
from accounts.models import User
from accounts.permissions import Permission, require
from core import audit, journal, outbox
from core.errors import Conflict, DomainError, FieldError, PermissionDenied, ValidationFailed
from core.outbox import TaskCall
from core.refs import Ref
from risk import runs
from risk.models import Subject
from risk.runs import Clock, Hold, RunKind

from .bulk_models import BulkResult, BulkVerdict, SelectedCase, Selection
from .claims import claim_case, release_claim
from .eligibility import WHY_KEPT, list_candidates, one_by_one
from .models import CaseStatus, Queue, ReviewCase, Verdict, VerdictKind, VerdictStatus
from .routing import find_senior_queue
from .selectors import list_cases
from .settling import undo_verdict
from .verdicts import NewVerdict, record_verdict, require_complete

logger = logging.getLogger(__name__)

MOST_CASES = 1_000  # what one person can answer for; recorded in well under a minute
_CHUNK = 50
# Until the worker is through, verdicts wait for so long; longer than any killed worker is away.
_WAIT = timedelta(hours=1)
_AT_ONCE = {VerdictKind.ESCALATE, VerdictKind.HOLD}  # they pass a case on, and there is nothing to undo

BULKS: RunKind[BulkVerdict] = RunKind(
    model=BulkVerdict,
    name="bulk_verdict",
    task="cases.tasks.run_bulk_verdict",
    resumed="bulk_verdict.resumed",
    failed=lambda run, code: ("bulk_verdict.failed", Ref("bulk_verdict", run.pk), {"code": code}),
    abandoned_after=timedelta(minutes=1),  # a case takes milliseconds
    most_attempts=None,  # every worker leaves its cases behind, and the next one has fewer to do
)


@dataclass(frozen=True)
class NewBulkVerdict:
    """What the reviewer gives on every case; the words of `verdicts.NewVerdict`."""

    kind: str
    reason_codes: tuple[str, ...] = ()
    requested: tuple[str, ...] = ()
    message: str = ""
    note: str = ""
    is_final: bool = False
    hold_until: datetime | None = None


def bulk_kinds(queue: Queue) -> tuple[VerdictKind, ...]:
    """Return the verdicts that a selection of a queue can be given, in the order of their buttons.

    Applicants are each asked for something else, and so one by one.
    """
    kinds = [VerdictKind.APPROVE, VerdictKind.REJECT]
    if queue.subject == Subject.LISTING:
        kinds.append(VerdictKind.REQUEST_INFO)
    if not queue.needs_senior and find_senior_queue(queue.subject) is not None:
        kinds.append(VerdictKind.ESCALATE)
    return tuple(kind for kind in (*kinds, VerdictKind.HOLD) if kind not in queue.hidden_verdicts)


def select_cases(
    queue: Queue,
    user: User,
    *,
    case_ids: Sequence[int] | None = None,
    search: str = "",
    at: datetime,
) -> Selection:
    """Freeze which queued cases the reviewer means, with the evidence each has now; four queries.

    Raises ValidationFailed if none of them is queued.

    case_ids    None = all that match `search`, the first MOST_CASES in order of work
    """
    require(user, Permission.REVIEW_CASES)
    if queue.needs_senior:
        require(user, Permission.REVIEW_SENIOR_CASES)
    rows = list_cases(user, q=search, status=CaseStatus.QUEUED).filter(queue=queue)
    if case_ids is not None:
        rows = rows.filter(pk__in=case_ids[:MOST_CASES])
    found = list(rows.order_by("sort_key", "pk").values_list("pk", "evidence_version")[: MOST_CASES + 1])
    if not found:
        raise ValidationFailed(
            [FieldError("/cases", "required", _("None of these cases is queued any more."))]
        )
    with journal.unit():
        selection = Selection.objects.create(
            queue=queue, reviewer=user, search=search, matched=len(found), created_at=at
        )
        SelectedCase.objects.bulk_create(
            SelectedCase(selection=selection, case_id=pk, evidence_version=version, position=position)
            for position, (pk, version) in enumerate(found[:MOST_CASES], start=1)
        )
        audit.record(
            "cases.selected",
            actor=actor_of(user),
            subject=Ref("selection", selection.pk),
            detail={"queue": queue.code, "cases": min(len(found), MOST_CASES)},
        )
    return selection


def decide_selection(
    selection: Selection, verdict: NewBulkVerdict, *, reviewer: User, at: datetime, undo_for: timedelta
) -> BulkVerdict:
    """Queue one verdict on every case of a selection that it can be given on now; a worker records them.

    What cannot be decided now is left alone for good, whatever becomes of it: it is not what the reviewer was
    shown. Raises PermissionDenied, ValidationFailed, and Conflict (`already_decided`, `nothing_to_decide`).
    """
    require(reviewer, Permission.REVIEW_CASES)
    if selection.reviewer_id != reviewer.pk:
        raise PermissionDenied(_("Only who chose these cases decides them."), code="not_yours")
    with journal.unit():
        selection = (
            Selection.objects.select_for_update(of=("self",))
            .select_related("queue", "reviewer")
            .get(pk=selection.pk)
        )
        if BulkVerdict.objects.filter(selection=selection).exists():
            raise Conflict(_("This selection has its verdict already."), code="already_decided")
        candidates = list_candidates(selection, kind=verdict.kind, is_final=verdict.is_final, at=at)
        eligible = [one for one in candidates if one.can_be_decided]
        _require_valid(selection.queue, (eligible or candidates)[0].case, verdict, at)
        if not eligible:
            raise Conflict(_("None of these cases can be decided so."), code="nothing_to_decide")
        for code in {one.code for one in candidates if not one.can_be_decided}:
            left = [one.member.pk for one in candidates if one.code == code]
            SelectedCase.objects.filter(pk__in=left).update(result=BulkResult.REFUSED, code=code)
        bulk = BulkVerdict.objects.create(
            selection=selection,
            kind=verdict.kind,
            is_final=verdict.is_final,
            reason_codes=list(dict.fromkeys(verdict.reason_codes)),
            requested=list(dict.fromkeys(verdict.requested)),
            merchant_message=verdict.message.strip(),
            note=verdict.note.strip(),
            hold_until=verdict.hold_until,
            undo_seconds=int(undo_for.total_seconds()),
        )
        detail = {"kind": bulk.kind, "reason_codes": bulk.reason_codes, "cases": len(eligible)}
        _audit("bulk_verdict.requested", bulk, reviewer, detail)
        _send("bulk_verdict.requested", bulk)
    return bulk


def cancel_bulk(bulk: BulkVerdict, *, by: User, at: datetime) -> None:
    """Stop after the case that is being recorded; what was recorded can be undone from then on."""
    with journal.unit():
        row = _lock(bulk, by)
        if row.undo_requested_at is not None:
            raise Conflict(_("It is being undone already."), code="bulk_verdict_ended")
        runs.cancel(BULKS, bulk, by=by, at=at)
        _open_window(bulk.pk, at)


def undo_bulk(bulk: BulkVerdict, *, by: User, at: datetime) -> None:
    """Take back every verdict of a bulk that has not taken effect; a worker does so, case by case.

    One click in time is enough: what waits stays where it is until the worker has come to it. The cases
    return to their queue, to their old places. Raises PermissionDenied and Conflict (`too_late`).
    """
    with journal.unit():
        row = _lock(bulk, by)
        is_over = row.undo_until is None or row.undo_until <= at
        if row.status in runs.OPEN or row.undo_requested_at is not None or is_over:
            raise Conflict(_("It is too late to undo this verdict."), code="too_late")
        _waiting(row).filter(effective_at__gt=at).update(effective_at=at + _WAIT)
        row.status, row.undo_requested_at = runs.Status.QUEUED, at
        row.heartbeat_at, row.cancel_requested_at, row.finished_at = at, None, None
        row.save(
            update_fields=[
                "status",
                "undo_requested_at",
                "heartbeat_at",
                "cancel_requested_at",
                "finished_at",
            ]
        )
        _audit("bulk_verdict.undo_requested", row, by, {})
        _send("bulk_verdict.undo_requested", row)
    bulk.refresh_from_db()


def run_bulk(bulk_id: int, *, at: datetime, clock: Clock = timezone.now) -> bool:
    """Record or undo the verdicts of a queued bulk, from where the last worker stopped; False if not done."""

    def do(hold: Hold[BulkVerdict]) -> bool:
        is_undo = hold.run.undo_requested_at is not None
        work = _undo_one if is_undo else _record_one
        for member_id in _members_left(hold, is_undo=is_undo):
            work(hold, member_id)
        hold.finish()
        return True

    is_done = bool(runs.work(BULKS, bulk_id, do, at=at, clock=clock))
    _open_window(bulk_id, clock())
    return is_done


def resume_bulks(*, at: datetime) -> int:
    """Send again what no worker came for or a killed one left behind; return how many."""
    for bulk_id in BulkVerdict.objects.filter(undo_until=None).values_list("pk", flat=True):
        _open_window(bulk_id, at)
    return runs.resume_abandoned(BULKS, at=at)


def _require_valid(queue: Queue, case: ReviewCase, verdict: NewBulkVerdict, at: datetime) -> None:
    if verdict.kind not in bulk_kinds(queue):
        detail = _("This verdict is not possible for this case.")
        raise ValidationFailed([FieldError("/kind", "not_possible", detail)])
    require_complete(case, _verdict_on(case, verdict, version=case.evidence_version), at)


def _verdict_on(case: ReviewCase, verdict: NewBulkVerdict | BulkVerdict, *, version: int) -> NewVerdict:
    message = verdict.merchant_message if isinstance(verdict, BulkVerdict) else verdict.message
    return NewVerdict(
        kind=verdict.kind,
        claim_token=case.claim_token,
        evidence_version=version,
        reason_codes=tuple(verdict.reason_codes),
        requested=tuple(verdict.requested),
        message=message,
        note=verdict.note,
        is_final=verdict.is_final,
        hold_until=verdict.hold_until,
    )


def _members_left(hold: Hold[BulkVerdict], *, is_undo: bool) -> Iterator[int]:
    """Yield the members whose turn is still to come, a chunk at a time; a result takes them out."""
    members = SelectedCase.objects.filter(
        selection_id=hold.run.selection_id, code="", result=BulkResult.RECORDED if is_undo else ""
    )
    while chunk := list(members.order_by("position").values_list("pk", flat=True)[:_CHUNK]):
        yield from chunk


def _record_one(hold: Hold[BulkVerdict], member_id: int) -> None:
    def record(member: SelectedCase) -> None:
        at, reviewer = hold.clock(), hold.run.selection.reviewer
        case = ReviewCase.objects.select_related("queue").get(pk=member.case_id)
        if code := one_by_one(case):
            raise Conflict(_("This case is decided one by one."), code=code)
        if case.queue_id != hold.run.selection.queue_id:
            raise Conflict(_("The case has gone to another queue."), code="queue_changed")
        case = claim_case(case, reviewer, at=at)
        verdict = _verdict_on(case, hold.run, version=member.evidence_version)
        member.verdict = record_verdict(case, verdict, reviewer=reviewer, at=at, undo_for=_WAIT)
        member.result = BulkResult.RECORDED

    def refuse(member: SelectedCase, code: str) -> None:
        member.verdict, member.result, member.code = None, BulkResult.REFUSED, code

    _work_off(hold, member_id, lambda member: member.result == "", record, refuse)


def _undo_one(hold: Hold[BulkVerdict], member_id: int) -> None:
    def undo(member: SelectedCase) -> None:
        assert member.verdict is not None
        at, reviewer = hold.clock(), hold.run.selection.reviewer
        case = undo_verdict(member.verdict, reviewer, at=at)
        release_claim(case, reviewer, token=case.claim_token, at=at)
        member.result = BulkResult.UNDONE

    def keep(member: SelectedCase, code: str) -> None:
        status = Verdict.objects.values_list("status", flat=True).get(pk=member.verdict_id)
        member.result, member.code = BulkResult.RECORDED, WHY_KEPT.get(status, "settled")

    _work_off(hold, member_id, lambda member: member.result == BulkResult.RECORDED, undo, keep)


def _work_off(
    hold: Hold[BulkVerdict],
    member_id: int,
    is_due: Callable[[SelectedCase], bool],
    work: Callable[[SelectedCase], None],
    refuse: Callable[[SelectedCase, str], None],
) -> None:
    """Do one member's work with its result in one transaction; a refusal is a result and stops nothing."""
    with journal.unit():
        hold.beat()  # in the same transaction: whoever was taken for dead writes nothing more
        member = (
            SelectedCase.objects.select_for_update(of=("self",)).select_related("verdict").get(pk=member_id)
        )
        if not is_due(member):
            return
        try:
            with journal.unit(savepoint=True):
                work(member)
        except DomainError as refusal:
            refuse(member, refusal.code)
        except Exception:
            # One case that cannot be worked off must not keep the others waiting.
            logger.exception("bulk_case_failed", extra={"member": member_id})
            refuse(member, "internal")
        member.save(update_fields=["verdict", "result", "code"])


def _open_window(bulk_id: int, at: datetime) -> None:
    """Let the time to undo begin for all verdicts of a bulk that has ended, once.

    A verdict that was signed meanwhile has its own time already.
    """
    with journal.unit():
        ended = BulkVerdict.objects.select_for_update().filter(pk=bulk_id, undo_until=None)
        bulk = ended.exclude(status__in=runs.OPEN).first()
        if bulk is None:
            return
        undo_for = timedelta(0) if bulk.kind in _AT_ONCE else timedelta(seconds=bulk.undo_seconds)
        bulk.undo_until = at + undo_for
        bulk.save(update_fields=["undo_until"])
        _waiting(bulk).filter(second=None).update(effective_at=bulk.undo_until)


def _waiting(bulk: BulkVerdict) -> QuerySet[Verdict]:
    return Verdict.objects.filter(selected__selection=bulk.selection_id, status=VerdictStatus.PENDING)


def _lock(bulk: BulkVerdict, user: User) -> BulkVerdict:
    row = BulkVerdict.objects.select_for_update(of=("self",)).select_related("selection").get(pk=bulk.pk)
    if row.selection.reviewer_id != user.pk:
        raise PermissionDenied(_("Only who gave a bulk verdict stops it or takes it back."), code="not_yours")
    return row


def _audit(action: str, bulk: BulkVerdict, by: User, detail: dict[str, object]) -> None:
    audit.record(action, actor=actor_of(by), subject=Ref("bulk_verdict", bulk.pk), detail=detail)


def _send(event: str, bulk: BulkVerdict) -> None:
    call = TaskCall(BULKS.task, (bulk.pk,))
    outbox.record(event, subject=Ref("bulk_verdict", bulk.pk), merchant_id=None, send=[call])
