"""Golden cases: resolved ones whose right answer is known. `serving` puts hidden copies before reviewers."""

from collections.abc import Sequence
from datetime import datetime

from django.utils.translation import gettext as _

from accounts.actors import actor_of
from accounts.models import User
from accounts.permissions import Permission, require
from core import audit, journal
from core.errors import Conflict, FieldError, PermissionDenied, ValidationFailed
from core.journal import Refusal
from core.reasons import REASONS
from core.refs import Ref
from merchants.models import Membership

from ..appeals import find_appeal
from ..models import CasePurpose, CaseStatus, Queue, ReviewCase, Verdict, VerdictKind, VerdictStatus
from ..signatures import is_high_value
from .models import GoldenCase

WHY_LENGTH = 2_000
_MARKED_ALREADY = Refusal(
    constraint="cases_goldencase_case_id",
    columns="cases_goldencase.case_id",
    error=lambda: Conflict(_("This case is a golden case already."), code="already_golden"),
)


def mark_golden(
    case: ReviewCase, *, kind: str, reason_codes: Sequence[str], why: str, by: User, at: datetime
) -> GoldenCase:
    """Keep a resolved case as one whose right answer is known.

    kind            "approve" or "reject"; with "reject" its reasons
    why             what a reviewer who answered otherwise reads afterwards

    Raises PermissionDenied, ValidationFailed and Conflict (`not_golden`, `already_golden`).
    """
    require(by, Permission.REVIEW_SENIOR_CASES)
    _require_answer(kind, reason_codes, why)
    with journal.unit():
        judged = _require_fit(case, by)
        golden = GoldenCase(
            case=case,
            queue_id=case.queue_id,
            kind=kind,
            reason_codes=list(dict.fromkeys(reason_codes)) if kind == VerdictKind.REJECT else [],
            why=why.strip(),
            judged_at=judged.created_at,
            marked_by=by,
            created_at=at,
        )
        journal.add(golden, refusal=_MARKED_ALREADY)
        _audit("golden.marked", golden, by)
    return golden


def retire_golden(golden: GoldenCase, *, by: User, at: datetime) -> None:
    """Serve a golden case no longer; what was answered stays. Twice is once."""
    require(by, Permission.REVIEW_SENIOR_CASES)
    with journal.unit():
        if GoldenCase.objects.filter(pk=golden.pk, retired_at=None).update(retired_at=at):
            _audit("golden.retired", golden, by)


def _require_answer(kind: str, reason_codes: Sequence[str], why: str) -> None:
    errors = []
    if kind not in {VerdictKind.APPROVE, VerdictKind.REJECT}:
        errors.append(FieldError("/kind", "required", _("Say which verdict is right.")))
    if kind == VerdictKind.REJECT and not reason_codes:
        errors.append(FieldError("/reason_codes", "required", _("Give at least one reason.")))
    if any(code not in REASONS for code in reason_codes):
        errors.append(FieldError("/reason_codes", "unknown_reason", _("There is no such reason.")))
    if not why.strip():
        errors.append(FieldError("/why", "required", _("Say why it is right.")))
    elif len(why) > WHY_LENGTH:
        detail = _("At most %(limit)s characters.") % {"limit": WHY_LENGTH}
        errors.append(FieldError("/why", "too_long", detail))
    if errors:
        raise ValidationFailed(errors)


def _require_fit(case: ReviewCase, by: User) -> Verdict:
    """Return the verdict that ended the case, or raise what makes it unfit to be served again."""
    if case.merchant_id and Membership.objects.filter(user=by, merchant_id=case.merchant_id).exists():
        raise PermissionDenied(_("You belong to this merchant."), code="own_merchant")
    queue = Queue.objects.get(pk=case.queue_id)
    judged = Verdict.objects.filter(
        case=case, status=VerdictStatus.EFFECTIVE, kind__in=[VerdictKind.APPROVE, VerdictKind.REJECT]
    ).last()
    is_plain = case.purpose == CasePurpose.WORK and not case.is_blind and find_appeal(case) is None
    # A copy of these would ask for a second signature, on nothing.
    takes_two = judged is None or judged.needs_second or is_high_value(case, queue)
    if case.status != CaseStatus.RESOLVED or not is_plain or judged is None or takes_two:
        detail = _("Only a resolved case of everyday work that one reviewer decides can be golden.")
        raise Conflict(detail, code="not_golden")
    return judged


def _audit(action: str, golden: GoldenCase, by: User) -> None:
    detail = {"golden": golden.pk, "kind": golden.kind, "reason_codes": golden.reason_codes}
    audit.record(action, actor=actor_of(by), subject=Ref("case", golden.case_id), detail=detail)
