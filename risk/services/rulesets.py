"""Writes on drafts: rules, their order, and the policy. What has left draft is never edited."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from django.db.models import Max

from accounts.actors import actor_of
from accounts.models import User
from accounts.permissions import Permission, require
from core import audit, journal
from core.errors import Conflict, FieldError, NotFound, ValidationFailed
from core.reasons import REASONS
from core.refs import Ref
from risk.models import Rule, RuleSet, RuleSetStatus
from risk.rules.engine import RuleDefinition
from risk.rules.errors import ExpressionError
from risk.rules.expression import parse
from risk.rulesets import Policy, compile_rows, known_lists, stored_policy
from risk.schemas import schema_of


def create_draft(
    subject: str, name: str, *, rules: Sequence[RuleDefinition], policy: Policy, author: User
) -> RuleSet:
    """Return a new draft of a subject's rules; approval checks its conditions."""
    require(author, Permission.EDIT_RULES)
    with journal.unit():
        last = RuleSet.objects.filter(subject=subject).aggregate(last=Max("number"))["last"] or 0
        ruleset = RuleSet.objects.create(
            subject=subject, number=last + 1, name=name, author=author, policy=stored_policy(policy)
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

    Whoever saves becomes the last editor, whom the second person must not be.
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
        detail = {
            "code": definition.code,
            "condition": definition.condition,
            "mode": definition.mode.value,
        }
        _record_edit(ruleset, "rule.saved", author, detail)
    return rule


def delete_rule(ruleset: RuleSet, code: str, *, author: User) -> None:
    """Take a rule out of a draft."""
    require(author, Permission.EDIT_RULES)
    with journal.unit():
        _lock_draft(ruleset)
        ruleset.rules.filter(code=code).delete()
        _record_edit(ruleset, "rule.deleted", author, {"code": code})


def move_rule(ruleset: RuleSet, code: str, *, to: int, author: User) -> None:
    """Put a rule at another place of a draft, counted from 1: the first hit's queue wins.

    NotFound if the draft has no such rule; a place beyond the end is the end.
    """
    require(author, Permission.EDIT_RULES)
    with journal.unit():
        _lock_draft(ruleset)
        rules = list(ruleset.rules.order_by("position"))
        moved = next((rule for rule in rules if rule.code == code), None)
        if moved is None:
            raise NotFound("No such rule.")
        rules.remove(moved)
        rules.insert(max(to, 1) - 1, moved)
        for position, rule in enumerate(rules, start=1):
            rule.position = position
        Rule.objects.bulk_update(rules, ["position"])
        _record_edit(ruleset, "rule.moved", author, {"code": code, "to": moved.position})


def save_policy(ruleset: RuleSet, policy: Policy, *, author: User) -> None:
    """Replace the thresholds, the random reviews and the cap of a draft."""
    require(author, Permission.EDIT_RULES)
    with journal.unit():
        _lock_draft(ruleset)
        ruleset.policy = stored_policy(policy)
        RuleSet.objects.filter(pk=ruleset.pk).update(policy=ruleset.policy)
        _record_edit(ruleset, "ruleset.policy_saved", author, ruleset.policy)


def rename_ruleset(ruleset: RuleSet, name: str, *, author: User) -> None:
    """Give a draft another name. What it judges stays, and so does its last editor."""
    require(author, Permission.EDIT_RULES)
    with journal.unit():
        _lock_draft(ruleset)
        RuleSet.objects.filter(pk=ruleset.pk).update(name=name)
        ruleset.name = name
        audit.record(
            "ruleset.renamed",
            actor=actor_of(author),
            subject=Ref("ruleset", ruleset.pk),
            detail={"name": name},
        )


def check_condition(subject: str, condition: str) -> tuple[str, ...]:
    """Return the fields a condition uses; ValidationFailed with offset and length if it cannot be read."""
    try:
        expression = parse(condition, schema_of(subject), known_lists())
    except ExpressionError as error:
        params = {"offset": error.offset, "length": error.length, "suggestion": error.suggestion}
        raise ValidationFailed([FieldError("/condition", error.code, str(error), params)]) from error
    return tuple(field.name for field in expression.fields)


def _lock_draft(ruleset: RuleSet) -> None:
    """Keep others from publishing the draft meanwhile; Conflict if somebody already has."""
    status = RuleSet.objects.select_for_update().values_list("status", flat=True).get(pk=ruleset.pk)
    if status != RuleSetStatus.DRAFT:
        raise Conflict("Only a draft can be edited; copy this version to a new draft.", code="not_a_draft")


def _record_edit(ruleset: RuleSet, action: str, author: User, detail: dict[str, Any]) -> None:
    RuleSet.objects.filter(pk=ruleset.pk).update(last_editor=author)
    ruleset.last_editor = author
    audit.record(action, actor=actor_of(author), subject=Ref("ruleset", ruleset.pk), detail=detail)


def _check_reason(code: str) -> None:
    if code and code not in REASONS:
        detail = f"There is no reason “{code}”: merchants would read its code."
        raise ValidationFailed([FieldError("/reason_code", "unknown_reason", detail)])


def _row_of(definition: RuleDefinition, ruleset: RuleSet, position: int) -> Rule:
    values = {**asdict(definition), "effect": definition.effect.value, "mode": definition.mode.value}
    return Rule(ruleset=ruleset, position=position, **values)
