"""Backtests of rulesets on history, in parts that survive a killed worker."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from core.fields import TimeOrderedIdField

from .rulesets import RuleSet
from .runs import Run
from .subjects import Subject


class Backtest(Run):
    """One row is one run of a ruleset over a period, against what was live.

    `content_hash` names exactly what was tested (rules and policy): an
    activation of anything else is not covered by it. `baseline_hash` names
    what it was compared with. `result` is written once, with the status
    finished; its parts are in `BacktestPart`.
    """

    class Kind(models.TextChoices):
        RULESET = "ruleset", _("Whole ruleset")
        RULE = "rule", _("One rule")
        THRESHOLDS = "thresholds", _("Thresholds")

    id = TimeOrderedIdField()
    subject = models.CharField(max_length=16, choices=Subject)
    kind = models.CharField(max_length=12, choices=Kind, default=Kind.RULESET)
    ruleset = models.ForeignKey(RuleSet, on_delete=models.PROTECT, related_name="backtests")
    rule_code = models.CharField(max_length=32, blank=True)  # of the one rule, kind "rule"
    thresholds = models.JSONField(null=True, blank=True)  # tried instead of the policy's, kind "thresholds"
    content_hash = models.CharField(max_length=64)
    baseline = models.ForeignKey(
        RuleSet, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )  # null = nothing was live
    baseline_hash = models.CharField(max_length=64, blank=True)
    since = models.DateTimeField()
    until = models.DateTimeField()
    # {"review_minutes": …, "review_hour_cost_minor": …, …}: what turns counts into hours and money
    costs = models.JSONField(default=dict)
    done_rows = models.PositiveIntegerField(default=0)
    total_rows = models.PositiveIntegerField(null=True, blank=True)  # null = not counted yet
    result = models.JSONField(null=True, blank=True)
    requested_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        verbose_name = _("backtest")
        verbose_name_plural = _("backtests")
        indexes = [models.Index(fields=["content_hash", "finished_at"], name="backtest_of_hash")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(since__lt=models.F("until")), name="backtest_period_is_not_empty"
            ),
            models.CheckConstraint(
                condition=~models.Q(status="finished")
                | models.Q(result__isnull=False, finished_at__isnull=False),
                name="finished_backtest_has_result",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.subject} {self.content_hash[:12]}"


class BacktestPart(models.Model):
    """One row is one finished slice of a backtest by time; running it again writes the same."""

    id = TimeOrderedIdField()
    backtest = models.ForeignKey(Backtest, on_delete=models.CASCADE, related_name="parts")
    number = models.PositiveIntegerField()
    row_count = models.PositiveIntegerField()
    tally = models.BinaryField()  # what risk.backtest sums up over parts
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("backtest part")
        verbose_name_plural = _("backtest parts")
        constraints = [
            models.UniqueConstraint(fields=["backtest", "number"], name="one_backtest_part_per_number")
        ]

    def __str__(self) -> str:
        return str(self.number)
