"""Writes on rulesets: drafts are edited, a second person approves, what was published stays as it was."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from django.db.models import Max

from accounts.actors import actor_of
from accounts.models import User
from accounts.permissions import Permission, require
from core import audit, journal
from core.errors import Conflict, FieldError, PermissionDenied, ValidationFailed
from core.reasons import REASONS
from core.refs import Ref
from risk import live
from risk.models import Activation, Rule, RuleSet, RuleSetStatus
from risk.rules.engine import RuleDefinition
from risk.rules.errors import ExpressionError, RulesetError
from risk.rules.expression import parse
from risk.rulesets import LiveRuleset, Policy, compile_rows
from risk.schemas import schema_of


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
