"""Rulesets, their rules, and the activations that put one live."""

from datetime import timedelta

from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from core.fields import TimeOrderedIdField

from .subjects import Subject


class RuleSetStatus(models.TextChoices):
    DRAFT = "draft", _("Draft")
    SCHEDULED = "scheduled", _("Scheduled")  # approved, and its hour has not come
    LIVE = "live", _("Live")
    RETIRED = "retired", _("Retired")


class RuleSet(models.Model):
    """One row is one version of a subject's rules and policy, immutable once it has left draft."""

    id = TimeOrderedIdField()
    subject = models.CharField(max_length=16, choices=Subject)
    number = models.PositiveIntegerField()
    name = models.CharField(_("name"), max_length=120)
    status = models.CharField(max_length=12, choices=RuleSetStatus, default=RuleSetStatus.DRAFT)
    # {"thresholds": of risk.policy.Thresholds, "review_share": share of approvals reviewed at random}
    policy = models.JSONField(default=dict)
    content_hash = models.CharField(max_length=64, blank=True)
    author = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    last_editor = models.ForeignKey(
        User, null=True, on_delete=models.PROTECT, related_name="+"
    )  # null = nobody since it was created
    created_at = models.DateTimeField(auto_now_add=True)
    starts_at = models.DateTimeField(null=True, blank=True)  # when a scheduled version goes live
    published_at = models.DateTimeField(null=True, blank=True)
    retired_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("ruleset")
        verbose_name_plural = _("rulesets")
        constraints = [
            models.UniqueConstraint(fields=["subject", "number"], name="one_ruleset_per_number"),
            models.UniqueConstraint(
                fields=["subject"], condition=models.Q(status="live"), name="one_live_ruleset_per_subject"
            ),
            models.CheckConstraint(
                condition=models.Q(status="draft") | ~models.Q(content_hash=""),
                name="published_ruleset_is_hashed",
            ),
        ]

    def __str__(self) -> str:
        # Starter rulesets are named in words that the house translates; other names stay as written.
        return f"{gettext(self.name)} #{self.number}"


class Effect(models.TextChoices):
    POINTS = "points", _("Points")
    APPROVE = "approve", _("Approve")
    REVIEW = "review", _("Review")
    DECLINE = "decline", _("Decline")
    TAG = "tag", _("Tag")
    ROUTE = "route", _("Route to a queue")


class RuleMode(models.TextChoices):
    LIVE = "live", _("Live")
    SHADOW = "shadow", _("Shadow")
    OFF = "off", _("Off")


class Rule(models.Model):
    """One row is one rule of one ruleset. `condition` is text of the rule language."""

    id = TimeOrderedIdField()
    ruleset = models.ForeignKey(RuleSet, on_delete=models.CASCADE, related_name="rules")
    position = models.PositiveIntegerField()
    code = models.CharField(_("code"), max_length=32)
    name = models.CharField(_("name"), max_length=160)
    condition = models.TextField(_("condition"), max_length=4_000)
    effect = models.CharField(max_length=12, choices=Effect)
    points = models.IntegerField(default=0)
    reason_code = models.CharField(max_length=64, blank=True)
    mode = models.CharField(max_length=8, choices=RuleMode, default=RuleMode.LIVE)
    tag = models.CharField(max_length=40, blank=True)
    queue = models.CharField(max_length=40, blank=True)  # where a review goes: a text code, queues live above
    group = models.CharField(_("group"), max_length=40, blank=True)
    starts_at = models.DateTimeField(_("starts"), null=True, blank=True)  # null = at once
    ends_at = models.DateTimeField(_("ends"), null=True, blank=True)  # null = never
    rollout_percent = models.PositiveSmallIntegerField(_("share of subjects"), default=100)

    class Meta:
        verbose_name = _("rule")
        verbose_name_plural = _("rules")
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["ruleset", "code"], name="one_rule_per_ruleset_and_code"),
            models.CheckConstraint(
                condition=models.Q(rollout_percent__range=(0, 100)), name="rule_rollout_is_a_percentage"
            ),
            models.CheckConstraint(
                condition=models.Q(starts_at=None)
                | models.Q(ends_at=None)
                | models.Q(starts_at__lt=models.F("ends_at")),
                name="rule_ends_after_it_starts",
            ),
        ]

    def __str__(self) -> str:
        return self.code


# How old a backtest may be when a second person relies on it: a week, so that it has seen the traffic of
# every weekday that the version is about to judge.
FRESH_FOR = timedelta(days=7)


class Activation(models.Model):
    """One row is one approval of exactly what a ruleset holds, by a second person.

    It is written before the ruleset moves and stands until it goes live
    (`activated_at`) or is taken back (`withdrawn_at`). It copies who wrote the
    version and which backtest it rests on, so that the database can hold one
    against the other. An approval that returns to an earlier version rests on
    the earlier approval of the same content: rolling back cannot wait.
    """

    id = TimeOrderedIdField()
    ruleset = models.ForeignKey(RuleSet, on_delete=models.PROTECT, related_name="activations")
    ruleset_hash = models.CharField(max_length=64)
    # Null only where `returns_to` is an approval from before there were backtests.
    backtest = models.ForeignKey(
        "risk.Backtest", null=True, on_delete=models.PROTECT, related_name="activations"
    )
    backtest_hash = models.CharField(max_length=64, blank=True)
    backtest_finished_at = models.DateTimeField(null=True)
    returns_to = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="+")
    author = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    last_editor = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    approver = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    approved_at = models.DateTimeField()
    activated_at = models.DateTimeField(null=True)  # null = not live yet
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("activation")
        verbose_name_plural = _("activations")
        constraints = [
            models.UniqueConstraint(
                fields=["ruleset"],
                condition=models.Q(activated_at=None, withdrawn_at=None),
                name="one_standing_approval_per_ruleset",
            ),
            models.CheckConstraint(
                condition=~models.Q(author=models.F("approver"))
                & (models.Q(last_editor=None) | ~models.Q(last_editor=models.F("approver"))),
                name="activation_has_second_person",
            ),
            models.CheckConstraint(
                condition=models.Q(backtest=None) | models.Q(backtest_hash=models.F("ruleset_hash")),
                name="activation_is_of_what_was_backtested",
            ),
            models.CheckConstraint(
                condition=models.Q(backtest=None)
                | models.Q(backtest_finished_at__lte=models.F("approved_at"))
                & (
                    models.Q(returns_to__isnull=False)
                    | models.Q(backtest_finished_at__gte=models.F("approved_at") - FRESH_FOR)
                ),
                name="activation_rests_on_fresh_backtest",
            ),
            models.CheckConstraint(
                condition=models.Q(activated_at=None) | models.Q(withdrawn_at=None),
                name="activation_ends_one_way",
            ),
        ]

    def __str__(self) -> str:
        return self.ruleset_hash[:12]
