"""Scores of merchant accounts over time, and the alerts they raise."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from core.fields import TimeOrderedIdField
from merchants.models import Merchant


class AccountScore(models.Model):
    """One row is one merchant account's score at one moment."""

    id = TimeOrderedIdField()
    merchant = models.ForeignKey(Merchant, on_delete=models.CASCADE, related_name="account_scores")
    score = models.FloatField()  # P(long-run share of bad orders is beyond the tolerated one), 0–1
    band = models.CharField(max_length=8)  # low, medium, high
    parts = models.JSONField(default=dict)  # measure → {"value", "weight"}
    as_of = models.DateTimeField()

    class Meta:
        verbose_name = _("account score")
        verbose_name_plural = _("account scores")
        indexes = [models.Index(fields=["merchant", "as_of"], name="account_score_history")]
        constraints = [
            models.CheckConstraint(condition=models.Q(score__range=(0, 1)), name="account_score_0_to_1"),
        ]

    def __str__(self) -> str:
        return f"{self.score:.2f}"


class Alert(models.Model):
    """One row is one crossing of an account threshold; open until somebody has seen to it."""

    id = TimeOrderedIdField()
    merchant = models.ForeignKey(Merchant, on_delete=models.CASCADE, related_name="alerts")
    code = models.CharField(max_length=40)
    from_band = models.CharField(max_length=8)
    to_band = models.CharField(max_length=8)
    score = models.FloatField()
    created_at = models.DateTimeField()
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = models.CharField(max_length=40, blank=True)

    class Meta:
        verbose_name = _("alert")
        verbose_name_plural = _("alerts")
        indexes = [models.Index(fields=["merchant", "id"], name="alert_of_merchant")]

    def __str__(self) -> str:
        return self.code
