"""The automatic brake: what was taken out of effect because it drifted past its limit."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from core.fields import TimeOrderedIdField

from .subjects import Subject


class Brake(models.Model):
    """One row is one rule or model demoted to shadow, until a person releases it.

    The ruleset stays as it was published: a braked rule is recorded and has no
    effect, whichever version carries it.
    """

    class Cause(models.TextChoices):
        HOLD_RATE = "hold_rate", _("Holds far more than expected")
        HOLD_CAP = "hold_cap", _("Too many holds in an hour")
        INPUT_DRIFT = "input_drift", _("Inputs have drifted")
        CALIBRATION = "calibration", _("Scores no longer match outcomes")
        MANUAL = "manual", _("Stopped by a person")

    id = TimeOrderedIdField()
    subject = models.CharField(max_length=16, choices=Subject)
    rule_code = models.CharField(max_length=32, blank=True)  # "" = the model
    ruleset_id = models.BigIntegerField(null=True, blank=True)  # version that was live
    model_id = models.BigIntegerField(null=True, blank=True)
    cause = models.CharField(max_length=16, choices=Cause)
    detail = models.JSONField(default=dict)  # measured value, limit, counts
    pulled_at = models.DateTimeField()
    pulled_by = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )  # null = the system
    redecided_at = models.DateTimeField(null=True, blank=True)  # when what it held was decided again
    released_at = models.DateTimeField(null=True, blank=True)
    released_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        verbose_name = _("brake")
        verbose_name_plural = _("brakes")
        constraints = [
            models.UniqueConstraint(
                fields=["subject", "rule_code"],
                condition=models.Q(released_at=None),
                name="one_standing_brake_per_target",
            ),
            models.CheckConstraint(
                condition=~models.Q(rule_code="") | models.Q(model_id__isnull=False),
                name="brake_names_its_target",
            ),
        ]

    def __str__(self) -> str:
        return self.rule_code or f"model {self.model_id}"
