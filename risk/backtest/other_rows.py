"""Listings and applications of a period as rows of a backtest.

There are thousands where there are millions of orders, so each part reads its rows as a decision
would: inputs stored with the first decision where this version still declares them, else computed
as of when the row was known.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from django.db.models import QuerySet

from catalog.models import ListingRevision
from merchants.models import MerchantApplication
from risk.facts import Facts, applications, listings
from risk.inputs import current_inputs
from risk.models import Label, Subject
from risk.rules.schema import Field
from risk.scoring import LiveModel

from .frames import Batch, Beat, Groups, KnownTruths, microseconds_of, moment_of, stop_of
from .stored import direct_frame, iter_stored

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

PART_ROWS = 2_000
_APPROVED = ((1, 10, 100), ("none", "1_to_9", "10_to_99", "100_and_more"))


@dataclass(frozen=True)
class _Kind:
    """How one subject is read.

    rows        what may be judged, with everything selected that gathering reads
    gather      the facts of several rows, each as of a moment
    amount      of one row, minor units of the base currency
    country, category    of one row, "" where not known
    size_input  the input whose bands are merchant sizes, "" = none
    """

    prefix: str
    rows: Callable[[], QuerySet[Any]]
    gather: Callable[[Sequence[Any], Sequence[datetime]], list[Facts]]
    amount: Callable[[Any], int]
    merchant_id: Callable[[Any], int]
    country: Callable[[Any], str]
    category: Callable[[Any], str]
    size_input: str = ""


def _revisions() -> QuerySet[Any]:
    rows = ListingRevision.objects.filter(submitted_at__isnull=False)
    return rows.select_related("listing__merchant", "category")


def _applications() -> QuerySet[Any]:
    return MerchantApplication.objects.filter(submitted_at__isnull=False).select_related("applicant")


_KINDS: Mapping[str, _Kind] = {
    Subject.LISTING: _Kind(
        prefix="rev",
        rows=_revisions,
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
        gather=applications.gather_many,
        amount=lambda row: 0,
        merchant_id=lambda row: row.merchant_id,
        country=lambda row: row.country,
        category=lambda row: row.category_code,
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
        rows = self._kind.rows().filter(known_at__gte=since, known_at__lt=until).order_by("known_at", "pk")
        known = list(rows.values_list("pk", "known_at"))
        self._ids = np.array([id for id, _ in known], dtype=np.int64)
        self._at = np.array([microseconds_of(at) for _, at in known], dtype=np.int64)
        labels = Label.objects.filter(subject_kind=subject, known_at__lt=labels_before)
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
        matrix, direct, scores, degraded, is_stored = self._gather(rows, ids, at)
        beat()
        missing = np.flatnonzero(np.isnan(scores))
        if self._champion is not None and len(missing):
            scores[missing] = self._champion.scores(matrix[missing], self._feature_hash)
        computed = int((~np.isnan(scores[missing])).sum())
        columns = {name: pl.Series(matrix[:, place].copy()) for place, name in enumerate(self._names)}
        return Batch(
            until=self._until if stop == len(self._at) else int(self._at[stop]),
            prefix=self._kind.prefix,
            ids=ids,
            merchant_ids=np.array([self._kind.merchant_id(row) or 0 for row in rows], dtype=np.int64),
            at=at,
            amount_minor=np.array([self._kind.amount(row) for row in rows], dtype=np.int64),
            truth=self._truths.of(ids),
            scores=scores,
            degraded=degraded,
            frame=direct.with_columns(**columns),
            segments=self._segments(rows, matrix),
            stable_keys=lambda row: f"{self._subject}:{ids[row]}",
            data={
                "stored_inputs": int(is_stored.sum()),
                "recomputed_inputs": int((~is_stored).sum()),
                "stored_scores": len(ids) - len(missing),
                "computed_scores": computed,
                "without_score": len(missing) - computed,
                "degraded": int(degraded.sum()),
            },
        )

    def _gather(
        self, rows: Sequence[Any], ids: Ints, at: Ints
    ) -> tuple[Floats, pl.DataFrame, Floats, npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
        n = len(rows)
        matrix, scores = np.full((n, len(self._names)), np.nan), np.full(n, np.nan)
        degraded, is_stored = np.zeros(n, dtype=np.bool_), np.zeros(n, dtype=np.bool_)
        frames: list[pl.DataFrame] = []
        for found in iter_stored(
            self._subject,
            ids,
            self._direct_fields,
            feature_hash=self._feature_hash,
            model_hash=self._champion.sha256 if self._champion else "",
        ):
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
        return matrix, pl.concat(frames).sort("row").drop("row"), scores, degraded, is_stored

    def _segments(self, rows: Sequence[Any], matrix: Floats) -> dict[str, Groups]:
        segments = {
            "country": Groups.of_texts([self._kind.country(row) for row in rows]),
            "category": Groups.of_texts([self._kind.category(row) for row in rows]),
        }
        if self._kind.size_input:
            size = matrix[:, self._names.index(self._kind.size_input)]
            segments["merchant_size"] = Groups.of_bands(size, *_APPROVED)
        return segments
