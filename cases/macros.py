"""Macros: keep, share and offer verdicts that were written down beforehand.

A personal macro is its owner's alone. A shared one is offered to everybody on
its queue and kept by seniors to whom that queue is open.
"""

from dataclasses import asdict, dataclass
from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from accounts.actors import actor_of
from accounts.models import User
from accounts.permissions import Permission, has_permission, require
from core import audit, journal
from core.errors import Conflict, FieldError, NotFound, PermissionDenied, ValidationFailed
from core.refs import Ref

from .choices import reasons_for, reasons_of
from .effects import CAN_BE_ASKED, possible_kinds
from .macros_models import MACRO_KINDS, MOST_HOLD_HOURS, Macro
from .models import Queue, ReviewCase, VerdictKind
from .open_queues import open_queues, require_open
from .verdicts import NOTE_LENGTH

NAME_LENGTH = 60
# Per person and subject, and per queue: nobody finds one among more, and a case's page stays small.
MOST_MACROS = 30


@dataclass(frozen=True)
class MacroFields:
    """What a macro says.

    name_zh      how Chinese pages call it; "" = like the others
    hold_hours   with "hold": for how long, 1–MOST_HOLD_HOURS
    is_final     with the rejection of an application
    """

    name: str
    kind: str
    name_zh: str = ""
    reason_codes: tuple[str, ...] = ()
    message: str = ""
    note: str = ""
    hold_hours: int | None = None
    is_final: bool = False


def create_macro(
    fields: MacroFields, *, subject: str, by: User, at: datetime, queue: Queue | None = None
) -> Macro:
    """Keep a macro for oneself, or with `queue` for everybody on it.

    Raises PermissionDenied for a queue that one does not keep, and ValidationFailed.
    """
    require(by, Permission.REVIEW_CASES)
    if queue is not None:
        _require_keeps(by, queue)
    owner = by if queue is None else None
    with journal.unit():
        # Two who add the last one at once wait here for each other.
        if queue is None:
            User.objects.select_for_update(no_key=True).get(pk=by.pk)
        else:
            queue = Queue.objects.select_for_update(no_key=True).get(pk=queue.pk)
        _require_sound(fields, subject, queue)
        alike = Macro.objects.filter(owner=owner, queue=queue, subject=subject, removed_at=None)
        if alike.count() >= MOST_MACROS:
            detail = _("At most %(limit)s macros: remove one first.") % {"limit": MOST_MACROS}
            raise ValidationFailed([FieldError("/name", "too_many", detail)])
        macro = Macro(subject=subject, owner=owner, queue=queue, created_at=at)
        _write(macro, fields)
        _record("macro.created", macro, by)
    return macro


def change_macro(macro: Macro, fields: MacroFields, *, by: User) -> Macro:
    """Let a macro say something else; whose it is and its subject stay.

    Raises PermissionDenied, ValidationFailed, and Conflict (`removed`) if it was removed meanwhile.
    """
    with journal.unit():
        macro = _lock(macro, by)
        if macro.removed_at is not None:
            raise Conflict(_("This macro was removed meanwhile."), code="removed")
        _require_sound(fields, macro.subject, macro.queue)
        _write(macro, fields)
        _record("macro.changed", macro, by)
    return macro


def remove_macro(macro: Macro, *, by: User, at: datetime) -> None:
    """Offer it no longer; removing it again changes nothing."""
    with journal.unit():
        macro = _lock(macro, by)
        if macro.removed_at is None:
            macro.removed_at = at
            macro.save(update_fields=["removed_at"])
            _record("macro.removed", macro, by)


def restore_macro(macro: Macro, *, by: User) -> None:
    """Undo a removal; Conflict (`name_taken`) if another has taken the name."""
    with journal.unit():
        macro = _lock(macro, by)
        if macro.removed_at is None:
            return
        macro.removed_at = None
        try:
            with transaction.atomic():
                macro.save(update_fields=["removed_at"])
        except IntegrityError as error:
            raise Conflict(_("Another macro has this name now."), code="name_taken") from error
        _record("macro.restored", macro, by)


def list_macros(user: User) -> QuerySet[Macro]:
    """List those in use that this person may see: their own, and those of queues open to them."""
    theirs = Q(owner=user) | Q(queue__in=open_queues(user))
    return Macro.objects.filter(theirs, removed_at=None).select_related("queue")


def list_offered(case: ReviewCase, user: User) -> list[Macro]:
    """List what this person is offered on this case, the oldest first, so that numbers stay; two queries.

    Left out is what the case would refuse: a verdict that is hidden in its
    queue or not possible, and reasons that its subject does not know.
    """
    theirs = Q(owner=user, subject=case.subject_kind) | Q(queue=case.queue_id)
    found = Macro.objects.filter(theirs, removed_at=None, kind__in=possible_kinds(case)).order_by("pk")
    known = {reason.code for reason in reasons_for(case)}
    return [macro for macro in found if known.issuperset(macro.reason_codes)]


def get_macro(macro_id: int, user: User) -> Macro:
    """Return a macro that this person may see, a removed one too; for everybody else there is none."""
    theirs = Q(owner=user) | Q(queue__in=open_queues(user))
    macro = Macro.objects.filter(theirs, pk=macro_id).select_related("queue").first()
    if macro is None:
        raise NotFound("No such macro.")
    return macro


def may_change(macro: Macro, user: User) -> bool:
    """Tell whether this person keeps it; the caller has found that they may see it."""
    if macro.queue_id is None:
        return bool(macro.owner_id == user.pk)
    return has_permission(user, Permission.REVIEW_SENIOR_CASES)


def kept_queues(user: User) -> QuerySet[Queue]:
    """List the queues for which this person keeps macros."""
    if not has_permission(user, Permission.REVIEW_SENIOR_CASES):
        return Queue.objects.none()
    return open_queues(user)


def kinds_of(subject: str) -> list[VerdictKind]:
    """Return the verdicts that can be written down for a subject, in the order of their buttons."""
    kinds = [VerdictKind(kind) for kind in MACRO_KINDS]
    return [kind for kind in kinds if kind != VerdictKind.REQUEST_INFO or subject in CAN_BE_ASKED]


def _require_keeps(user: User, queue: Queue) -> None:
    if not has_permission(user, Permission.REVIEW_SENIOR_CASES):
        raise PermissionDenied(_("Shared macros are kept by senior reviewers."), code="seniors_only")
    require_open(user, queue)


def _lock(macro: Macro, by: User) -> Macro:
    """Return the row as it is now, for whoever keeps it."""
    require(by, Permission.REVIEW_CASES)
    macro = Macro.objects.select_for_update().get(pk=macro.pk)
    if macro.queue is not None:
        _require_keeps(by, macro.queue)
    elif macro.owner_id != by.pk:
        raise NotFound("No such macro.")
    return macro


def _require_sound(fields: MacroFields, subject: str, queue: Queue | None) -> None:
    errors = []
    if not fields.name.strip():
        errors.append(FieldError("/name", "required", _("Give it a name.")))
    hidden = queue.hidden_verdicts if queue else []
    if fields.kind not in kinds_of(subject) or fields.kind in hidden:
        errors.append(FieldError("/kind", "not_possible", _("This verdict is not possible here.")))
    if fields.kind not in {VerdictKind.APPROVE, VerdictKind.HOLD} and not fields.reason_codes:
        errors.append(FieldError("/reason_codes", "required", _("Give at least one reason.")))
    if not {reason.code for reason in reasons_of(subject)}.issuperset(fields.reason_codes):
        errors.append(FieldError("/reason_codes", "unknown_reason", _("There is no such reason.")))
    if queue is not None and queue.subject != subject:
        errors.append(FieldError("/queue", "wrong_subject", _("This queue has other cases.")))
    if (fields.kind == VerdictKind.HOLD) != (fields.hold_hours in range(1, MOST_HOLD_HOURS + 1)):
        errors.append(FieldError("/hold_hours", "required", _("Say for how long the case is put aside.")))
    if fields.is_final and not (fields.kind == VerdictKind.REJECT and subject == "application"):
        detail = _("Only the rejection of an application can be final.")
        errors.append(FieldError("/is_final", "not_possible", detail))
    limits = {"name": NAME_LENGTH, "name_zh": NAME_LENGTH, "message": NOTE_LENGTH, "note": NOTE_LENGTH}
    errors += [
        FieldError(f"/{name}", "too_long", _("At most %(limit)s characters.") % {"limit": limit})
        for name, limit in limits.items()
        if len(getattr(fields, name)) > limit
    ]
    if errors:
        raise ValidationFailed(errors)


def _write(macro: Macro, fields: MacroFields) -> None:
    for name, value in asdict(fields).items():
        setattr(macro, name, value.strip() if isinstance(value, str) else value)
    macro.reason_codes = list(dict.fromkeys(fields.reason_codes))
    try:
        with transaction.atomic():
            macro.save()
    except IntegrityError as error:  # everything else was looked at
        detail = _("Another macro has this name.")
        raise ValidationFailed([FieldError("/name", "name_taken", detail)]) from error


def _record(action: str, macro: Macro, by: User) -> None:
    detail = {"kind": macro.kind, "name": macro.name, "queue": macro.queue_id}
    audit.record(action, actor=actor_of(by), subject=Ref("macro", macro.pk), detail=detail)
