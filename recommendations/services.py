"""Refresh what is recommended: read purchases, fit, measure, store, switch over."""

from collections.abc import Iterator
from datetime import datetime
from itertools import islice

import numpy as np
import numpy.typing as npt
from django.db import connection

from catalog.models import Listing, ListingStatus
from core import audit, journal
from core.actors import SYSTEM
from core.refs import Ref
from merchants.models import MerchantStatus

from .evaluation import hit_rates
from .interactions import Ids, Interactions, read_interactions
from .models import ItemNeighbours, RecommendationRun
from .recommenders import Neighbours
from .recommenders.neighbourhood import Neighbourhood
from .recommenders.popularity import Popularity

_INSERT_ROWS = 1_000
_LOCK = 7_201_944_310_553  # any constant: the advisory lock that lets one run go live at a time


def refresh(*, as_of: datetime) -> RecommendationRun:
    """Fit the neighbourhood on purchases before `as_of` and make it what readers see.

    Readers see the old lists until the new ones are complete. A run as of the same moment or
    earlier changes nothing and returns the live one. The replaced run stays until the next
    refresh, for readers that are between their two queries.
    """
    live = _find_live()
    if live is not None and live.as_of >= as_of:
        return live
    interactions = read_interactions(as_of=as_of)
    recommender = Neighbourhood()
    metrics = hit_rates(interactions, recommender, Popularity())
    neighbours = recommender.fit(interactions, _is_on_sale(interactions.listing_ids))
    return _publish(recommender.kind, as_of, interactions, neighbours, metrics)


def _publish(
    kind: str,
    as_of: datetime,
    interactions: Interactions,
    neighbours: Neighbours,
    metrics: dict[str, float | int],
) -> RecommendationRun:
    with journal.unit():
        _lock()
        live = _find_live()
        if live is not None and live.as_of >= as_of:
            return live
        RecommendationRun.objects.filter(kind=kind, is_live=False).delete()
        run = RecommendationRun.objects.create(
            kind=kind,
            as_of=as_of,
            interactions=len(interactions),
            items=len(neighbours.similar),
            metrics=metrics,
        )
        rows = _rows(run, neighbours)
        while some := list(islice(rows, _INSERT_ROWS)):
            ItemNeighbours.objects.bulk_create(some)
        if live is not None:
            RecommendationRun.objects.filter(pk=live.pk).update(is_live=False)
        RecommendationRun.objects.filter(pk=run.pk).update(is_live=True)
        run.is_live = True
        audit.record(
            "recommendations.refreshed",
            actor=SYSTEM,
            subject=Ref("recommendation_run", run.pk),
            detail={"interactions": run.interactions, "items": run.items, **metrics},
        )
    return run


def _rows(run: RecommendationRun, neighbours: Neighbours) -> Iterator[ItemNeighbours]:
    yield ItemNeighbours(run=run, listing=None, ranked=list(neighbours.popular))
    for listing_id, ranked in neighbours.similar.items():
        yield ItemNeighbours(run=run, listing_id=listing_id, ranked=ranked)


def _find_live() -> RecommendationRun | None:
    return RecommendationRun.objects.filter(kind=Neighbourhood.kind, is_live=True).first()


def _is_on_sale(listing_ids: Ids) -> npt.NDArray[np.bool_]:
    """Tell for each listing whether buyers can see it now, shape (n_items,)."""
    live = Listing.objects.filter(status=ListingStatus.LIVE, merchant__status=MerchantStatus.ACTIVE)
    on_sale = np.fromiter(live.values_list("pk", flat=True).iterator(), dtype=np.int64)
    return np.isin(listing_ids, on_sale)


def _lock() -> None:
    """Wait for another refresh to switch over; SQLite's immediate transaction already does."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
