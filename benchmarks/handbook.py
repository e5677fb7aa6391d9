"""The Fraud Detection Handbook's transactions in our tables, and one split of its protocol."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

import numpy as np
from django.utils import timezone
from rich.progress import Progress

from benchmarks import harness
from core.actors import SYSTEM
from intake.imports import load_mapping, run_import
from intake.imports.sources import content_hash
from intake.models import ImportBatch, ImportStatus
from ml.arrays import Flags, Floats, Ints
from ml.datasets import TrainingSet
from ml.evaluation import average_precision, card_precision_at_k, roc_auc
from ml.protocols import DelayedSplit, Study
from ml.training import train
from risk.datasets import compute_order_inputs
from risk.facts.history import LabelHistory, OrderHistory, read_order_labels, read_orders
from risk.features.declarations import BAD, Entity, schema_hash
from risk.features.historic import HISTORIC

PLACE = harness.ROOT.parent / "shared" / "data" / "fraud_handbook" / "transactions.parquet"
TRANSACTIONS = 1_754_155
BEGINS, ENDS = datetime(2018, 4, 1, tzinfo=UTC), datetime(2018, 10, 1, tzinfo=UTC)
MICROSECONDS_PER_DAY = 86_400_000_000
CARDS = 100


@dataclass(frozen=True, eq=False)
class History:
    """Transactions in the order of their ids, with what came out."""

    orders: OrderHistory
    labels: LabelHistory

    @cached_property
    def day(self) -> Ints:
        """(n,) days since the epoch."""
        return self.orders.events.occurred_at // MICROSECONDS_PER_DAY

    @property
    def card(self) -> Ints:
        """(n,) the customer's fingerprint: the book has one card per customer."""
        return self.orders.events.keys[Entity.BUYER].values

    @cached_property
    def is_bad(self) -> Flags:
        """(n,) whether each proved bad, however late; every transaction of the book has a label."""
        events = self.labels.events
        return np.isin(self.orders.events.ids, self.labels.subject_ids[events.passes[BAD.code]])

    def training_rows(self, split: DelayedSplit) -> tuple[Ints, Flags]:
        """Return the rows of the training days whose label is known when the test begins, and the labels."""
        rows = split.train_rows(self.day)
        events = self.labels.events
        is_known = events.known_at <= split.first_test_day * MICROSECONDS_PER_DAY
        told = self.labels.subject_ids[is_known]
        bad = self.labels.subject_ids[is_known & events.passes[BAD.code]]
        ids = self.orders.events.ids
        rows = rows[np.isin(ids[rows], told)]
        return rows, np.isin(ids[rows], bad)

    def test_rows(self, split: DelayedSplit) -> Ints:
        return split.test_rows(self.day, self.card, self.is_bad)


@dataclass(frozen=True, eq=False)
class Inputs:
    """The inputs of some transactions as of their arrival.

    rows      (n,) rows of the history, rising
    matrix    (n, n_names)
    """

    names: Sequence[str]
    rows: Ints
    matrix: Floats

    @classmethod
    def compute(cls, history: History, splits: Iterable[DelayedSplit], studies: Iterable[Study]) -> "Inputs":
        """Compute everything that these studies need on these splits, each row and column once."""
        parts = [
            part for split in splits for part in (split.train_rows(history.day), history.test_rows(split))
        ]
        rows = np.unique(np.concatenate(parts))
        names = list(dict.fromkeys(name for study in studies for name in study.features))
        matrix = compute_order_inputs(history.orders, history.labels, rows, names, HISTORIC)
        return cls(names, rows, matrix)

    def of(self, rows: Ints, names: Sequence[str]) -> Floats:
        columns = [self.names.index(name) for name in names]
        return self.matrix[np.searchsorted(self.rows, rows)[:, np.newaxis], columns]


@dataclass(frozen=True)
class Figures:
    """What the book measures, of one model on one test week."""

    auc: float
    average_precision: float
    card_precision_100: float


def import_transactions(path: Path) -> bool:
    """Import the file unless this very content is here already; return whether it was new."""
    mapping = load_mapping("fraud_handbook")
    is_here = ImportBatch.objects.filter(
        content_sha256=content_hash(path, mapping), status=ImportStatus.COMPLETED, rows_total=TRANSACTIONS
    ).exists()
    if is_here:
        return False
    with Progress(transient=True) as bar:
        task = bar.add_task("Importing", total=TRANSACTIONS)
        run_import(
            path,
            mapping,
            actor=SYSTEM,
            at=timezone.now(),
            progress=lambda done, _: bar.update(task, completed=done),
        )
    return True


def read_history() -> History:
    """Return the whole file from the database; exit if the database holds other orders of its months."""
    history = History(read_orders(since=BEGINS, before=ENDS), read_order_labels(before=timezone.now()))
    if len(history.orders) != TRANSACTIONS:
        raise SystemExit(
            f"The database has {len(history.orders):,} orders of 2018 instead of {TRANSACTIONS:,}:"
            " use an empty one."
        )
    return history


def score(history: History, inputs: Inputs, split: DelayedSplit, study: Study) -> Floats:
    """Train on the split's first week and return the scores of its test rows."""
    rows, is_bad = history.training_rows(split)
    data = TrainingSet(
        features=study.features,
        matrix=inputs.of(rows, study.features),
        is_bad=is_bad,
        at=history.orders.events.occurred_at[rows],
    )
    hashed = schema_hash(study.features, HISTORIC)
    model = train(data, recipe=study.recipe, schema_hash=hashed, num_threads=2)
    return model.scores(inputs.of(history.test_rows(split), study.features), num_threads=2)


def judge(history: History, split: DelayedSplit, scores: Floats) -> Figures:
    """Return the book's figures of the scores of a split's test rows."""
    rows = history.test_rows(split)
    is_bad = history.is_bad[rows]
    precision = card_precision_at_k(history.day[rows], history.card[rows], is_bad, scores, k=CARDS)
    return Figures(roc_auc(is_bad, scores), average_precision(is_bad, scores), precision)


def mean_and_deviation(folds: Sequence[Figures], names: Sequence[str]) -> Mapping[str, tuple[float, float]]:
    """Return each figure's mean over the folds and its standard deviation, divided by n."""
    return {
        name: (float(np.mean(values)), float(np.std(values)))
        for name in names
        for values in [[getattr(fold, name) for fold in folds]]
    }
