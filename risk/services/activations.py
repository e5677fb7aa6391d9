"""The gate: what goes live was backtested as it is and approved by a second person, or was live before.

The same rules stand in the database, as constraints and triggers: whoever
writes past these functions is refused there.
"""

import logging
from datetime import datetime

from accounts.actors import actor_of
from accounts.models import User
from accounts.permissions import Permission, require
from core import audit, journal
from core.actors import SYSTEM, Actor
from core.errors import Conflict, DomainError, FieldError, PermissionDenied, ValidationFailed
from core.refs import Ref
from risk import live
from risk.models import FRESH_FOR, Activation, Backtest, RuleSet, RuleSetStatus
from risk.rules.errors import RulesetError
from risk.rulesets import compile_rows, known_lists
from risk.selectors import find_fresh_backtest, find_rollback_target

logger = logging.getLogger(__name__)


def approve_ruleset(
    ruleset: RuleSet, *, backtest: Backtest, approver: User, at: datetime, starts_at: datetime | None = None
) -> Activation:
    """Approve a draft as its second person: live at once, or when `starts_at` has come.

    Raises PermissionDenied for its author and its last editor, Conflict if the
    backtest is not finished, not of exactly this content, or older than
    FRESH_FOR when the ruleset goes live, ValidationFailed if a condition
    cannot be read.
    """
    require(approver, Permission.EDIT_RULES)
    with journal.unit():
        row = _lock(ruleset)
        if row.status != RuleSetStatus.DRAFT:
            raise Conflict("Only a draft can be approved.", code="not_a_draft")
        _require_second_person(row, approver)
        content_hash = _content_hash(row)
        _require_backtest(backtest, content_hash, at=max(at, starts_at or at), of=row)
        activation = _approve(row, content_hash, approver, backtest=backtest, returns_to=None, at=at)
        if starts_at is None or starts_at <= at:
            _go_live(row, activation, actor=actor_of(approver), at=at)
        else:
            _schedule(row, activation, starts_at)
    ruleset.status = row.status
    live.forget()
    return activation


def activate_ruleset(ruleset: RuleSet, *, approver: User, at: datetime) -> Activation:
    """Put a draft live on its newest fresh backtest, or an earlier version on its earlier approval.

    The ruleset that was live retires in the same commit. Raises Conflict
    without a fresh finished backtest of exactly this content, and otherwise as
    `approve_ruleset`.
    """
    require(approver, Permission.EDIT_RULES)
    status = RuleSet.objects.values_list("status", flat=True).get(pk=ruleset.pk)
    if status == RuleSetStatus.DRAFT:
        _require_second_person(RuleSet.objects.get(pk=ruleset.pk), approver)
        backtest = find_fresh_backtest(_content_hash(ruleset), at=at)
        if backtest is None:
            raise Conflict(_NO_BACKTEST, code="no_fresh_backtest")
        return approve_ruleset(ruleset, backtest=backtest, approver=approver, at=at)
    return _return_to(ruleset, approver, at=at)


def roll_back(subject: str, *, approver: User, at: datetime) -> Activation:
    """Put the version live again that was live before the present one.

    Its earlier approval and backtest still count, however old, because it is
    exactly what judged before; the second person is asked for again. Raises
    Conflict if no other version was live before.
    """
    require(approver, Permission.EDIT_RULES)
    target = find_rollback_target(subject)
    if target is None:
        raise Conflict("No earlier version was live.", code="nothing_to_roll_back_to")
    return _return_to(target, approver, at=at)


def unschedule(ruleset: RuleSet, *, editor: User, at: datetime) -> None:
    """Take a scheduled version back to draft; its approval is withdrawn."""
    require(editor, Permission.EDIT_RULES)
    with journal.unit():
        row = _lock(ruleset)
        if row.status != RuleSetStatus.SCHEDULED:
            raise Conflict("This ruleset is not scheduled.", code="not_scheduled")
        row.activations.filter(activated_at=None, withdrawn_at=None).update(withdrawn_at=at)
        row.status, row.starts_at = RuleSetStatus.DRAFT, None
        row.save(update_fields=["status", "starts_at"])
        audit.record("ruleset.unscheduled", actor=actor_of(editor), subject=Ref("ruleset", row.pk))
    ruleset.status, ruleset.starts_at = row.status, None


def start_scheduled(*, at: datetime) -> int:
    """Put every scheduled version live whose moment has come, the earliest first; return how many."""
    due = RuleSet.objects.filter(status=RuleSetStatus.SCHEDULED, starts_at__lte=at)
    started = 0
    for id in due.order_by("starts_at", "pk").values_list("pk", flat=True):
        try:
            started += _start(id, at=at)
        except DomainError:
            # It stays scheduled and its page says so; another subject's version need not wait for it.
            logger.exception("scheduled_start_failed", extra={"ruleset": id})
    if started:
        live.forget()
    return started


_NO_BACKTEST = "This exact content has no finished backtest of the last 7 days."


def _start(id: int, *, at: datetime) -> bool:
    with journal.unit():
        row = RuleSet.objects.select_for_update().get(pk=id)
        if row.status != RuleSetStatus.SCHEDULED or row.starts_at is None or row.starts_at > at:
            return False  # another worker was quicker, or it was taken back
        activation = row.activations.get(activated_at=None, withdrawn_at=None)
        if _content_hash(row) != activation.ruleset_hash:
            raise Conflict("What was scheduled is not what was approved.", code="content_changed")
        _go_live(row, activation, actor=SYSTEM, at=at)
    return True


def _return_to(ruleset: RuleSet, approver: User, *, at: datetime) -> Activation:
    with journal.unit():
        row = _lock(ruleset)
        _require_second_person(row, approver)
        if row.status == RuleSetStatus.LIVE:
            raise Conflict("This ruleset is already live.", code="already_live")
        if row.status != RuleSetStatus.RETIRED:
            raise Conflict("This ruleset already has its approval.", code="already_approved")
        earlier = row.activations.exclude(activated_at=None).order_by("activated_at", "pk").last()
        content_hash = _content_hash(row)
        if earlier is None or earlier.ruleset_hash != content_hash:
            raise Conflict("What this version holds was never live.", code="content_changed")
        activation = _approve(
            row, content_hash, approver, backtest=earlier.backtest, returns_to=earlier, at=at
        )
        _go_live(row, activation, actor=actor_of(approver), at=at)
    ruleset.status = row.status
    live.forget()
    return activation


def _approve(
    row: RuleSet,
    content_hash: str,
    approver: User,
    *,
    backtest: Backtest | None,
    returns_to: Activation | None,
    at: datetime,
) -> Activation:
    activation = Activation.objects.create(
        ruleset=row,
        ruleset_hash=content_hash,
        backtest=backtest,
        backtest_hash=backtest.content_hash if backtest else "",
        backtest_finished_at=backtest.finished_at if backtest else None,
        returns_to=returns_to,
        author_id=row.author_id,
        last_editor_id=row.last_editor_id,
        approver=approver,
        approved_at=at,
    )
    audit.record(
        "ruleset.approved",
        actor=actor_of(approver),
        subject=Ref("ruleset", row.pk),
        detail={
            "hash": content_hash,
            "backtest": backtest.pk if backtest else None,
            "returns_to": returns_to.pk if returns_to else None,
        },
    )
    row.content_hash = content_hash
    return activation


def _schedule(row: RuleSet, activation: Activation, starts_at: datetime) -> None:
    row.status, row.starts_at = RuleSetStatus.SCHEDULED, starts_at
    row.save(update_fields=["status", "starts_at", "content_hash"])
    audit.record(
        "ruleset.scheduled",
        actor=actor_of(activation.approver),
        subject=Ref("ruleset", row.pk),
        detail={"hash": row.content_hash, "starts_at": starts_at.isoformat()},
    )


def _go_live(row: RuleSet, activation: Activation, *, actor: Actor, at: datetime) -> None:
    """Retire what is live and put the row in its place; the approval is written already."""
    RuleSet.objects.filter(subject=row.subject, status=RuleSetStatus.LIVE).update(
        status=RuleSetStatus.RETIRED, retired_at=at
    )
    was_draft = row.status == RuleSetStatus.DRAFT
    row.status, row.published_at, row.retired_at = RuleSetStatus.LIVE, at, None
    # A published version's hash never changes: naming the column would be refused if it did.
    hashed = ["content_hash"] if was_draft else []
    row.save(update_fields=["status", "published_at", "retired_at", *hashed])
    activation.activated_at = at
    activation.save(update_fields=["activated_at"])
    audit.record(
        "ruleset.activated",
        actor=actor,
        subject=Ref("ruleset", row.pk),
        detail={"hash": row.content_hash, "activation": activation.pk},
    )


def _lock(ruleset: RuleSet) -> RuleSet:
    """Lock before reading: what goes live is what was checked, and its last editor is known."""
    return RuleSet.objects.select_for_update().get(pk=ruleset.pk)


def _require_second_person(row: RuleSet, approver: User) -> None:
    if approver.pk in {row.author_id, row.last_editor_id}:
        raise PermissionDenied("A second person has to approve this ruleset.", code="second_person_needed")


def _require_backtest(backtest: Backtest, content_hash: str, *, at: datetime, of: RuleSet) -> None:
    """Raise Conflict unless the backtest covers this content and is still fresh at that moment."""
    row = Backtest.objects.get(pk=backtest.pk)
    is_whole = row.kind == Backtest.Kind.RULESET and row.subject == of.subject
    if row.status != Backtest.Status.FINISHED or row.finished_at is None or not is_whole:
        raise Conflict("The backtest is not a finished one of the whole ruleset.", code="no_fresh_backtest")
    if row.content_hash != content_hash:
        raise Conflict("The backtest is of other content.", code="backtest_of_other_content")
    if row.finished_at + FRESH_FOR < at:
        raise Conflict(_NO_BACKTEST, code="no_fresh_backtest")


def _content_hash(ruleset: RuleSet) -> str:
    """Return what the ruleset holds; ValidationFailed if a condition cannot be read or asks a gone list."""
    try:
        compiled = compile_rows(ruleset)
    except RulesetError as error:
        raise ValidationFailed([FieldError("/rules", "invalid_condition", str(error))]) from error
    gone = {probe.list_code for probe in compiled.rules.probes} - known_lists().keys()
    if gone:
        detail = f"Rules ask lists that were archived: {', '.join(sorted(gone))}."
        raise ValidationFailed([FieldError("/rules", "archived_list", detail)])
    return compiled.content_hash
