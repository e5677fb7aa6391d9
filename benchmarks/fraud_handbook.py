"""Import the Fraud Detection Handbook's transactions, train, and stand beside the published figures."""

import argparse
from dataclasses import dataclass
from datetime import UTC, datetime
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
from ml.protocols import (
    HANDBOOK_FEATURES,
    HANDBOOK_FIRST_DAY,
    HANDBOOK_PUBLISHED,
    HANDBOOK_RECIPE,
    DelayedSplit,
)
from ml.training import train
from risk.datasets import compute_order_inputs
from risk.facts.history import LabelHistory, OrderHistory, read_order_labels, read_orders
from risk.features.declarations import BAD, Entity, schema_hash

HANDBOOK = harness.ROOT.parent / "shared" / "data" / "fraud_handbook" / "transactions.parquet"
TRANSACTIONS = 1_754_155
BEGINS, ENDS = datetime(2018, 4, 1, tzinfo=UTC), datetime(2018, 10, 1, tzinfo=UTC)
MICROSECONDS_PER_DAY = 86_400_000_000
CARDS = 100


@dataclass(frozen=True, eq=False)
class History:
    """All transactions in the order of their ids, with what came out.

    day     (n,) days since the epoch
    card    (n,) customer's fingerprint: the book has one card per customer
    """

    orders: OrderHistory
    labels: LabelHistory
    is_bad: Flags
    day: Ints
    card: Ints


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, default=HANDBOOK, help="the Handbook's transactions.parquet")


def run(options: argparse.Namespace) -> harness.Report:
    """Import what is not there yet, compute the features from the database, train, judge a later week."""
    if not options.data.is_file():
        raise SystemExit(f"Skipped: {options.data} is not here. Give its place with --data.")
    with harness.stopwatch() as importing:
        is_new = _import(options.data)
    with harness.stopwatch() as reading:
        history = _read_history()
    split = DelayedSplit(first_day=int(HANDBOOK_FIRST_DAY.astype(np.int64)))
    train_rows = split.train_rows(history.day)
    test_rows = split.test_rows(history.day, history.card, history.is_bad)
    with harness.stopwatch() as computing:
        rows = np.concatenate([train_rows, test_rows])
        matrix = compute_order_inputs(history.orders, history.labels, rows, HANDBOOK_FEATURES)
    with harness.stopwatch() as training:
        score = _train_and_score(history, train_rows, matrix)
    metrics = _judge(history, test_rows, score)
    return harness.Report(
        metrics=metrics,
        tables=[_table(metrics)],
        notes={
            "train_rows": len(train_rows),
            "train_bad": int(history.is_bad[train_rows].sum()),
            "test_rows": len(test_rows),
            "test_bad": int(history.is_bad[test_rows].sum()),
            "import_seconds": round(importing.seconds, 1) if is_new else None,
            "read_seconds": round(reading.seconds, 1),
            "feature_seconds": round(computing.seconds, 1),
            "training_seconds": round(training.seconds, 1),
            "peak_rss_mb": harness.peak_rss_mb(),
        },
    )


def _import(path: Path) -> bool:
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


def _read_history() -> History:
    orders = read_orders(since=BEGINS, before=ENDS)
    if len(orders) != TRANSACTIONS:
        raise SystemExit(
            f"The database has {len(orders):,} orders of 2018 instead of {TRANSACTIONS:,}: use an empty one."
        )
    labels = read_order_labels(before=timezone.now())
    return History(
        orders=orders,
        labels=labels,
        is_bad=_truth(orders, labels),
        day=orders.events.occurred_at // MICROSECONDS_PER_DAY,
        card=orders.events.keys[Entity.BUYER].values,
    )


def _truth(orders: OrderHistory, labels: LabelHistory) -> Flags:
    """Return (n_orders,) whether each proved bad; every transaction has a label."""
    return np.isin(orders.events.ids, labels.subject_ids[labels.events.passes[BAD.code]])


def _train_and_score(history: History, train_rows: Ints, matrix: Floats) -> Floats:
    """Train on the first rows of the matrix, return the scores of the others."""
    n_train = len(train_rows)
    data = TrainingSet(
        features=HANDBOOK_FEATURES,
        matrix=matrix[:n_train],
        is_bad=history.is_bad[train_rows],
        at=history.orders.events.occurred_at[train_rows],
    )
    model = train(data, recipe=HANDBOOK_RECIPE, schema_hash=schema_hash(HANDBOOK_FEATURES), num_threads=2)
    return model.scores(matrix[n_train:], num_threads=2)


def _judge(history: History, test_rows: Ints, score: Floats) -> dict[str, float]:
    is_bad = history.is_bad[test_rows]
    precision = card_precision_at_k(history.day[test_rows], history.card[test_rows], is_bad, score, k=CARDS)
    return {
        "auc": round(roc_auc(is_bad, score), 4),
        "average_precision": round(average_precision(is_bad, score), 4),
        "card_precision_100": round(precision, 4),
    }


def _table(metrics: dict[str, float]) -> harness.Rows:
    published = [(name, *figures) for name, figures in HANDBOOK_PUBLISHED.items()]
    return harness.Rows(
        "Train 2018-07-25…31, delay 7 days, test 2018-08-08…14",
        ("", "AUC", "average precision", "card precision@100"),
        [*published, ("Backoffice", *metrics.values())],
    )
