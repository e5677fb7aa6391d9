"""Writes on snoozes: keep one rule without effect for one entity, until a moment."""

from datetime import datetime, timedelta

from django.db.models import F

from accounts.actors import actor_of
from accounts.models import User
from accounts.permissions import Permission, require
from core import audit, journal
from core.errors import Conflict, FieldError, ValidationFailed
from core.refs import Ref
from risk import live
from risk.models import Rule, RuleSet, RuleSetStatus, RuleSnooze

ENTITIES = ("merchant", "buyer", "device", "card", "address", "ip")
# A season: what has to last longer is a change of the rule, which is backtested and approved.
LONGEST = timedelta(days=90)


def snooze_rule(
    subject: str,
    rule_code: str,
    *,
    entity: str,
    key: int,
    until: datetime,
    reason: str,
    author: User,
    at: datetime,
) -> RuleSnooze:
    """Keep a rule of the live version without effect for one entity; it is recorded as before.

    Raises ValidationFailed, and Conflict while the same is snoozed already.

    entity    one of ENTITIES
    key       the merchant's id, or the fingerprint that the decision's subject carries
    """
    require(author, Permission.EDIT_RULES)
    _check(subject, rule_code, entity, until, reason, at)
    with journal.unit():
        # The live version's row serialises the snoozes of a subject, so that two people make one.
        RuleSet.objects.select_for_update().filter(subject=subject, status=RuleSetStatus.LIVE).first()
        same = RuleSnooze.objects.filter(
            subject=subject, rule_code=rule_code, entity=entity, key=key, ended_at=None, until__gt=at
        )
        if same.exists():
            raise Conflict("This rule is snoozed for it already.", code="already_snoozed")
        snooze = RuleSnooze.objects.create(
            subject=subject,
            rule_code=rule_code,
            entity=entity,
            key=key,
            until=until,
            reason=reason.strip(),
            author=author,
        )
        audit.record(
            "rule.snoozed",
            actor=actor_of(author),
            subject=Ref("snooze", snooze.pk),
            detail={"subject": subject, "rule": rule_code, "entity": entity, "until": until.isoformat()},
        )
    live.look_again()
    return snooze


def end_snooze(snooze: RuleSnooze, *, by: User, at: datetime) -> None:
    """Let a snoozed rule have effect again before its time; Conflict if it is over."""
    require(by, Permission.EDIT_RULES)
    with journal.unit():
        row = RuleSnooze.objects.select_for_update().get(pk=snooze.pk)
        if row.ended_at is not None or row.until <= at:
            raise Conflict("This snooze is over.", code="snooze_over")
        row.ended_at, row.ended_by = at, by
        row.save(update_fields=["ended_at", "ended_by"])
        audit.record("rule.snooze_ended", actor=actor_of(by), subject=Ref("snooze", row.pk))
    snooze.ended_at, snooze.ended_by = at, by
    live.look_again()


def close_expired_snoozes(*, at: datetime) -> int:
    """Mark the snoozes whose time is over, so that processes no longer fetch them; return how many."""
    return RuleSnooze.objects.filter(ended_at=None, until__lte=at).update(ended_at=F("until"))


def _check(subject: str, rule_code: str, entity: str, until: datetime, reason: str, at: datetime) -> None:
    errors = []
    rules = Rule.objects.filter(ruleset__subject=subject, ruleset__status=RuleSetStatus.LIVE, code=rule_code)
    if not rules.exists():
        errors.append(FieldError("/rule_code", "unknown_rule", "No live rule has this code."))
    if entity not in ENTITIES:
        errors.append(FieldError("/entity", "unknown_entity", "A rule is snoozed for one of its entities."))
    if not at < until <= at + LONGEST:
        detail = f"A snooze ends within the next {LONGEST.days} days."
        errors.append(FieldError("/until", "out_of_range", detail))
    if not reason.strip() or len(reason.strip()) > 200:
        errors.append(FieldError("/reason", "required", "Give a reason of up to 200 characters."))
    if errors:
        raise ValidationFailed(errors)
