"""Training runs, from their request to the models they made, and the trials of their tuning."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from core.fields import TimeOrderedIdField

from .runs import Run
from .subjects import Subject


class TrainingRun(Run):
    """One row is one training, from its request to its model versions or its reason for none."""

    REJECTED = "rejected"  # its code if it made models, and the one meant to be champion stays a candidate

    class Cause(models.TextChoices):
        PERSON = "person", _("A person asked")
        WEEKLY = "weekly", _("Weekly")
        DRIFT = "drift", _("Inputs or scores drifted")

    id = TimeOrderedIdField()
    subject = models.CharField(max_length=16, choices=Subject)
    as_of = models.DateTimeField()
    cause = models.CharField(max_length=8, choices=Cause, default=Cause.PERSON)
    maturity_days = models.PositiveSmallIntegerField(default=0)  # younger subjects do not count as good
    tuning_seconds = models.PositiveIntegerField(default=0)  # budget for hyper-parameters, 0 = none
    progress = models.FloatField(default=0)  # share done, 0–1
    requested_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        verbose_name = _("training run")
        verbose_name_plural = _("training runs")

    def __str__(self) -> str:
        return f"{self.subject} {self.as_of:%Y-%m-%d}"


class TuningTrial(models.Model):
    """One row is one set of hyper-parameters that a training tried; a later worker goes on from them."""

    id = TimeOrderedIdField()
    run = models.ForeignKey(TrainingRun, on_delete=models.CASCADE, related_name="trials")
    number = models.PositiveIntegerField()
    parameters = models.JSONField(default=dict)
    value = models.FloatField(null=True)  # average precision on later time; null = the trial failed
    state = models.CharField(max_length=16)  # of ml.tuning.State
    seconds = models.FloatField(default=0)  # it took; counts against the budget
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("tuning trial")
        verbose_name_plural = _("tuning trials")
        constraints = [models.UniqueConstraint(fields=["run", "number"], name="one_tuning_trial_per_number")]

    def __str__(self) -> str:
        return str(self.number)
