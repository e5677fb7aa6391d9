"""Listings, applications and merchant accounts of a period as rows of a backtest.

There are thousands where there are millions of orders, so each part reads its rows as a decision
would: inputs stored with the first decision where this version still declares them, else computed
as of when the row was known. A merchant account is judged again and again: it counts once, as it
stood at the end of the period, if it was scored in it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from django.db.models import QuerySet

from catalog.models import ListingRevision
from merchants.models import Merchant, MerchantApplication
from risk.facts import Facts, applications, listings, merchants
from risk.inputs import current_inputs
from risk.models import AccountScore, Label, Subject
from risk.rules.schema import Field
from risk.scoring import LiveModel, carried_score

from .frames import Batch, Beat, Groups, KnownTruths, microseconds_of, moment_of, stop_of
from .stored import Gathered, Stored, direct_frame, iter_stored

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

PART_ROWS = 2_000
_LAST_MOMENT = timedelta(microseconds=1)  # before the end of a period, which is not in it
_APPROVED = ((1, 10, 100), ("none", "1_to_9", "10_to_99", "100_and_more"))


@dataclass(frozen=True)
class _Kind:
    """How one subject is read.

    rows        what may be judged, with everything selected that gathering reads
    list_known  (id, moment) of the rows in a period, in order
    gather      the facts of several rows, each as of a moment
    is_once     whether one decision says what arrived; else decisions of the past are left aside
    amount      of one row, minor units of the base currency
    country, category    of one row, "" where not known
    size_input  the input whose bands are merchant sizes, "" = none
    """

    prefix: str
    rows: Callable[[], QuerySet[Any]]
    list_known: Callable[[datetime, datetime], list[tuple[int, datetime]]]
    gather: Callable[[Sequence[Any], Sequence[datetime]], list[Facts]]
    amount: Callable[[Any], int]
    merchant_id: Callable[[Any], int]
    country: Callable[[Any], str]
    category: Callable[[Any], str]
    size_input: str = ""
    is_once: bool = True


def _revisions() -> QuerySet[Any]:
    rows = ListingRevision.objects.filter(submitted_at__isnull=False)
    return rows.select_related("listing__merchant", "category")


def _applications() -> QuerySet[Any]:
    return MerchantApplication.objects.filter(submitted_at__isnull=False).select_related("applicant")


def _in_period(
    rows: Callable[[], QuerySet[Any]],
) -> Callable[[datetime, datetime], list[tuple[int, datetime]]]:
    def list_known(since: datetime, until: datetime) -> list[tuple[int, datetime]]:
        known = rows().filter(known_at__gte=since, known_at__lt=until).order_by("known_at", "pk")
        return list(known.values_list("pk", "known_at"))

    return list_known


def _list_scored(since: datetime, until: datetime) -> list[tuple[int, datetime]]:
    scored = AccountScore.objects.filter(as_of__gte=since, as_of__lt=until)
    ids = scored.order_by("merchant_id").values_list("merchant_id", flat=True).distinct()
    return [(id, until - _LAST_MOMENT) for id in ids]


_KINDS: Mapping[str, _Kind] = {
    Subject.LISTING: _Kind(
        prefix="rev",
        rows=_revisions,
        list_known=_in_period(_revisions),
        gather=listings.gather_many,
        amount=lambda row: row.base_price_minor,
        merchant_id=lambda row: row.listing.merchant_id,
        country=lambda row: row.listing.merchant.country,
        category=lambda row: row.category.code,
        size_input="merchant_approved_count",
    ),
    Subject.APPLICATION: _Kind(
        prefix="app",
        rows=_applications,
        list_known=_in_period(_applications),
        gather=applications.gather_many,
        amount=lambda row: 0,
        merchant_id=lambda row: row.merchant_id,
        country=lambda row: row.country,
        category=lambda row: row.category_code,
    ),
    Subject.MERCHANT: _Kind(
        prefix="mer",
        rows=Merchant.objects.all,
        list_known=_list_scored,
        gather=merchants.gather_many,
        amount=lambda row: 0,
        merchant_id=lambda row: row.pk,
        country=lambda row: row.country,
        category=lambda row: "",
        is_once=False,
    ),
}


class OtherRows:
    """See `frames.History`."""

    def __init__(
        self,
        subject: str,
        *,
        since: datetime,
        until: datetime,
        labels_before: datetime,
        rule_fields: tuple[Field, ...],
        champion: LiveModel | None,
        part_rows: int | None = None,
    ) -> None:
        self._subject, self._kind = subject, _KINDS[subject]
        self._part_rows = part_rows or PART_ROWS
        self._until = microseconds_of(until)
        self._names, self._feature_hash = current_inputs(subject)
        usable = champion is not None and champion.artifact.schema_hash == self._feature_hash
        self._champion = champion if usable else None
        self._direct_fields = tuple(one for one in rule_fields if one.name not in self._names)
        known = self._kind.list_known(since, until)
        self._ids = np.array([id for id, _ in known], dtype=np.int64)
        self._at = np.array([microseconds_of(at) for _, at in known], dtype=np.int64)
        labels = Label.objects.as_of(labels_before).filter(subject_kind=subject)
        said = list(labels.values_list("subject_id", "is_bad"))
        self._truths = KnownTruths.over(
            np.array([id for id, _ in said], dtype=np.int64),
            np.array([bad for _, bad in said], dtype=np.bool_),
        )

    @property
    def total(self) -> int:
        return len(self._ids)

    def read(self, since: int, beat: Beat) -> Batch | None:
        start = int(np.searchsorted(self._at, since))
        if start == len(self._at):
            return None
        stop = stop_of(self._at, start, self._part_rows)
        ids, at = self._ids[start:stop], self._at[start:stop]
        found = self._kind.rows().in_bulk(ids.tolist())
        rows = [found[id] for id in ids.tolist()]
        inputs = self._gather(rows, ids, at)
        beat()
        columns = {name: pl.Series(inputs.matrix[:, place].copy()) for place, name in enumerate(self._names)}
        return Batch(
            until=self._until if stop == len(self._at) else int(self._at[stop]),
            prefix=self._kind.prefix,
            ids=ids,
            merchant_ids=np.array([self._kind.merchant_id(row) or 0 for row in rows], dtype=np.int64),
            at=at,
            amount_minor=np.array([self._kind.amount(row) for row in rows], dtype=np.int64),
            truth=self._truths.of(ids),
            scores=inputs.scores,
            degraded=inputs.degraded,
            frame=inputs.direct.with_columns(**columns),
            segments=self._segments(rows, inputs.matrix),
            stable_keys=lambda row: f"{self._subject}:{ids[row]}",
            data=inputs.counts,
        )

    def _gather(self, rows: Sequence[Any], ids: Ints, at: Ints) -> Gathered:
        n = len(rows)
        matrix, scores = np.full((n, len(self._names)), np.nan), np.full(n, np.nan)
        degraded, is_stored = np.zeros(n, dtype=np.bool_), np.zeros(n, dtype=np.bool_)
        frames: list[pl.DataFrame] = []
        for found in self._stored(ids):
            matrix[found.rows], scores[found.rows] = found.vectors, found.scores
            degraded[found.rows], is_stored[found.rows] = found.degraded, True
            frames.append(found.direct)
        others = np.flatnonzero(~is_stored)
        if len(others):
            moments = [moment_of(int(at[row])) for row in others]
            facts = self._kind.gather([rows[row] for row in others.tolist()], moments)
            matrix[others] = np.stack([one.vector for one in facts])
            degraded[others] = [bool(one.failed) for one in facts]
            frames.append(direct_frame([dict(one.direct) for one in facts], others, self._direct_fields))
        direct = pl.concat(frames).sort("row").drop("row")
        return Gathered(matrix, direct, scores, degraded, is_stored, self._score(matrix, scores))

    def _stored(self, ids: Ints) -> Iterator[Stored]:
        if self._kind.is_once:
            yield from iter_stored(
                self._subject,
                ids,
                self._direct_fields,
                feature_hash=self._feature_hash,
                model_hash=self._champion.sha256 if self._champion else "",
            )

    def _score(self, matrix: Floats, scores: Floats) -> int:
        """Fill in the scores that are not stored, as a decision has them; return how many there are."""
        missing = np.flatnonzero(np.isnan(scores))
        if self._champion is not None and len(missing):
            scores[missing] = self._champion.scores(matrix[missing], self._feature_hash)
        elif self._champion is None:
            for row in missing.tolist():
                carried = carried_score(
                    self._subject, dict(zip(self._names, matrix[row].tolist(), strict=True))
                )
                scores[row] = np.nan if carried is None else carried
        return int((~np.isnan(scores[missing])).sum())

    def _segments(self, rows: Sequence[Any], matrix: Floats) -> dict[str, Groups]:
        segments = {
            "country": Groups.of_texts([self._kind.country(row) for row in rows]),
            "category": Groups.of_texts([self._kind.category(row) for row in rows]),
        }
        if self._kind.size_input:
            size = matrix[:, self._names.index(self._kind.size_input)]
            segments["merchant_size"] = Groups.of_bands(size, *_APPROVED)
        return segments
