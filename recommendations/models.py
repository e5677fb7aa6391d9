"""Recommendation runs and the neighbour lists they produced."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from catalog.models import Listing
from core.fields import TimeOrderedIdField


class RecommendationRun(models.Model):
    """One row is one refresh; readers use the newest that is live."""

    id = TimeOrderedIdField()
    kind = models.CharField(max_length=16)  # "neighbourhood"
    as_of = models.DateTimeField()
    interactions = models.BigIntegerField()
    items = models.PositiveIntegerField()
    metrics = models.JSONField(default=dict)
    is_live = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("recommendation run")
        verbose_name_plural = _("recommendation runs")
        constraints = [
            models.UniqueConstraint(
                fields=["kind"], condition=models.Q(is_live=True), name="one_live_recommendation_run_per_kind"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.as_of:%Y-%m-%d}"


class ItemNeighbours(models.Model):
    """One row is the ranked list for one listing in one run; listing null is the popularity list."""

    id = TimeOrderedIdField()
    run = models.ForeignKey(
        RecommendationRun, on_delete=models.CASCADE, related_name="neighbours", db_index=False
    )
    listing = models.ForeignKey(
        Listing, null=True, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    ranked = models.JSONField()  # [[listing_id, score], …] best first

    class Meta:
        verbose_name = _("neighbour list")
        verbose_name_plural = _("neighbour lists")
        constraints = [
            models.UniqueConstraint(fields=["run", "listing"], name="one_neighbour_list_per_item"),
            models.UniqueConstraint(
                fields=["run"], condition=models.Q(listing=None), name="one_popularity_list_per_run"
            ),
        ]

    def __str__(self) -> str:
        return str(self.listing_id)
