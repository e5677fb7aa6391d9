"""Orders of a period as rows of a backtest.

History is read once: the events that features count, from the longest window before the period
on, and what each order of the period carries itself. Each part then asks its own questions of the
events within its reach, so that a long period costs no more per row than a short one.

Inputs are those stored with an order's first decision, where this version still declares them;
the others are computed from history, exactly as they were or would have been online. What only
the moment of arrival knew (the payment status) is missing for orders that nobody decided.
"""

from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from django.conf import settings

from catalog.models import Listing
from core.money import exponent
from orders.models import OrderLine
from risk.datasets import compute_order_inputs, needed_for
from risk.facts import history
from risk.facts.orders import ORDER_FEATURE_HASH, ORDER_INPUT_NAMES
from risk.features.declarations import BAD, Source
from risk.features.direct import OrderColumns
from risk.features.links import LINK_WINDOW_HOURS, ORDER_LINKS
from risk.rules.columnar import DTYPES
from risk.rules.schema import Field, FieldType
from risk.scoring import LiveModel

from .frames import Batch, Beat, Groups, KnownTruths, microseconds_of, stop_of
from .stored import Gathered, iter_stored

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

# Each part looks at all events within its reach: the larger the parts, the fewer times each is looked at.
PART_ROWS = 250_000
_PART_CELLS = 20_000_000  # inputs of one part, 160 MB
_ALL_TIME = timedelta(days=365 * 200)

_SIZE_INPUT, _AGE_INPUT = "merchant_orders_30d_count", "buyer_account_age_hours"
_SIZES = ((10, 100, 1_000), ("under_10", "10_to_99", "100_to_999", "1000_and_more"))
_DAY = 24
_AGES = (
    (_DAY, 7 * _DAY, 30 * _DAY, 365 * _DAY),
    ("under_1d", "1d_to_7d", "7d_to_30d", "30d_to_1y", "1y_and_more"),
)


class OrderRows:
    """See `frames.History`."""

    def __init__(
        self,
        *,
        since: datetime,
        until: datetime,
        labels_before: datetime,
        rule_fields: tuple[Field, ...],
        champion: LiveModel | None,
        beat: Beat,
        part_rows: int | None = None,
    ) -> None:
        self._until = microseconds_of(until)
        usable = champion is not None and champion.artifact.schema_hash == ORDER_FEATURE_HASH
        self._champion = champion if usable else None
        scored = set(self._champion.artifact.features) if self._champion else set()
        self._direct_fields = tuple(one for one in rule_fields if one.name not in ORDER_INPUT_NAMES)
        wanted = {one.name for one in rule_fields} | scored | {_SIZE_INPUT, _AGE_INPUT}
        self._wanted = tuple(name for name in ORDER_INPUT_NAMES if name in wanted)
        self._part_rows = part_rows or min(PART_ROWS, _PART_CELLS // len(self._wanted))
        self._reach, self._label_reach = _reaches_of(self._wanted)

        orders = history.read_orders(before=until, since=since - self._reach)
        beat()
        self._labels = history.read_order_labels(before=labels_before)
        stood = self._labels.stood_at(labels_before)
        is_bad = self._labels.events.passes[BAD.code]
        self._truths = KnownTruths.over(self._labels.subject_ids[stood], is_bad[stood])
        beat()
        self._own = history.read_own(before=until, since=since)
        self._events = _Timeline(orders)
        self._rows = self._events.known_in(microseconds_of(since), self._until)
        self._at = orders.events.known_at[self._rows]
        self._categories = dict(Listing.objects.values_list("pk", "live_revision__category__code"))
        beat()

    @property
    def total(self) -> int:
        return len(self._rows)

    def read(self, since: int, beat: Beat) -> Batch | None:
        start = int(np.searchsorted(self._at, since))
        if start == len(self._at):
            return None
        stop = stop_of(self._at, start, self._part_rows)
        rows = self._rows[start:stop]
        orders = self._events.orders
        ids, at = orders.events.ids[rows], self._at[start:stop]
        inputs = self._gather(rows, ids, beat)
        columns = {name: pl.Series(inputs.matrix[:, place]) for place, name in enumerate(self._wanted)}
        amount = _needed(orders.events.amount_minor)[rows]
        own = self._own_of(ids)
        return Batch(
            until=self._until if stop == len(self._at) else int(self._at[stop]),
            prefix="ord",
            ids=ids,
            merchant_ids=own["merchant_id"].to_numpy(),
            at=at,
            amount_minor=amount,
            truth=self._truths.of(ids),
            scores=inputs.scores,
            degraded=inputs.degraded,
            frame=inputs.direct.with_columns(**columns),
            segments=self._segments(ids, own, inputs.matrix),
            stable_keys=lambda row: f"order:{ids[row]}",
            data=inputs.counts,
        )

    # ── Inputs ───────────────────────────────────────────────────────────────────────────────────
    def _gather(self, rows: Ints, ids: Ints, beat: Beat) -> Gathered:
        n, places = len(rows), [ORDER_INPUT_NAMES.index(name) for name in self._wanted]
        matrix = np.full((n, len(places)), np.nan, order="F")
        scores, degraded, is_stored = np.full(n, np.nan), np.zeros(n, np.bool_), np.zeros(n, np.bool_)
        frames: list[pl.DataFrame] = []
        for found in iter_stored(
            "order",
            ids,
            self._direct_fields,
            feature_hash=ORDER_FEATURE_HASH,
            model_hash=self._champion.sha256 if self._champion else "",
        ):
            matrix[found.rows] = found.vectors[:, places]
            scores[found.rows], degraded[found.rows] = found.scores, found.degraded
            is_stored[found.rows] = True
            frames.append(found.direct)
            beat()
        others = np.flatnonzero(~is_stored)
        if len(others):
            reach = self._events.reach(rows[others], self._reach)
            labels = _labels_in(self._labels, reach.first - self._label_reach, reach.last)
            matrix[others] = compute_order_inputs(reach.orders, labels, reach.rows, self._wanted)
            beat()
            frames.append(self._computed_direct(ids[others], others))
        direct = pl.concat(frames).sort("row").drop("row")
        computed_scores = self._score(matrix, scores)
        beat()
        return Gathered(matrix, direct, scores, degraded, is_stored, computed_scores)

    def _score(self, matrix: Floats, scores: Floats) -> int:
        """Fill in the champion's scores where none is stored; return how many."""
        missing = np.flatnonzero(np.isnan(scores))
        if self._champion is None or not len(missing):
            return 0
        artifact = self._champion.artifact
        places = np.array([self._wanted.index(name) for name in artifact.features], dtype=np.int64)
        scores[missing] = artifact.scores(matrix[np.ix_(missing, places)], num_threads=2)
        return len(missing)

    def _computed_direct(self, ids: Ints, rows: Ints) -> pl.DataFrame:
        own = self._own_of(ids)
        known = {
            "order.amount": pl.col("base_total_minor") / 10 ** exponent(settings.BASE_CURRENCY),
            "order.currency": pl.col("currency"),
            "order.placed_at": pl.col("occurred_at").cast(DTYPES[FieldType.MOMENT]),
            "buyer.signed_up_at": pl.col("buyer_signed_up_at").cast(DTYPES[FieldType.MOMENT]),
            "order.shipping_country": pl.col("shipping_country").replace("", None),
            "order.billing_country": pl.col("billing_country").replace("", None),
            "order.card_country": pl.col("card_country").replace("", None),
            "order.has_device": pl.col("device_key").is_not_null(),
            "order.has_card": pl.col("card_key").is_not_null(),
            "order.buyer": pl.col("buyer_key"),
            "order.device": pl.col("device_key"),
            "order.card": pl.col("card_key"),
            "order.address": pl.col("address_key"),
            "order.ip": pl.col("ip_key"),
        }
        # The payment status on arrival is known of no order that nobody decided.
        chosen = {
            one.name: known.get(one.name, pl.lit(None, dtype=DTYPES[one.type])) for one in self._direct_fields
        }
        return own.select(pl.Series("row", rows), **chosen)

    def _own_of(self, ids: Ints) -> pl.DataFrame:
        wanted = pl.DataFrame({"id": ids})
        return wanted.join(self._own, on="id", how="left", maintain_order="left")

    # ── Segments ─────────────────────────────────────────────────────────────────────────────────
    def _segments(self, ids: Ints, own: pl.DataFrame, matrix: Floats) -> dict[str, Groups]:
        size, age = (matrix[:, self._wanted.index(name)] for name in (_SIZE_INPUT, _AGE_INPUT))
        return {
            "country": Groups.of_texts(own["shipping_country"]),
            "category": Groups.of_texts(self._categories_of(ids)),
            "merchant_size": Groups.of_bands(size, *_SIZES),
            "buyer_age": Groups.of_bands(age, *_AGES),
        }

    def _categories_of(self, ids: Ints) -> pl.Series:
        """Return the category of each order's first line, null where its listing is not known."""
        lines = OrderLine.objects.filter(order_id__gte=int(ids.min()), order_id__lte=int(ids.max()), number=1)
        listing_of = dict(lines.values_list("order_id", "listing_id"))
        found = [self._categories.get(listing_of.get(id) or 0) for id in ids.tolist()]
        return pl.Series(found, dtype=pl.String)


def _reaches_of(names: tuple[str, ...]) -> tuple[timedelta, int]:
    """Return how far back these inputs look for orders, and for labels in microseconds.

    A window begins on the bucket before. Links ask for bad labels of whatever age.
    """
    features, _ = needed_for(names)
    spans = {True: timedelta(0), False: timedelta(0)}
    for one in features:
        span = timedelta(minutes=one.window_minutes + one.delay_minutes + one.grid_minutes)
        is_of_orders = one.source is Source.ORDERS
        spans[is_of_orders] = max(spans[is_of_orders], span)
    if not any(link.name in names for link in ORDER_LINKS):
        return spans[True], _span(spans[False])
    return max(spans[True], timedelta(hours=LINK_WINDOW_HOURS)), _span(_ALL_TIME)


def _span(length: timedelta) -> int:
    return length // timedelta(microseconds=1)


# ── Events within reach ──────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True, eq=False)
class _Reach:
    """The orders that some questions can see, the questions' places among them, and their moments' bounds."""

    orders: history.OrderHistory
    rows: Ints
    first: int
    last: int


class _Timeline:
    """Orders in the order of their ids, found by time."""

    def __init__(self, orders: history.OrderHistory) -> None:
        self.orders = orders
        self._by_time = np.argsort(orders.events.occurred_at, kind="stable")
        self._times = orders.events.occurred_at[self._by_time]

    def known_in(self, since: int, until: int) -> Ints:
        """Return the rows known in [since, until), by moment and id."""
        known_at = self.orders.events.known_at
        rows = np.flatnonzero((known_at >= since) & (known_at < until))
        return rows[np.argsort(known_at[rows], kind="stable")]

    def reach(self, rows: Ints, window: timedelta) -> _Reach:
        """Return everything that counts for these rows as of when each was known."""
        known_at = self.orders.events.known_at[rows]
        first, last = int(known_at.min()), int(known_at.max())
        between = slice(*np.searchsorted(self._times, [first - _span(window), last]))
        seen = np.union1d(self._by_time[between], rows)
        orders = self.orders
        taken = history.OrderHistory(
            orders.events.take(seen), _take_own(orders.own, seen), orders.written_at[seen]
        )
        return _Reach(taken, np.searchsorted(seen, rows), first, last)


def _take_own(own: OrderColumns, rows: Ints) -> OrderColumns:
    columns: dict[str, Any] = {column.name: getattr(own, column.name) for column in fields(own)}
    taken: dict[str, Any] = {
        name: None if values is None else values[rows] for name, values in columns.items()
    }
    return OrderColumns(**taken)


def _labels_in(labels: history.LabelHistory, since: int, until: int) -> history.LabelHistory:
    """Return the labels that became known in a span, and the outcomes of orders placed in it."""
    known_at, placed_at = labels.events.known_at, labels.outcomes.occurred_at
    rows = np.flatnonzero((known_at >= since) & (known_at < until))
    return history.LabelHistory(
        events=labels.events.take(rows),
        outcomes=labels.outcomes.take((placed_at >= since) & (placed_at < until)),
        subject_ids=labels.subject_ids[rows],
        weight=labels.weight[rows],
        written_at=labels.written_at[rows],
    )


def _needed(values: Any) -> Any:
    assert values is not None  # history reads it always
    return values
