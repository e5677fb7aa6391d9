"""What becomes of a verdict: it waits, is signed or refused, is undone, or takes effect.

While it waits nothing has happened to the subject and nobody was told. The
row is the truth: a periodic task finds what is due, and works it off once.
"""

import logging
from datetime import datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _

from accounts.actors import actor_of
from accounts.models import User
from core import audit, journal, outbox
from core.actors import SYSTEM
from core.errors import Conflict, FieldError, InvalidTransition, PermissionDenied, ValidationFailed
from core.refs import Ref

from . import effects
from .announcing import announce
from .claims import LEASE, lock_case
from .models import CasePurpose, CaseStatus, ReviewCase, Verdict, VerdictKind, VerdictStatus
from .quality import looking
from .signatures import require_may_sign
from .states import CASE

logger = logging.getLogger(__name__)

_NO_CLAIM: dict[str, Any] = {"claimed_by": None, "claim_expires_at": None}
_WAITING = {VerdictStatus.PENDING, VerdictStatus.AWAITING_SECOND}


def await_effect(case: ReviewCase, verdict: Verdict, *, by: User, at: datetime, undo_for: timedelta) -> None:
    """Let a locked case's verdict take effect when its time to undo has passed; at once if there is none."""
    if not undo_for:
        _take_effect(case, verdict, at)
        return
    _set(verdict, status=VerdictStatus.PENDING, effective_at=at + undo_for)
    reason = verdict.reason_codes[0] if verdict.reason_codes else ""
    CASE.move(case, "decide", actor=actor_of(by), reason_code=reason, **_NO_CLAIM)


def undo_verdict(verdict: Verdict, user: User, *, at: datetime) -> ReviewCase:
    """Take a verdict back before it has taken effect; the case returns to the hands of who gave it.

    If the second signer undoes, it returns to its queue: the first is not
    asked again. Raises PermissionDenied for everybody else, Conflict (`too_late`).
    """
    with journal.unit():
        case = lock_case(verdict.case_id)
        verdict = _lock(verdict)
        if user.pk not in {verdict.reviewer_id, verdict.second_id}:
            raise PermissionDenied(_("Only who gave or signed a verdict takes it back."), code="not_yours")
        is_over = verdict.effective_at is not None and verdict.effective_at <= at
        if verdict.status not in _WAITING or is_over:
            raise Conflict(_("It is too late to undo this verdict."), code="too_late")
        _set(verdict, status=VerdictStatus.UNDONE, effective_at=None)
        if verdict.second_id == user.pk:
            looking.note_signature(verdict, is_upheld=False, at=at)
        if verdict.reviewer_id == user.pk:
            CASE.move(
                case,
                "undo",
                actor=actor_of(user),
                claimed_by=user,
                claim_token=case.claim_token + 1,
                claim_expires_at=at + LEASE,
            )
        else:
            CASE.move(case, "return", actor=actor_of(user), reason_code="undone")
        _audit("verdict.undone", verdict, by=user)
    return case


def sign_verdict(verdict: Verdict, user: User, *, at: datetime, undo_for: timedelta) -> Verdict:
    """Sign what another reviewer decided; from then on it is as if both had.

    Raises PermissionDenied (`first_signer`, `opened_by_you`, …) and Conflict (`not_awaited`).
    """
    with journal.unit():
        case, verdict = _lock_awaited(verdict, user)
        _set(verdict, second=user, second_at=at, status=VerdictStatus.PENDING, effective_at=at)
        _audit("verdict.signed", verdict, by=user)
        await_effect(case, verdict, by=user, at=at, undo_for=undo_for)
    return verdict


def refuse_verdict(verdict: Verdict, user: User, *, note: str, at: datetime) -> Verdict:
    """Refuse to sign, with a reason for the first reviewer; the case returns to its queue."""
    if not note.strip():
        raise ValidationFailed([FieldError("/note", "required", _("Say why you do not sign."))])
    with journal.unit():
        case, verdict = _lock_awaited(verdict, user)
        _set(verdict, second=user, second_at=at, second_note=note.strip(), status=VerdictStatus.REFUSED)
        looking.note_signature(verdict, is_upheld=False, at=at)
        _audit("verdict.refused", verdict, by=user)
        CASE.move(case, "refuse", actor=actor_of(user))
        announce(case, "verdict_refused", {"verdict": verdict.pk, "by": user.pk})
    return verdict


def settle_due(*, at: datetime, limit: int = 500) -> int:
    """Let the verdicts whose time to undo has passed take effect, each in a transaction of its own."""
    due = Verdict.objects.filter(status=VerdictStatus.PENDING, effective_at__lte=at)
    settled = 0
    for verdict_id, case_id in list(due.order_by("effective_at").values_list("pk", "case_id")[:limit]):
        try:
            settled += _settle(verdict_id, case_id, at)
        except Exception:
            # One that cannot be settled must not keep the others waiting; the next tick tries it again.
            logger.exception("verdict_not_settled", extra={"verdict": verdict_id})
    return settled


def void_waiting(case: ReviewCase, *, reason_code: str, **changes: Any) -> None:
    """Return a locked case to its queue and void its waiting verdict: what it was based on has changed."""
    drop_waiting(case, reason_code=reason_code)
    CASE.move(case, "return", actor=SYSTEM, reason_code=reason_code, **changes)


def drop_waiting(case: ReviewCase, *, reason_code: str) -> None:
    """Void the waiting verdict of a locked case, if it has one."""
    if case.status not in {CaseStatus.DECIDED, CaseStatus.AWAITING_SECOND}:
        return
    for verdict in Verdict.objects.select_for_update().filter(case=case, status__in=_WAITING):
        _set(verdict, status=VerdictStatus.VOID, effective_at=None)
        _audit("verdict.voided", verdict, by=None, reason=reason_code)


def _settle(verdict_id: int, case_id: int, at: datetime) -> bool:
    with journal.unit():
        case = lock_case(case_id)
        verdict = Verdict.objects.select_for_update().select_related("reviewer").get(pk=verdict_id)
        if verdict.status != VerdictStatus.PENDING or case.status != CaseStatus.DECIDED:
            return False
        try:
            with journal.unit(savepoint=True):
                _take_effect(case, verdict, at)
        except InvalidTransition:
            # The subject has moved on: a buyer cancelled, a newer version came in.
            case.refresh_from_db()
            verdict.refresh_from_db()
            void_waiting(case, reason_code="subject_changed")
    return True


def _take_effect(case: ReviewCase, verdict: Verdict, at: datetime) -> None:
    actor, reason = actor_of(verdict.reviewer), verdict.reason_codes[0] if verdict.reason_codes else ""
    is_work = case.purpose == CasePurpose.WORK
    if verdict.kind == VerdictKind.REQUEST_INFO and is_work:
        CASE.move(case, "await_subject", actor=actor, reason_code=reason, paused_at=at, **_NO_CLAIM)
    else:
        CASE.move(case, "resolve", actor=actor, reason_code=reason, resolved_at=at, **_NO_CLAIM)
        if is_work:
            outbox.record(
                "review_case.resolved",
                subject=Ref("case", case.pk),
                merchant_id=None,
                payload={"verdict": verdict.kind},
            )
    if is_work:
        effects.apply_verdict(case, verdict, actor=actor, at=at)
    _set(verdict, status=VerdictStatus.EFFECTIVE, effective_at=at)
    looking.note_effect(case, verdict, at=at)


def _lock_awaited(verdict: Verdict, user: User) -> tuple[ReviewCase, Verdict]:
    case = lock_case(verdict.case_id)
    verdict = _lock(verdict)
    require_may_sign(user, case, verdict)
    if verdict.status != VerdictStatus.AWAITING_SECOND or case.status != CaseStatus.AWAITING_SECOND:
        raise Conflict(_("This verdict does not wait for a signature any more."), code="not_awaited")
    return case, verdict


def _lock(verdict: Verdict) -> Verdict:
    return Verdict.objects.select_for_update(of=("self",)).select_related("reviewer").get(pk=verdict.pk)


def _set(verdict: Verdict, **values: object) -> None:
    for name, value in values.items():
        setattr(verdict, name, value)
    verdict.save(update_fields=list(values))


def _audit(action: str, verdict: Verdict, *, by: User | None, reason: str = "") -> None:
    audit.record(
        action,
        actor=SYSTEM if by is None else actor_of(by),
        subject=Ref("case", verdict.case_id),
        detail={"verdict": verdict.pk, "kind": verdict.kind} | ({"reason": reason} if reason else {}),
    )
