"""Rollups of keys with much history, and what the comparison of both computations found."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from core.fields import TimeOrderedIdField


class Rollup(models.Model):
    """One row says that one key's events of one source are rolled up to a watermark.

    Its buckets and pairs hold exactly the events that became visible before the watermark, and move with it
    in one transaction. Without the row they mean nothing: `risk.rollups.forget` deletes only this row, and
    the nightly pruning sweeps up behind it, hence no foreign keys.
    """

    id = TimeOrderedIdField()
    source = models.CharField(max_length=8)
    entity = models.CharField(max_length=8)
    key = models.BigIntegerField()
    watermark = models.DateTimeField()

    class Meta:
        verbose_name = _("rollup")
        verbose_name_plural = _("rollups")
        constraints = [
            models.UniqueConstraint(fields=["key", "source", "entity"], name="one_rollup_per_key"),
        ]

    def __str__(self) -> str:
        return f"{self.source}/{self.entity}/{self.key}"


class RollupBucket(models.Model):
    """One row sums one rollup's events that occurred in one minute, ten, one hour, six, a day, or eight.

    stream    "" for all events, else the code of the filter that they passed
    """

    pk = models.CompositePrimaryKey("rollup_id", "level", "at", "stream")
    rollup_id = models.BigIntegerField()
    level = models.IntegerField()  # minutes, see risk.features.windows.LEVELS
    at = models.DateTimeField()
    stream = models.CharField(max_length=12)
    n = models.IntegerField()
    total = models.BigIntegerField()
    # Sums of the parts of squares, see risk.features.spread: exact where one sum would overflow.
    high_high = models.BigIntegerField()
    high_low = models.BigIntegerField()
    low_low = models.BigIntegerField()
    largest = models.BigIntegerField(null=True)
    newest = models.DateTimeField(null=True)
    # How many pairs of the slot's first, second and third DISTINCT last occurred in this bucket.
    pairs_0 = models.IntegerField()
    pairs_1 = models.IntegerField()
    pairs_2 = models.IntegerField()

    def __str__(self) -> str:
        return f"{self.at} + {self.level} min: {self.n}"


class RollupPair(models.Model):
    """One row says when a rollup's key last occurred together with another entity's key."""

    pk = models.CompositePrimaryKey("rollup_id", "of", "other")
    rollup_id = models.BigIntegerField()
    of = models.CharField(max_length=8)
    other = models.BigIntegerField()
    last_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.of}/{self.other}"


class ParityRun(models.Model):
    """One row is one comparison of stored inputs with their set-based recomputation.

    mismatches     values that differ although both computations saw the same events
    overlapping    values that differ by events which the decision's snapshot could not see yet
    detail         {"features": {name: mismatches}, "overlapping_features": {name: overlapping},
                   "examples": [{"decision", "feature", "stored", "computed"}]}; the worst twenty of each
    """

    id = TimeOrderedIdField()
    since = models.DateTimeField()
    until = models.DateTimeField()
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    events = models.IntegerField(default=0)  # decisions compared
    features = models.IntegerField(default=0)  # values compared in each
    mismatches = models.IntegerField(default=0)
    overlapping = models.IntegerField(default=0)
    detail = models.JSONField(default=dict)

    class Meta:
        verbose_name = _("parity run")
        verbose_name_plural = _("parity runs")

    def __str__(self) -> str:
        return f"{self.since:%Y-%m-%d}: {self.mismatches}"
