"""Model versions, the runs that made them, their promotions and shadow scores."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from core.fields import TimeOrderedIdField

from .subjects import Subject


class TrainingRun(models.Model):
    """One row is one training, from its request to its model version or its reason for none."""

    class Status(models.TextChoices):
        QUEUED = "queued", _("Queued")
        RUNNING = "running", _("Running")
        FINISHED = "finished", _("Finished")
        FAILED = "failed", _("Failed")

    id = TimeOrderedIdField()
    subject = models.CharField(max_length=16, choices=Subject)
    as_of = models.DateTimeField()
    status = models.CharField(max_length=12, choices=Status, default=Status.QUEUED)
    step = models.CharField(max_length=40, blank=True)
    progress = models.FloatField(default=0)  # share done, 0–1
    message = models.TextField(blank=True)
    requested_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("training run")
        verbose_name_plural = _("training runs")

    def __str__(self) -> str:
        return f"{self.subject} {self.as_of:%Y-%m-%d}"


class ModelStatus(models.TextChoices):
    CANDIDATE = "candidate", _("Candidate")
    SHADOW = "shadow", _("Shadow")
    CHAMPION = "champion", _("Champion")
    RETIRED = "retired", _("Retired")


class ModelVersion(models.Model):
    """One row is one trained model; its artifact is JSON text in Django storage, checked by sha256."""

    id = TimeOrderedIdField()
    subject = models.CharField(max_length=16, choices=Subject)
    number = models.PositiveIntegerField()
    kind = models.CharField(max_length=16)  # lightgbm, logistic
    status = models.CharField(max_length=12, choices=ModelStatus, default=ModelStatus.CANDIDATE)
    artifact = models.FileField(upload_to="models/")
    sha256 = models.CharField(max_length=64)
    feature_hash = models.CharField(max_length=64)
    metrics = models.JSONField(default=dict)  # of this model and of the baseline on the same later rows
    training = models.OneToOneField(TrainingRun, on_delete=models.PROTECT, related_name="model")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("model version")
        verbose_name_plural = _("model versions")
        constraints = [
            models.UniqueConstraint(fields=["subject", "number"], name="one_model_per_number"),
            models.UniqueConstraint(
                fields=["subject"], condition=models.Q(status="champion"), name="one_champion_per_subject"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.subject} v{self.number}"


class ModelPromotion(models.Model):
    """One row is one approval that made a model the champion; `ended_at` null = still champion.

    It is written before the model moves, and copies the sha256 of what was approved.
    """

    id = TimeOrderedIdField()
    model = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="promotions")
    sha256 = models.CharField(max_length=64)
    requested_by = models.ForeignKey(
        User, null=True, on_delete=models.PROTECT, related_name="+"
    )  # null = the system
    approver = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    promoted_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("promotion")
        verbose_name_plural = _("promotions")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(requested_by=None) | ~models.Q(requested_by=models.F("approver")),
                name="promotion_has_second_person",
            ),
        ]

    def __str__(self) -> str:
        return str(self.model_id)


class ShadowScore(models.Model):
    """One row is what a shadow model would have scored one decision."""

    id = TimeOrderedIdField()
    decision_id = models.BigIntegerField()
    model = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="shadow_scores")
    score = models.FloatField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("shadow score")
        verbose_name_plural = _("shadow scores")
        constraints = [
            models.UniqueConstraint(fields=["decision_id", "model"], name="one_shadow_score_per_decision")
        ]

    def __str__(self) -> str:
        return f"{self.score:.3f}"
