"""How a model did on one day: its inputs, its scores, and what proved true."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from core.fields import TimeOrderedIdField

from .subjects import Subject
from .trainings import TrainingRun
from .versions import ModelVersion


class ModelHealth(models.Model):
    """One row is one model on one day, UTC; it is computed again while labels come in.

    What the JSON columns hold is `risk.drift`: `inputs` a list of InputDrift, `scores` a ScoreDrift,
    `comparison` a Comparison with the champion of the day, `outcomes` and `week` an Outcomes of the
    day's decisions and of those of the seven days that end with it. Empty where there was nothing to compute.
    """

    id = TimeOrderedIdField()
    model = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="health")
    subject = models.CharField(max_length=16, choices=Subject)
    day = models.DateField()
    since = models.DateField()  # first day whose inputs and scores were joined, because the day alone had few
    measured_at = models.DateTimeField()
    outcomes_at = models.DateTimeField()  # when labels were last looked up
    rows = models.IntegerField()  # decisions of the day with this model's inputs
    drift = models.FloatField(null=True)  # mean index of the inputs, each by its weight; null = too few rows
    inputs = models.JSONField(default=list)
    scores = models.JSONField(default=dict)
    comparison = models.JSONField(default=dict)
    outcomes = models.JSONField(default=dict)
    week = models.JSONField(default=dict)
    # The training that this row's drift asked for.
    retraining = models.ForeignKey(TrainingRun, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        verbose_name = _("model health")
        verbose_name_plural = _("model health")
        constraints = [models.UniqueConstraint(fields=["model", "day"], name="one_health_per_model_and_day")]
        indexes = [models.Index(fields=["subject", "day"], name="health_of_subject")]

    def __str__(self) -> str:
        return f"{self.model_id} {self.day}"
