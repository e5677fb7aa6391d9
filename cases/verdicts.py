"""Verdicts: what a reviewer decides under a live claim, and everything that follows from it at once."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from accounts.actors import actor_of
from accounts.models import User
from core import audit, journal, outbox
from core.errors import Conflict, FieldError, ValidationFailed
from core.reasons import REASONS
from core.refs import Ref

from . import effects
from .choices import requestable
from .claims import lock_case, require_claim, require_may_review
from .models import ReviewCase, Verdict, VerdictKind
from .routing import find_senior_queue
from .states import CASE

NOTE_LENGTH = 4_000
_NO_CLAIM: dict[str, Any] = {"claimed_by": None, "claim_expires_at": None}


@dataclass(frozen=True)
class NewVerdict:
    """What the reviewer sends.

    requested          with "request_info": codes of requirements or names of fields
    message            to the merchant, beside the sentences of the reason codes
    note               internal
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


def record_verdict(case: ReviewCase, verdict: NewVerdict, *, reviewer: User, at: datetime) -> Verdict:
    """Write the verdict, close or pass on the case, and change the subject, in one transaction.

    Raises PermissionDenied, ValidationFailed, and Conflict with the codes
    `case_closed`, `stale_claim`, `claim_expired`, `evidence_changed`. If the
    subject itself refuses the change (a cancelled order), nothing is written.
    """
    with journal.unit():
        case = lock_case(case.pk)
        require_may_review(reviewer, case)
        require_claim(case, reviewer, token=verdict.claim_token, at=at)
        if case.evidence_version != verdict.evidence_version:
            raise Conflict(
                _("The evidence has changed. Look again before you decide."), code="evidence_changed"
            )
        _require_complete(case, verdict)
        row = _write(case, verdict, reviewer, at)
        _move_case(case, row, reviewer, at)
        effects.apply_verdict(case, row, actor=actor_of(reviewer), at=at)
        audit.record(
            "verdict.recorded",
            actor=actor_of(reviewer),
            subject=Ref("case", case.pk),
            detail={"verdict": row.pk, "kind": row.kind, "reason_codes": row.reason_codes},
        )
    return row


def _require_complete(case: ReviewCase, verdict: NewVerdict) -> None:
    errors = []
    if verdict.kind not in effects.possible_kinds(case):
        errors.append(FieldError("/kind", "not_possible", _("This verdict is not possible for this case.")))
    if verdict.kind != VerdictKind.APPROVE and not verdict.reason_codes:
        errors.append(FieldError("/reason_codes", "required", _("Give at least one reason.")))
    if verdict.kind == VerdictKind.REQUEST_INFO and not verdict.requested:
        errors.append(FieldError("/requested", "required", _("Say at least one thing that is needed.")))
    errors += [
        FieldError(f"/reason_codes/{index}", "unknown_reason", _("There is no such reason."))
        for index, code in enumerate(verdict.reason_codes)
        if code not in REASONS
    ]
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


def _write(case: ReviewCase, verdict: NewVerdict, reviewer: User, at: datetime) -> Verdict:
    return Verdict.objects.create(
        case=case,
        kind=verdict.kind,
        reason_codes=list(dict.fromkeys(verdict.reason_codes)),
        requested=list(dict.fromkeys(verdict.requested)),
        message=verdict.message.strip(),
        note=verdict.note.strip(),
        reviewer=reviewer,
        claim_token=verdict.claim_token,
        evidence_version=verdict.evidence_version,
        created_at=at,
    )


def _move_case(case: ReviewCase, verdict: Verdict, reviewer: User, at: datetime) -> None:
    actor = actor_of(reviewer)
    reason = verdict.reason_codes[0] if verdict.reason_codes else ""
    if verdict.kind == VerdictKind.ESCALATE:
        senior = find_senior_queue(case.subject_kind)
        CASE.move(case, "escalate", actor=actor, reason_code=reason, queue=senior, **_NO_CLAIM)
    elif verdict.kind == VerdictKind.REQUEST_INFO:
        CASE.move(case, "await_subject", actor=actor, reason_code=reason, **_NO_CLAIM)
    else:
        CASE.move(case, "resolve", actor=actor, reason_code=reason, resolved_at=at, **_NO_CLAIM)
        outbox.record(
            "review_case.resolved",
            subject=Ref("case", case.pk),
            merchant_id=None,
            payload={"verdict": verdict.kind},
        )
