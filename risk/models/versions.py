"""Model versions, their reports and comparisons, their promotions and shadow scores."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from core.fields import TimeOrderedIdField

from .rulesets import FRESH_FOR
from .runs import Run
from .subjects import Subject
from .trainings import TrainingRun


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
    kind = models.CharField(max_length=20)  # of ml.estimators.Kind: lightgbm, logistic, isolation_forest
    status = models.CharField(max_length=12, choices=ModelStatus, default=ModelStatus.CANDIDATE)
    artifact = models.FileField(upload_to="models/")
    sha256 = models.CharField(max_length=64)
    feature_hash = models.CharField(max_length=64)
    metrics = models.JSONField(default=dict)  # of this model and of the baseline on the same later rows
    training = models.ForeignKey(TrainingRun, on_delete=models.PROTECT, related_name="versions")
    created_at = models.DateTimeField(auto_now_add=True)
    moved_at = models.DateTimeField(null=True, blank=True)  # into its status; null = when it was made

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


class ModelReport(models.Model):
    """One row is the report of one model, as `ml.report` documents it key by key; written once.

    Apart from the version, because it is a hundred times as large and only its page reads it.
    """

    model = models.OneToOneField(
        ModelVersion, primary_key=True, on_delete=models.CASCADE, related_name="report"
    )
    data = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("model report")
        verbose_name_plural = _("model reports")

    def __str__(self) -> str:
        return str(self.pk)


class ModelComparison(Run):
    """One row is one model judged against the champion of that moment on the same later rows.

    Without a champion it is held against the logistic baseline of its own training. It names exactly which
    two files were compared: a promotion of anything else, or over another champion, is not covered by it.
    What it found is written once, with the status finished.
    """

    id = TimeOrderedIdField()
    model = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="comparisons")
    sha256 = models.CharField(max_length=64)
    champion = models.ForeignKey(
        ModelVersion, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    champion_sha256 = models.CharField(max_length=64, blank=True)  # "" = there was no champion
    baseline_sha256 = models.CharField(max_length=64, blank=True)  # what it was held against without one
    as_of = models.DateTimeField()  # labels known before this moment
    progress = models.FloatField(default=0, db_default=0)  # share done, 0–1
    rows = models.PositiveIntegerField(default=0)
    since = models.DateTimeField(null=True, blank=True)  # first and last moment of the rows
    until = models.DateTimeField(null=True, blank=True)
    result = models.JSONField(null=True, blank=True)  # see risk.comparing
    passes = models.BooleanField(null=True)
    reasons = models.JSONField(default=list)  # codes of risk.comparing, why it does not pass
    requested_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        verbose_name = _("model comparison")
        verbose_name_plural = _("model comparisons")
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(status="finished")
                | models.Q(result__isnull=False, passes__isnull=False, finished_at__isnull=False),
                name="finished_comparison_has_result",
            ),
            models.CheckConstraint(
                condition=~models.Q(passes=True) | models.Q(reasons=[]),
                name="passing_comparison_has_no_reasons",
            ),
        ]

    def __str__(self) -> str:
        return self.sha256[:12]


class ModelPromotion(models.Model):
    """One row is one approval that made a model the champion; `ended_at` null = still champion.

    It is written before the model moves, and copies what it rests on, so that the database can hold one
    against the other: the sha256 of what was approved, of the champion it replaced, and the comparison of
    these two. A promotion that returns to an earlier champion rests on the earlier one: rolling back cannot
    wait. Promotions from before there were comparisons name none.
    """

    id = TimeOrderedIdField()
    subject = models.CharField(max_length=16, choices=Subject)
    model = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="promotions")
    sha256 = models.CharField(max_length=64)
    champion_sha256 = models.CharField(max_length=64, blank=True)  # of the one replaced, "" = none
    comparison = models.ForeignKey(
        ModelComparison, null=True, on_delete=models.PROTECT, related_name="promotions"
    )
    compared_at = models.DateTimeField(null=True)
    returns_to = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="+")
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
            models.UniqueConstraint(
                fields=["subject"],
                condition=models.Q(ended_at=None),
                name="one_standing_promotion_per_subject",
            ),
            models.CheckConstraint(
                condition=models.Q(comparison=None)
                | models.Q(compared_at__lte=models.F("promoted_at"))
                & (
                    models.Q(returns_to__isnull=False)
                    | models.Q(compared_at__gte=models.F("promoted_at") - FRESH_FOR)
                ),
                name="promotion_rests_on_fresh_comparison",
            ),
        ]

    def __str__(self) -> str:
        return str(self.model_id)


class ShadowScore(models.Model):
    """One row is what a shadow model would have scored one decision.

    Without a foreign key in the database, which would look the same model up for every one of thousands of
    rows: triggers ask once a statement instead (0019_shadow_score_triggers).
    """

    id = TimeOrderedIdField()
    decision_id = models.BigIntegerField()
    model = models.ForeignKey(
        ModelVersion, on_delete=models.CASCADE, related_name="shadow_scores", db_constraint=False
    )
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
