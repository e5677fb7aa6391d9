"""Import the Fraud Detection Handbook's transactions, train, and stand beside the published figures."""

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from benchmarks import handbook, harness
from benchmarks.handbook import Figures, History, Inputs
from ml.protocols import (
    HANDBOOK_CANDIDATES,
    HANDBOOK_FIRST_DAY,
    HANDBOOK_LOGISTIC,
    HANDBOOK_PLAIN,
    HANDBOOK_PUBLISHED,
    HANDBOOK_PUBLISHED_FOLDS,
    HANDBOOK_STUDY,
    HANDBOOK_TEST_DAYS,
    HANDBOOK_VALIDATION_DAYS,
    HANDBOOK_WEEK,
    DelayedSplit,
    Study,
)

Result = TypeVar("Result")

METRICS = ("auc", "average_precision", "card_precision_100")
HEADINGS = ("AUC", "average precision", "card precision@100")
# The gain of each step is between one of these and the next.
STEPS: Mapping[str, Study] = {"logistic": HANDBOOK_LOGISTIC, "plain": HANDBOOK_PLAIN, "": HANDBOOK_STUDY}
TITLES = {
    "logistic": "logistic regression, the book's inputs",
    "plain": "plain LightGBM, the book's inputs",
    "": "Backoffice",
}


@dataclass
class Clock:
    """Seconds of each part of a run."""

    seconds: dict[str, float | None]

    def time(self, part: str, work: Callable[[], Result]) -> Result:
        with harness.stopwatch() as watch:
            result = work()
        self.seconds[f"{part}_seconds"] = round(watch.seconds, 1)
        return result


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data", type=Path, default=handbook.PLACE, help="the Handbook's transactions.parquet"
    )
    protocol = parser.add_mutually_exclusive_group()
    protocol.add_argument("--prequential", action="store_true", help="the protocol of four test weeks")
    protocol.add_argument(
        "--validate",
        action="store_true",
        help="compare settings on the four earlier weeks; the test weeks are not looked at",
    )


def run(options: argparse.Namespace) -> harness.Report:
    """Import what is not there yet, compute the features from the database, train, judge later weeks."""
    if not options.data.is_file():
        raise SystemExit(f"Skipped: {options.data} is not here. Give its place with --data.")
    clock = Clock({})
    if not clock.time("import", lambda: handbook.import_transactions(options.data)):
        clock.seconds["import_seconds"] = None
    history = clock.time("read", handbook.read_history)
    if options.validate:
        return _validate(history, clock)
    return _prequential(history, clock) if options.prequential else _single_split(history, clock)


# ── One week ─────────────────────────────────────────────────────────────────────────────────────
def _single_split(history: History, clock: Clock) -> harness.Report:
    split = DelayedSplit(first_day=_day(str(HANDBOOK_FIRST_DAY)))
    inputs = clock.time("feature", lambda: Inputs.compute(history, [split], [HANDBOOK_WEEK]))
    scores = clock.time("training", lambda: handbook.score(history, inputs, split, HANDBOOK_WEEK))
    figures = handbook.judge(history, split, scores)
    rows = [
        *((name, *values) for name, values in HANDBOOK_PUBLISHED.items()),
        ("Backoffice", *astuple(figures)),
    ]
    title = "Train 2018-07-25…31, delay 7 days, test 2018-08-08…14"
    return harness.Report(
        metrics={name: round(getattr(figures, name), 4) for name in METRICS},
        tables=[harness.Rows(title, ("", *HEADINGS), rows)],
        notes=_counts(history, [split]) | clock.seconds | {"peak_rss_mb": harness.peak_rss_mb()},
    )


# ── Four weeks ───────────────────────────────────────────────────────────────────────────────────
def _prequential(history: History, clock: Clock) -> harness.Report:
    splits = _splits(HANDBOOK_TEST_DAYS)
    found = clock.time("feature", lambda: Inputs.compute(history, splits, STEPS.values()))
    folds = clock.time(
        "training", lambda: {name: _folds(history, found, splits, study) for name, study in STEPS.items()}
    )
    published = [(f"{name} (published)", *values) for name, values in HANDBOOK_PUBLISHED_FOLDS.items()]
    ours = [(TITLES[name], *_cells(figures)) for name, figures in folds.items()]
    weeks = [(day, *astuple(fold)) for day, fold in zip(HANDBOOK_TEST_DAYS, folds[""], strict=True)]
    return harness.Report(
        metrics=metrics_of(folds),
        tables=[
            harness.Rows("Mean over the four test weeks", ("", *HEADINGS), [*published, *ours]),
            harness.Rows("Backoffice, by first day of training", ("", *HEADINGS), weeks),
        ],
        notes=_counts(history, splits) | clock.seconds | {"peak_rss_mb": harness.peak_rss_mb()},
    )


def _validate(history: History, clock: Clock) -> harness.Report:
    """Print every candidate on the weeks that settings are chosen on."""
    splits = _splits(HANDBOOK_VALIDATION_DAYS)
    studies = {"logistic": HANDBOOK_LOGISTIC, "plain": HANDBOOK_PLAIN, **HANDBOOK_CANDIDATES}
    found = clock.time("feature", lambda: Inputs.compute(history, splits, studies.values()))
    folds = clock.time(
        "training", lambda: {name: _folds(history, found, splits, study) for name, study in studies.items()}
    )
    rows = [(name, *_cells(figures)) for name, figures in folds.items()]
    return harness.Report(
        metrics={},
        tables=[harness.Rows("Mean over the four validation weeks", ("", *HEADINGS), rows)],
        notes=_counts(history, splits) | clock.seconds | {"peak_rss_mb": harness.peak_rss_mb()},
    )


def _folds(
    history: History, inputs: Inputs, splits: Sequence[DelayedSplit], study: Study
) -> Sequence[Figures]:
    return [handbook.judge(history, split, handbook.score(history, inputs, split, study)) for split in splits]


def metrics_of(folds: Mapping[str, Sequence[Figures]]) -> dict[str, float]:
    """Return the metrics of each step, ours first and without a prefix, as means over the folds and `_sd`."""
    metrics: dict[str, float] = {}
    for step, figures in reversed(list(folds.items())):
        prefix = f"{step}_" if step else ""
        for name, (mean, deviation) in handbook.mean_and_deviation(figures, METRICS).items():
            metrics[f"{prefix}{name}"] = round(mean, 4)
            metrics[f"{prefix}{name}_sd"] = round(deviation, 4)
    return metrics


def _cells(figures: Sequence[Figures]) -> Iterator[str]:
    for mean, deviation in handbook.mean_and_deviation(figures, METRICS).values():
        yield f"{mean:.3f} ± {deviation:.3f}"


def _counts(history: History, splits: Sequence[DelayedSplit]) -> dict[str, harness.Value]:
    train_rows = np.concatenate([split.train_rows(history.day) for split in splits])
    test_rows = np.concatenate([history.test_rows(split) for split in splits])
    return {
        "train_rows": len(train_rows),
        "train_bad": int(history.is_bad[train_rows].sum()),
        "test_rows": len(test_rows),
        "test_bad": int(history.is_bad[test_rows].sum()),
    }


def _splits(days: Sequence[str]) -> list[DelayedSplit]:
    return [DelayedSplit(first_day=_day(day)) for day in days]


def _day(text: str) -> int:
    return int(np.datetime64(text, "D").astype(np.int64))
