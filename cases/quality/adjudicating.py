"""Deciding who was right where two reviewers differ."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.actors import actor_of
from accounts.models import User
from accounts.permissions import Permission, require
from core import audit, journal
from core.errors import Conflict, FieldError, NotFound, PermissionDenied, ValidationFailed
from core.reasons import REASONS
from core.refs import Ref
from merchants.models import Membership
from orders.models import Order
from risk import services as risk
from risk.models import LabelSource, Subject

from ..appeals import APPEALABLE, Appealable
from ..models import CaseExclusion, VerdictKind
from ..selectors import find_open_case
from .models import LookKind, SecondLook

NOTE_LENGTH = 2_000
ADJUDICATED = (LookKind.BLIND, LookKind.SAMPLE)


def require_may_adjudicate(user: User, look: SecondLook) -> None:
    """Raise PermissionDenied unless this person may say who was right: neither of the two, nor kept away."""
    require(user, Permission.REVIEW_SENIOR_CASES)
    case = look.original or look.case
    if user.pk in {look.first_reviewer_id, look.second_reviewer_id}:
        raise PermissionDenied(_("You are one of the two: a third person decides."), code="one_of_the_two")
    if case.merchant_id and Membership.objects.filter(user=user, merchant_id=case.merchant_id).exists():
        raise PermissionDenied(_("You belong to this merchant."), code="own_merchant")
    excluded = CaseExclusion.objects.filter(case=look.case_id, user=user).exists()
    if case.opened_by_id == user.pk or excluded:
        detail = _("You had to do with this case before: somebody else decides.")
        raise PermissionDenied(detail, code="had_a_hand_in_it")


def adjudicate(
    look: SecondLook,
    *,
    kind: str,
    reason_codes: Sequence[str] = (),
    note: str,
    undoes: bool = False,
    by: User,
    at: datetime,
) -> SecondLook:
    """Say what was right; this becomes the subject's label, and counts for and against the two.

    kind      "approve" or "reject"; with "reject" its reasons
    note      what both read
    undoes    take back what the first decided against the merchant, as an upheld appeal does

    Raises PermissionDenied, ValidationFailed, and Conflict with the codes
    `not_disputed`, `nothing_to_undo` and `case_open`, or what the subject itself refuses.
    """
    _require_complete(kind, reason_codes, note)
    with journal.unit():
        look = _lock(look)
        require_may_adjudicate(by, look)
        if not is_disputed(look):
            raise Conflict(_("There is nothing to decide here any more."), code="not_disputed")
        look.truth_kind, look.truth_note = kind, note.strip()
        look.truth_codes = list(dict.fromkeys(reason_codes)) if kind == VerdictKind.REJECT else []
        look.is_first_right = look.first_kind == kind
        look.is_second_right = look.second_kind == kind
        look.adjudicator, look.adjudicated_at = by, at
        row = _undo(look, by, at) if undoes else _subject_of(look)
        look.is_undone = undoes
        look.save()
        _record_label(look, row, at)
        audit.record(
            "look.adjudicated",
            actor=actor_of(by),
            subject=Ref("case", look.original_id or look.case_id),
            detail={"look": look.pk, "kind": kind, "reason_codes": look.truth_codes, "undone": undoes},
        )
    return look


def is_disputed(look: SecondLook) -> bool:
    return look.kind in ADJUDICATED and look.is_agreed is False and look.adjudicated_at is None


def can_be_undone(look: SecondLook) -> bool:
    """Tell whether what the first decided still stands against a merchant, and nobody else is at it."""
    case = look.original or look.case
    how = _appealable(look)
    if how is None or find_open_case(Ref(case.subject_kind, case.subject_id)) is not None:
        return False
    with transaction.atomic():
        return getattr(how.load(case.subject_id), how.standing) is not None


def _undo(look: SecondLook, by: User, at: datetime) -> Any:
    """Do what an upheld appeal does; the subject's own rules hold, so that nothing newer is undone."""
    case = look.original or look.case
    how = _appealable(look)
    if how is None or look.truth_kind != VerdictKind.APPROVE:
        raise Conflict(_("There is nothing to take back."), code="nothing_to_undo")
    if find_open_case(Ref(case.subject_kind, case.subject_id)) is not None:
        detail = _("Another case about this is open: what follows is decided there.")
        raise Conflict(detail, code="case_open")
    row = how.load(case.subject_id)
    if getattr(row, how.standing) is None:
        raise Conflict(_("There is nothing to take back."), code="nothing_to_undo")
    how.reinstate(row, actor=actor_of(by), at=at)
    return row


def _appealable(look: SecondLook) -> Appealable | None:
    case = look.original or look.case
    if look.first_kind != VerdictKind.REJECT:
        return None
    return next((how for (kind, _effect), how in APPEALABLE.items() if kind == case.subject_kind), None)


def _subject_of(look: SecondLook) -> Any:
    case = look.original or look.case
    is_order = case.subject_kind == Subject.ORDER
    return Order.objects.filter(pk=case.subject_id).first() if is_order else None


def _record_label(look: SecondLook, row: Any, at: datetime) -> None:
    """Correct the label of the first verdict: two or three people now stand behind it."""
    case = look.original or look.case
    risk.record_label(
        Ref(case.subject_kind, case.subject_id),
        is_bad=look.truth_kind == VerdictKind.REJECT,
        source=LabelSource.VERDICT,
        occurred_at=at,
        known_at=at,
        order=row if isinstance(row, Order) else None,
        merchant_id=case.merchant_id,
    )


def _require_complete(kind: str, reason_codes: Sequence[str], note: str) -> None:
    errors = []
    if kind not in {VerdictKind.APPROVE, VerdictKind.REJECT}:
        errors.append(FieldError("/kind", "required", _("Say which verdict is right.")))
    if kind == VerdictKind.REJECT and not reason_codes:
        errors.append(FieldError("/reason_codes", "required", _("Give at least one reason.")))
    if any(code not in REASONS for code in reason_codes):
        errors.append(FieldError("/reason_codes", "unknown_reason", _("There is no such reason.")))
    if not note.strip():
        errors.append(FieldError("/note", "required", _("Say why it is right.")))
    elif len(note) > NOTE_LENGTH:
        detail = _("At most %(limit)s characters.") % {"limit": NOTE_LENGTH}
        errors.append(FieldError("/note", "too_long", detail))
    if errors:
        raise ValidationFailed(errors)


def _lock(look: SecondLook) -> SecondLook:
    found = (
        SecondLook.objects.select_for_update(of=("self",))
        .select_related("case", "original")
        .filter(pk=look.pk)
        .first()
    )
    if found is None:
        raise NotFound("No such look.")
    return found
