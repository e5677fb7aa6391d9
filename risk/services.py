"""Writes on rulesets, models and labels."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from django.db.models import Max

from accounts.actors import actor_of
from accounts.models import User
from accounts.permissions import Permission, require
from core import audit, journal
from core.errors import Conflict, FieldError, PermissionDenied, ValidationFailed
from core.outbox import TaskCall
from core.reasons import REASONS
from core.refs import Ref
from orders.models import Order

from . import live
from .models import (
    Activation,
    Label,
    LabelSource,
    ModelPromotion,
    ModelStatus,
    ModelVersion,
    Rule,
    RuleSet,
    RuleSetStatus,
    TrainingRun,
)
from .rules.engine import RuleDefinition
from .rules.errors import ExpressionError, RulesetError
from .rules.expression import parse
from .rulesets import LiveRuleset, Policy, compile_rows
from .schemas import schema_of


# ── Rulesets ─────────────────────────────────────────────────────────────────────────────────────
def create_draft(
    subject: str, name: str, *, rules: Sequence[RuleDefinition], policy: Policy, author: User
) -> RuleSet:
    """Return a new draft of a subject's rules; activation checks its conditions."""
    require(author, Permission.EDIT_RULES)
    with journal.unit():
        last = RuleSet.objects.filter(subject=subject).aggregate(last=Max("number"))["last"] or 0
        ruleset = RuleSet.objects.create(
            subject=subject,
            number=last + 1,
            name=name,
            author=author,
            policy={"thresholds": asdict(policy.thresholds), "review_share": policy.review_share},
        )
        Rule.objects.bulk_create(
            [_row_of(definition, ruleset, position) for position, definition in enumerate(rules, start=1)]
        )
        audit.record("ruleset.created", actor=actor_of(author), subject=Ref("ruleset", ruleset.pk))
    return ruleset


def copy_to_draft(ruleset: RuleSet, *, author: User) -> RuleSet:
    """Return a new draft that starts from another version."""
    compiled = compile_rows(ruleset)
    return create_draft(
        ruleset.subject, ruleset.name, rules=compiled.rules.rules, policy=compiled.policy, author=author
    )


def save_rule(ruleset: RuleSet, definition: RuleDefinition, *, author: User) -> Rule:
    """Add or replace a rule of a draft by its code; ValidationFailed points into a wrong condition.

    Whoever saves becomes the author, whom the second person must not be.
    """
    require(author, Permission.EDIT_RULES)
    check_condition(ruleset.subject, definition.condition)
    _check_reason(definition.reason_code)
    with journal.unit():
        _lock_draft(ruleset)
        last = ruleset.rules.aggregate(last=Max("position"))["last"] or 0
        found = ruleset.rules.filter(code=definition.code).first()
        rule = _row_of(definition, ruleset, found.position if found else last + 1)
        if found is not None:
            rule.pk = found.pk
        rule.save(force_update=found is not None, force_insert=found is None)
        RuleSet.objects.filter(pk=ruleset.pk).update(author=author)
        ruleset.author = author
        audit.record(
            "rule.saved",
            actor=actor_of(author),
            subject=Ref("ruleset", ruleset.pk),
            detail={
                "code": definition.code,
                "condition": definition.condition,
                "mode": definition.mode.value,
            },
        )
    return rule


def delete_rule(ruleset: RuleSet, code: str, *, author: User) -> None:
    """Take a rule out of a draft."""
    require(author, Permission.EDIT_RULES)
    with journal.unit():
        _lock_draft(ruleset)
        ruleset.rules.filter(code=code).delete()
        RuleSet.objects.filter(pk=ruleset.pk).update(author=author)
        ruleset.author = author
        audit.record(
            "rule.deleted", actor=actor_of(author), subject=Ref("ruleset", ruleset.pk), detail={"code": code}
        )


def check_condition(subject: str, condition: str) -> tuple[str, ...]:
    """Return the fields a condition uses; ValidationFailed with offset and length if it cannot be read."""
    try:
        expression = parse(condition, schema_of(subject))
    except ExpressionError as error:
        params = {"offset": error.offset, "length": error.length, "suggestion": error.suggestion}
        raise ValidationFailed([FieldError("/condition", error.code, str(error), params)]) from error
    return tuple(field.name for field in expression.fields)


def activate_ruleset(ruleset: RuleSet, *, approver: User, at: datetime) -> Activation:
    """Put a draft or an earlier version live; whoever edited it last cannot approve it.

    The ruleset that was live retires in the same commit. Raises
    PermissionDenied, or ValidationFailed if a condition cannot be read.
    """
    require(approver, Permission.EDIT_RULES)
    with journal.unit():
        # Locked before it is read: what goes live is what was checked, and its last author is known.
        row = RuleSet.objects.select_for_update().get(pk=ruleset.pk)
        if row.author_id == approver.pk:
            raise PermissionDenied(
                "A second person has to approve this ruleset.", code="second_person_needed"
            )
        if row.status == RuleSetStatus.LIVE:
            raise Conflict("This ruleset is already live.", code="already_live")
        compiled = _compile(row)
        RuleSet.objects.filter(subject=row.subject, status=RuleSetStatus.LIVE).update(
            status=RuleSetStatus.RETIRED, retired_at=at
        )
        row.status, row.published_at, row.retired_at = RuleSetStatus.LIVE, at, None
        row.content_hash = compiled.content_hash
        row.save(update_fields=["status", "published_at", "retired_at", "content_hash"])
        activation = Activation.objects.create(
            ruleset=row,
            ruleset_hash=compiled.content_hash,
            author_id=row.author_id,
            approver=approver,
            activated_at=at,
        )
        audit.record(
            "ruleset.activated",
            actor=actor_of(approver),
            subject=Ref("ruleset", row.pk),
            detail={"hash": compiled.content_hash},
        )
    ruleset.status = RuleSetStatus.LIVE
    live.forget()
    return activation


def _compile(ruleset: RuleSet) -> LiveRuleset:
    try:
        return compile_rows(ruleset)
    except RulesetError as error:
        raise ValidationFailed([FieldError("/rules", "invalid_condition", str(error))]) from error


def _lock_draft(ruleset: RuleSet) -> None:
    """Keep others from publishing the draft meanwhile; Conflict if somebody already has."""
    status = RuleSet.objects.select_for_update().values_list("status", flat=True).get(pk=ruleset.pk)
    if status != RuleSetStatus.DRAFT:
        raise Conflict("Only a draft can be edited; copy this version to a new draft.", code="not_a_draft")


def _check_reason(code: str) -> None:
    if code and code not in REASONS:
        detail = f"There is no reason “{code}”: merchants would read its code."
        raise ValidationFailed([FieldError("/reason_code", "unknown_reason", detail)])


def _row_of(definition: RuleDefinition, ruleset: RuleSet, position: int) -> Rule:
    values = {**asdict(definition), "effect": definition.effect.value, "mode": definition.mode.value}
    return Rule(ruleset=ruleset, position=position, **values)


# ── Models ───────────────────────────────────────────────────────────────────────────────────────
def request_training(subject: str, *, as_of: datetime, requested_by: User | None) -> TrainingRun:
    """Queue a training; a worker runs it and its model starts in shadow."""
    if requested_by is not None:
        require(requested_by, Permission.PROMOTE_MODELS)
    from core import outbox

    with journal.unit():
        run = TrainingRun.objects.create(subject=subject, as_of=as_of, requested_by=requested_by)
        outbox.record(
            "model.training_requested",
            subject=Ref("training", run.pk),
            merchant_id=None,
            send=[TaskCall("risk.tasks.train.run_training", (run.pk,))],
        )
    return run


def promote_model(model: ModelVersion, *, approver: User, at: datetime) -> ModelPromotion:
    """Make a shadow or an earlier champion the champion; who asked for its training cannot approve it."""
    require(approver, Permission.PROMOTE_MODELS)
    requested_by_id = model.training.requested_by_id
    if requested_by_id == approver.pk:
        raise PermissionDenied("A second person has to promote this model.", code="second_person_needed")
    with journal.unit():
        row = ModelVersion.objects.select_for_update().get(pk=model.pk)
        if row.status not in {ModelStatus.SHADOW, ModelStatus.RETIRED}:
            raise Conflict("Only a shadow or a retired model can be promoted.", code="not_promotable")
        champions = ModelVersion.objects.filter(subject=row.subject, status=ModelStatus.CHAMPION)
        ModelPromotion.objects.filter(model__in=champions, ended_at=None).update(ended_at=at)
        champions.update(status=ModelStatus.RETIRED)
        row.status = ModelStatus.CHAMPION
        row.save(update_fields=["status"])
        promotion = ModelPromotion.objects.create(
            model=row, requested_by_id=requested_by_id, approver=approver, promoted_at=at
        )
        audit.record(
            "model.promoted",
            actor=actor_of(approver),
            subject=Ref("model", row.pk),
            detail={"sha256": row.sha256},
        )
    model.status = ModelStatus.CHAMPION
    live.forget()
    return promotion


# ── Labels ───────────────────────────────────────────────────────────────────────────────────────
def record_label(
    subject: Ref,
    *,
    is_bad: bool,
    source: LabelSource,
    occurred_at: datetime,
    known_at: datetime,
    order: Order | None = None,
    merchant_id: int | None = None,
    weight: float = 1.0,
) -> Label:
    """Write what a subject proved to be; a source that speaks again corrects what it said.

    order    copies its keys, so that label features can count for them
    """
    keys = (
        {
            "merchant_id": order.merchant_id,
            "buyer_key": order.buyer_key,
            "device_key": order.device_key,
            "card_key": order.card_key,
        }
        if order is not None
        else {"merchant_id": merchant_id}
    )
    with journal.unit():
        label, _ = Label.objects.update_or_create(
            subject_kind=subject.kind,
            subject_id=subject.id,
            source=source,
            defaults={
                "is_bad": is_bad,
                "occurred_at": occurred_at,
                "known_at": known_at,
                "weight": weight,
                **keys,
            },
        )
    return label
