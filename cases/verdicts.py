"""Verdicts: what a reviewer decides under a live claim.

A judgement is written at once and takes effect when its time to undo has
passed, or a second person has signed it; see `settling`.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _

from accounts.actors import actor_of
from accounts.models import User
from core import audit, journal
from core.errors import Conflict, FieldError, ValidationFailed
from core.reasons import REASONS
from core.refs import Ref

from . import effects
from .announcing import announce
from .choices import requestable
from .claims import find_assignee, lock_case, require_claim, require_may_review
from .models import ReviewCase, Verdict, VerdictKind, VerdictStatus
from .routing import find_senior_queue
from .settling import await_effect
from .signatures import needs_second
from .states import CASE

NOTE_LENGTH = 4_000
AT_ONCE = timedelta(0)
# Longer than any promise to a merchant: what is put aside for more is to be decided.
LONGEST_HOLD = timedelta(days=14)
_NO_CLAIM: dict[str, Any] = {"claimed_by": None, "claim_expires_at": None}


@dataclass(frozen=True)
class NewVerdict:
    """What the reviewer sends.

    requested          with "request_info": codes of requirements or names of fields
    message            to the merchant, beside the sentences of the reason codes
    note               internal
    is_final           with "reject": no further attempt; takes a second signature
    hold_until         with "hold": when the case comes back
    assignee_id        with "escalate": the person it goes to; None = the senior queue
    claim_token        of the claim under which the case was judged
    evidence_version   of the evidence the reviewer saw
    """

    kind: str
    claim_token: int
    evidence_version: int
    reason_codes: tuple[str, ...] = ()
    requested: tuple[str, ...] = ()
    message: str = ""
    note: str = ""
    is_final: bool = False
    hold_until: datetime | None = None
    assignee_id: int | None = None


def record_verdict(
    case: ReviewCase, verdict: NewVerdict, *, reviewer: User, at: datetime, undo_for: timedelta = AT_ONCE
) -> Verdict:
    """Write the verdict and pass the case on; a judgement takes effect after `undo_for`.

    Without time to undo and without a second signature it does so in the same
    transaction. Raises PermissionDenied, ValidationFailed, and Conflict with
    the codes `case_closed`, `stale_claim`, `claim_expired`,
    `evidence_changed`. If the subject itself refuses the change (a cancelled
    order) at once, nothing is written.
    """
    with journal.unit():
        case = lock_case(case.pk)
        require_may_review(reviewer, case)
        require_claim(case, reviewer, token=verdict.claim_token, at=at)
        if case.evidence_version != verdict.evidence_version:
            raise Conflict(
                _("The evidence has changed. Look again before you decide."), code="evidence_changed"
            )
        require_complete(case, verdict, at)
        row = _write(case, verdict, reviewer, at)
        audit.record(
            "verdict.recorded",
            actor=actor_of(reviewer),
            subject=Ref("case", case.pk),
            detail={"verdict": row.pk, "kind": row.kind, "reason_codes": row.reason_codes},
        )
        if row.kind in {VerdictKind.ESCALATE, VerdictKind.HOLD}:
            _pass_on(case, row, reviewer)
        elif row.needs_second:
            reason = row.reason_codes[0] if row.reason_codes else ""
            CASE.move(case, "await_second", actor=actor_of(reviewer), reason_code=reason, **_NO_CLAIM)
            announce(case, "signature_wanted", {"verdict": row.pk, "by": reviewer.pk})
        else:
            await_effect(case, row, by=reviewer, at=at, undo_for=undo_for)
    return row


def require_complete(case: ReviewCase, verdict: NewVerdict, at: datetime) -> None:
    """Raise ValidationFailed, with everything that is wrong, unless the verdict is whole."""
    errors = []
    if verdict.kind not in effects.possible_kinds(case):
        errors.append(FieldError("/kind", "not_possible", _("This verdict is not possible for this case.")))
    if verdict.kind not in {VerdictKind.APPROVE, VerdictKind.HOLD} and not verdict.reason_codes:
        errors.append(FieldError("/reason_codes", "required", _("Give at least one reason.")))
    if verdict.kind == VerdictKind.REQUEST_INFO and not verdict.requested:
        errors.append(FieldError("/requested", "required", _("Say at least one thing that is needed.")))
    errors += [
        FieldError(f"/reason_codes/{index}", "unknown_reason", _("There is no such reason."))
        for index, code in enumerate(verdict.reason_codes)
        if code not in REASONS
    ]
    errors += _unfit(case, verdict, at)
    errors += _unknown_requests(case, verdict) if not errors else []
    errors += [
        FieldError(f"/{name}", "too_long", _("At most %(limit)s characters.") % {"limit": NOTE_LENGTH})
        for name in ("message", "note")
        if len(getattr(verdict, name)) > NOTE_LENGTH
    ]
    if errors:
        raise ValidationFailed(errors)


def _unknown_requests(case: ReviewCase, verdict: NewVerdict) -> list[FieldError]:
    if verdict.kind != VerdictKind.REQUEST_INFO:
        return []
    known = {code for code, _label in requestable(case)}
    return [
        FieldError(f"/requested/{index}", "unknown_request", _("This cannot be asked for."))
        for index, code in enumerate(verdict.requested)
        if code not in known
    ]


def _unfit(case: ReviewCase, verdict: NewVerdict, at: datetime) -> list[FieldError]:
    """Return what does not fit the kind: a wrong end, a wrong person, finality of what cannot end."""
    errors = []
    if verdict.is_final and not effects.may_be_final(case, verdict.kind):
        detail = _("Only the rejection of an application can be final.")
        errors.append(FieldError("/is_final", "not_possible", detail))
    if (verdict.kind == VerdictKind.HOLD) != (verdict.hold_until is not None):
        errors.append(FieldError("/hold_until", "required", _("Say until when the case is put aside.")))
    elif verdict.hold_until is not None and not at < verdict.hold_until <= at + LONGEST_HOLD:
        detail = _("A case is put aside for at most %(days)s days.") % {"days": LONGEST_HOLD.days}
        errors.append(FieldError("/hold_until", "out_of_range", detail))
    if verdict.kind == VerdictKind.ESCALATE:
        errors += _unfit_escalation(case, verdict)
    elif verdict.assignee_id is not None:
        detail = _("Only an escalated case goes to a person.")
        errors.append(FieldError("/assignee_id", "not_possible", detail))
    return errors


def _unfit_escalation(case: ReviewCase, verdict: NewVerdict) -> list[FieldError]:
    if verdict.assignee_id is None:
        if case.queue.needs_senior or find_senior_queue(case.subject_kind) is None:
            detail = _("There is no queue above this one: choose a person.")
            return [FieldError("/assignee_id", "required", detail)]
    elif find_assignee(case, verdict.assignee_id) is None:
        return [FieldError("/assignee_id", "not_possible", _("This person cannot decide the case."))]
    return []


def _write(case: ReviewCase, verdict: NewVerdict, reviewer: User, at: datetime) -> Verdict:
    takes_two = needs_second(case, verdict.kind, is_final=verdict.is_final)
    is_judgement = verdict.kind not in {VerdictKind.ESCALATE, VerdictKind.HOLD}
    return Verdict.objects.create(
        case=case,
        kind=verdict.kind,
        is_final=verdict.is_final and takes_two,  # what has no effect closes no door
        reason_codes=list(dict.fromkeys(verdict.reason_codes)),
        requested=list(dict.fromkeys(verdict.requested)),
        message=verdict.message.strip(),
        note=verdict.note.strip(),
        hold_until=verdict.hold_until,
        assignee_id=verdict.assignee_id,
        reviewer=reviewer,
        opened_by_id=case.opened_by_id,
        needs_second=takes_two,
        claim_token=verdict.claim_token,
        evidence_version=verdict.evidence_version,
        status=_first_status(takes_two=takes_two, is_judgement=is_judgement),
        effective_at=None if takes_two else at,
        created_at=at,
    )


def _first_status(*, takes_two: bool, is_judgement: bool) -> str:
    if takes_two:
        return VerdictStatus.AWAITING_SECOND
    return VerdictStatus.PENDING if is_judgement else VerdictStatus.EFFECTIVE


def _pass_on(case: ReviewCase, verdict: Verdict, reviewer: User) -> None:
    actor, reason = actor_of(reviewer), verdict.reason_codes[0] if verdict.reason_codes else ""
    if verdict.kind == VerdictKind.HOLD:
        until = verdict.hold_until
        CASE.move(case, "hold", actor=actor, reason_code=reason, held_until=until, **_NO_CLAIM)
    elif verdict.assignee_id is not None:
        person = {"assigned_to_id": verdict.assignee_id}
        CASE.move(case, "escalate", actor=actor, reason_code=reason, **person, **_NO_CLAIM)
        announce(case, "assigned", {"assignee": verdict.assignee_id, "by": reviewer.pk})
    else:
        senior = find_senior_queue(case.subject_kind)
        CASE.move(case, "escalate", actor=actor, reason_code=reason, queue=senior, **_NO_CLAIM)
