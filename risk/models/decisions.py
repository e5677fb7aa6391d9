"""Decisions with their full snapshot, explanations, and labels of what proved true."""

from datetime import datetime

from django.db import models
from django.utils.translation import gettext_lazy as _

from core.fields import TimeOrderedIdField, TwoTimesModel

from .subjects import Subject


class Outcome(models.TextChoices):
    APPROVE = "approve", _("Approve")
    REVIEW = "review", _("Review")
    DECLINE = "decline", _("Decline")


class Decision(models.Model):
    """One row is one judgement, with everything needed to replay it.

    `features` is a little-endian float64 array in the order of the schema
    named by `feature_hash`; NaN is missing. `snapshot` holds the facts the
    rules saw and each rule's true / false / null.
    """

    id = TimeOrderedIdField()
    subject_kind = models.CharField(max_length=16, choices=Subject)
    subject_id = models.BigIntegerField()
    merchant_id = models.BigIntegerField(null=True)
    as_of = models.DateTimeField()
    outcome = models.CharField(max_length=8, choices=Outcome)
    score = models.FloatField(null=True)  # calibrated P(bad), 0–1; null = scoring failed or no model
    points = models.IntegerField(default=0)
    queue_code = models.CharField(max_length=40, blank=True)
    reason_codes = models.JSONField(default=list)
    tags = models.JSONField(default=list)
    features = models.BinaryField()
    feature_hash = models.CharField(max_length=64)
    snapshot = models.JSONField()
    degraded = models.JSONField(default=list)  # what failed, e.g. ["score"]
    ruleset_id = models.BigIntegerField(null=True)
    ruleset_hash = models.CharField(max_length=64, blank=True)
    model_id = models.BigIntegerField(null=True)
    model_hash = models.CharField(max_length=64, blank=True)
    code_version = models.CharField(max_length=40)
    latency_us = models.JSONField(default=dict)  # step → microseconds
    is_sampled = models.BooleanField(default=False)  # approved, and drawn for the random review sample
    created_at = models.DateTimeField()

    class Meta:
        verbose_name = _("decision")
        verbose_name_plural = _("decisions")
        indexes = [
            models.Index(fields=["subject_id", "subject_kind", "id"], name="decision_of_subject"),
            models.Index(fields=["merchant_id", "id"], name="decision_of_merchant"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(score=None) | models.Q(score__range=(0, 1)), name="score_is_a_probability"
            ),
            models.CheckConstraint(
                condition=models.Q(degraded=[]) | ~models.Q(outcome="approve"), name="degraded_never_approves"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.subject_kind}: {self.outcome}"


class Explanation(models.Model):
    """One row freezes why one decision came out as it did; written once, right after the commit.

    `contributions` is what moved the score: signed log-odds per feature, the
    base value last; empty without a score. `parts` is the rest: rules, band,
    thresholds and the nearest flip, see `risk.explain.frozen`; empty in older rows.
    """

    decision = models.OneToOneField(
        Decision, primary_key=True, on_delete=models.CASCADE, related_name="explanation"
    )
    contributions = models.BinaryField()  # little-endian float64, shape (n_features + 1,)
    feature_hash = models.CharField(max_length=64)
    parts = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("explanation")
        verbose_name_plural = _("explanations")

    def __str__(self) -> str:
        return str(self.pk)


class LabelSource(models.TextChoices):
    VERDICT = "verdict", _("Reviewer’s verdict")
    CHARGEBACK = "chargeback", _("Chargeback")
    REFUND_FRAUD = "refund_fraud", _("Refund for fraud")
    APPEAL = "appeal", _("Appeal")
    MATURED_GOOD = "matured_good", _("Nothing bad until maturity")
    IMPORTED = "imported", _("Imported")


class LabelQuerySet(models.QuerySet["Label"]):
    """Labels by what stood at a moment."""

    def as_of(self, moment: datetime) -> "LabelQuerySet":
        """Return the labels that were known before a moment and not yet corrected then."""
        uncorrected = models.Q(superseded_at=None) | models.Q(superseded_at__gte=moment)
        return self.filter(uncorrected, known_at__lt=moment)

    def standing(self) -> "LabelQuerySet":
        """Return the labels that nobody has corrected."""
        return self.filter(superseded_at=None)


class Label(TwoTimesModel):
    """One row is one observation of what a subject proved to be.

    `occurred_at` is when it proved so, `known_at` when we learnt it. The keys
    and `subject_occurred_at`, when the order was placed, are copies, so that
    label features read one table. A source that speaks again adds a row and
    leaves the earlier one superseded: what was said then stays readable as of then.
    """

    id = TimeOrderedIdField()
    subject_kind = models.CharField(max_length=16, choices=Subject)
    subject_id = models.BigIntegerField()
    is_bad = models.BooleanField()
    source = models.CharField(max_length=16, choices=LabelSource)
    weight = models.FloatField(default=1.0)  # trust in the source, 0–1
    subject_occurred_at = models.DateTimeField(null=True)  # null if not an order, or not told
    superseded_at = models.DateTimeField(null=True)  # when the correction became known; null = it stands
    merchant_id = models.BigIntegerField(null=True)
    buyer_key = models.BigIntegerField(null=True)
    device_key = models.BigIntegerField(null=True)
    card_key = models.BigIntegerField(null=True)

    objects = LabelQuerySet.as_manager()

    class Meta:
        verbose_name = _("label")
        verbose_name_plural = _("labels")
        indexes = [
            models.Index(fields=["subject_id", "subject_kind"], name="label_of_subject"),
            # These two carry what history counts of a merchant's labels, which lie all over the table.
            models.Index(
                fields=["merchant_id", "known_at"],
                name="label_of_merchant",
                include=["subject_kind", "superseded_at", "is_bad"],
            ),
            models.Index(
                fields=["merchant_id", "subject_occurred_at"],
                name="outcome_of_merchant",
                include=["subject_kind", "known_at", "superseded_at", "is_bad"],
            ),
            models.Index(fields=["buyer_key", "known_at"], name="label_of_buyer"),
            # Who around an order is bad: a buyer of a thousand good orders must cost one look.
            models.Index(
                fields=["buyer_key", "known_at"], name="bad_label_of_buyer", condition=models.Q(is_bad=True)
            ),
            models.Index(
                fields=["device_key", "known_at"],
                name="label_of_device",
                condition=models.Q(device_key__isnull=False),
            ),
            models.Index(
                fields=["card_key", "known_at"],
                name="label_of_card",
                condition=models.Q(card_key__isnull=False),
            ),
            models.Index(fields=["buyer_key", "subject_occurred_at"], name="outcome_of_buyer"),
            # Corrections are rare: these stay tiny, and tell a rollup what to take back.
            *(
                models.Index(
                    fields=[key, "superseded_at"],
                    name=f"corrected_of_{key.split('_')[0]}",
                    condition=models.Q(superseded_at__isnull=False),
                )
                for key in ("merchant_id", "buyer_key", "device_key", "card_key")
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["subject_kind", "subject_id", "source"],
                name="one_standing_label_per_source",
                condition=models.Q(superseded_at=None),
            ),
            models.CheckConstraint(condition=models.Q(weight__range=(0, 1)), name="label_weight_is_a_share"),
        ]

    def __str__(self) -> str:
        return f"{self.subject_kind}: {'bad' if self.is_bad else 'good'}"
