"""Train on a million rows, score stored decisions end to end, and score one row; beside bare LightGBM.

The rows to learn from are made up: 60 inputs of the kinds that orders have (counts, amounts, shares,
flags), a third of them missing for some rows, 2 % bad, and a truth that bends and interacts. A million
are fitted, as many more on top are what the recipe holds back to calibrate on.

The decisions that are scored lie in the product's own table with its constraints and indexes: copies of
one real decision, under ids and vectors of their own. A vector has all the inputs of an order, of which the
model reads 60. `risk.shadow.score_recent` reads them, scores, and writes shadow scores; bare LightGBM
predicts the matrix of the same 60 inputs in memory, with the same number of threads, in turns with it.
"""

import argparse
import gc
import statistics
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from io import BytesIO
from typing import Any

import lightgbm
import numpy as np
from django.core.files.base import ContentFile
from django.db import connection, transaction
from django.utils import timezone

from benchmarks.harness import Report, Rows, peak_rss_mb, percentiles, stopwatch
from benchmarks.marketplace import prepare_marketplace
from core.actors import SYSTEM
from core.ids import new_id, new_ids
from merchants.models import Merchant
from ml.arrays import Floats, Ints
from ml.artifacts import ModelArtifact
from ml.datasets import TrainingSet
from ml.training import Recipe, train
from orders.placing import NewLine, NewOrder, Signals
from risk import shadow
from risk.inputs import current_inputs
from risk.models import Decision, ModelVersion, ShadowScore, Subject, TrainingRun

_SEED = 20_261_126
_FEATURES = 60
_BAD_SHARE = 0.02
_SINGLE_TURN = 50
_HISTORY = 40_000  # orders: of fewer, the later quarter holds too few bad ones to judge a model on
_LAST_NUMBER = 1_000_000  # of the model version, which nobody else has
_FEW = 100
_MARK = "bench-train"  # the code version of the copied decisions


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows that the trees are fitted on")
    parser.add_argument("--trees", type=int, default=200)
    parser.add_argument("--decisions", type=int, default=300_000, help="stored decisions to score")
    parser.add_argument("--repeats", type=int, default=3, help="passes; the median counts")
    parser.add_argument("--single", type=int, default=4_000, help="rows scored one by one")


def run(options: argparse.Namespace) -> Report:
    if connection.vendor != "postgresql":
        raise SystemExit("bin/bench train measures PostgreSQL: set DATABASE_URL.")
    random = np.random.default_rng(_SEED)
    artifact, train_seconds, parts = _train(options, random)
    trained_mb = peak_rss_mb()
    booster = _bare(artifact)
    batch = _measure_batch(options, random, artifact, booster)
    ours, theirs = _measure_single(options, random, artifact, booster)
    end_to_end, bare = (statistics.median(seconds) for seconds in batch)
    metrics = {
        "train_seconds": round(train_seconds, 2),
        "batch_rows_per_s": round(options.decisions / end_to_end),
        "batch_over_bare": round(end_to_end / bare, 2),
        "single_row_speedup": round(percentiles(theirs)["p50"] / percentiles(ours)["p50"], 2),
    }
    return Report(
        metrics=metrics,
        tables=_tables(options, batch, ours, theirs, parts, train_seconds),
        notes={
            "peak_rss_mb_of_training": trained_mb,
            "trees": booster.num_trees(),
            "threads": shadow.THREADS,
        },
    )


# ── Training ─────────────────────────────────────────────────────────────────────────────────────
def _train(
    options: argparse.Namespace, random: np.random.Generator
) -> tuple[ModelArtifact, float, dict[str, Any]]:
    # No rows are held back to stop on, so that every one of the trees is grown.
    recipe = Recipe(max_rounds=options.trees, stop_share=0.0, parameters={"num_leaves": 31})
    rows = round(options.rows / (1 - recipe.calibrate_share))
    data = _make_training_set(rows, random)
    _, schema_hash = current_inputs(Subject.ORDER)
    gc.collect()
    with stopwatch() as watch:
        artifact = train(data, recipe=recipe, schema_hash=schema_hash, num_threads=2)
    return artifact, watch.seconds, dict(artifact.metadata["parts"])


def _make_training_set(rows: int, random: np.random.Generator) -> TrainingSet:
    names = current_inputs(Subject.ORDER)[0][:_FEATURES]
    matrix = _make_matrix(rows, _FEATURES, random)
    signal = np.nan_to_num(matrix[:, :12])
    log_odds = (
        0.8 * np.log1p(np.abs(signal[:, 0]))
        + 0.5 * (signal[:, 1] > 2) * (signal[:, 4] > 0.3)
        - 0.4 * np.log1p(np.abs(signal[:, 2]))
        + 0.3 * np.isnan(matrix[:, 5])
        + random.normal(0, 0.7, rows)
    )
    cut = np.quantile(log_odds, 1 - _BAD_SHARE)
    is_bad = random.random(rows) < 1 / (1 + np.exp(-3 * (log_odds - cut)))
    return TrainingSet(names, matrix, is_bad, at=np.arange(rows, dtype=np.int64) * 1_000_000)


def _make_matrix(rows: int, columns: int, random: np.random.Generator) -> Floats:
    """Return inputs as orders have them: counts, amounts, shares and flags by turns, some missing."""
    matrix = np.empty((rows, columns))
    for column in range(columns):
        kind = column % 4
        if kind == 0:
            values = random.poisson(1 + column / 10, rows).astype(np.float64)
        elif kind == 1:
            values = np.round(random.lognormal(2.0, 1.2, rows), 2)
        elif kind == 2:
            values = random.beta(1.5, 4.0, rows)
        else:
            values = (random.random(rows) < 0.2).astype(np.float64)
        if column % 3 == 2:  # a history that new buyers, cards and devices do not have
            values[random.random(rows) < 0.05 + 0.01 * (column % 50)] = np.nan
        matrix[:, column] = values
    return matrix


def _bare(artifact: ModelArtifact) -> lightgbm.Booster:
    (text,) = artifact.estimator.as_json()["models"]
    return lightgbm.Booster(model_str=text)


# ── Batch ────────────────────────────────────────────────────────────────────────────────────────
def _measure_batch(
    options: argparse.Namespace,
    random: np.random.Generator,
    artifact: ModelArtifact,
    booster: lightgbm.Booster,
) -> tuple[list[float], list[float]]:
    """Return the seconds of each pass, end to end and bare."""
    now = timezone.now()
    _clear()
    version = _store(artifact, made_at=now - timedelta(days=2))
    names, _ = current_inputs(Subject.ORDER)
    matrix = _make_matrix(options.decisions, len(names), random)
    ids = _fill(matrix, since=now - timedelta(days=1), until=now - timedelta(hours=1))
    used = np.ascontiguousarray(matrix[:, :_FEATURES])
    ours, bare = [], []
    try:
        for _ in range(options.repeats):
            with connection.cursor() as cursor:
                cursor.execute(f"TRUNCATE {ShadowScore._meta.db_table}")
            with stopwatch() as watch:
                shadow.score_recent(at=now, within=timedelta(minutes=10))
            scored = ShadowScore.objects.filter(model=version).count()
            # The decision that was copied, and those of earlier runs, are scored too.
            if not options.decisions < scored < options.decisions + _FEW:
                raise SystemExit(f"{scored} decisions were scored, not {options.decisions}.")
            ours.append(watch.seconds)
            with stopwatch() as watch:
                booster.predict(used, num_threads=shadow.THREADS)
            bare.append(watch.seconds)
        _require_equal(version, ids, artifact.scores(used, num_threads=shadow.THREADS))
    finally:
        _clear()
    return ours, bare


def _store(artifact: ModelArtifact, *, made_at: datetime) -> ModelVersion:
    training = TrainingRun.objects.create(subject=Subject.ORDER, as_of=made_at, status="finished")
    version = ModelVersion(
        subject=Subject.ORDER,
        number=_LAST_NUMBER,
        kind=artifact.kind.value,
        status="shadow",
        sha256=artifact.sha256,
        feature_hash=artifact.schema_hash,
        training=training,
    )
    version.artifact.save(f"bench-{version.pk}.json", ContentFile(artifact.to_bytes()), save=False)
    version.save(force_insert=True)
    ModelVersion.objects.filter(pk=version.pk).update(created_at=made_at)
    return version


def _fill(matrix: Floats, *, since: datetime, until: datetime) -> Ints:
    """Copy one real decision as often as there are vectors, in the order of time; return the ids."""
    template = _decide_one()
    moments = np.linspace(since.timestamp() * 1_000, until.timestamp() * 1_000, len(matrix)).astype(np.int64)
    ids = np.sort(new_ids(moments, seed=_SEED))
    own = {"id": "fresh.id", "subject_id": "fresh.id", "features": "fresh.features", "code_version": "%s"}
    fields = [str(field.column) for field in Decision._meta.concrete_fields]
    chosen = ", ".join(own.get(name, f"one.{name}") for name in fields)
    table = Decision._meta.db_table
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE fresh (id bigint, features bytea) ON COMMIT DROP")
        for start in range(0, len(matrix), 50_000):
            rows = zip(ids[start : start + 50_000].tolist(), matrix[start : start + 50_000], strict=True)
            text = "".join(
                rf"{id}	\\x{vector.astype('<f8').tobytes().hex()}" + "\n" for id, vector in rows
            )
            cursor.copy_expert("COPY fresh FROM STDIN", BytesIO(text.encode()))
        cursor.execute(
            f"INSERT INTO {table} ({', '.join(fields)}) SELECT {chosen} FROM fresh, {table} AS one"
            " WHERE one.id = %s ORDER BY fresh.id",
            [_MARK, template.pk],
        )
    with connection.cursor() as cursor:
        # VACUUM has no place in a transaction. It does what autovacuum does after such a load.
        cursor.execute(f"VACUUM (ANALYZE) {table}")
    return ids


def _decide_one() -> Decision:
    """Return the decision on an order of the sample marketplace, judged by its rules and its model."""
    from intake.pipeline import submit_order

    prepare_marketplace(orders=_HISTORY, rules=50, seed=_SEED)
    merchant = Merchant.objects.filter(status="active").order_by("id").first()
    assert merchant is not None
    at = timezone.now()
    order = NewOrder(
        external_id=f"bench-train-{new_id()}",
        currency="CNY",
        lines=(NewLine("Tea pot", 1, 4_990),),
        placed_at=at,
        signals=Signals(buyer="buyer-1", device="device-1", card="card-1", ip="192.0.2.1"),
    )
    decision = submit_order(merchant, order, actor=SYSTEM, at=at).decision
    assert decision is not None
    return decision


def _clear() -> None:
    """Take out what an earlier run or this one has put in."""
    ModelVersion.objects.filter(artifact__startswith="models/bench-").delete()
    Decision.objects.filter(code_version=_MARK).delete()


def _require_equal(version: ModelVersion, ids: Ints, expected: Floats) -> None:
    stored = dict(ShadowScore.objects.filter(model=version).values_list("decision_id", "score"))
    if [stored.get(id) for id in ids.tolist()] != expected.tolist():
        raise SystemExit("What was stored is not what the model says of the vectors.")


# ── One row ──────────────────────────────────────────────────────────────────────────────────────
def _measure_single(
    options: argparse.Namespace,
    random: np.random.Generator,
    artifact: ModelArtifact,
    booster: lightgbm.Booster,
) -> tuple[list[float], list[float]]:
    """Return the microseconds of each row: margin and calibration here, `Booster.predict` there.

    predict is called as it comes, with a matrix of one row.
    """
    vectors = list(_make_matrix(options.single, _FEATURES, random))
    ours: list[float] = []
    theirs: list[float] = []
    for start in range(0, len(vectors), _SINGLE_TURN):
        turn = vectors[start : start + _SINGLE_TURN]
        ours += _time_each(turn, artifact.score)
        theirs += _time_each(turn, lambda vector: booster.predict(vector[np.newaxis]))
    return ours, theirs


def _time_each(vectors: list[Floats], score: Callable[[Floats], object]) -> list[float]:
    spent = []
    for vector in vectors:
        started = time.perf_counter()
        score(vector)
        spent.append((time.perf_counter() - started) * 1e6)
    return spent


# ── Tables ───────────────────────────────────────────────────────────────────────────────────────
def _tables(
    options: argparse.Namespace,
    batch: tuple[list[float], list[float]],
    ours: list[float],
    theirs: list[float],
    parts: dict[str, Any],
    train_seconds: float,
) -> list[Rows]:
    rows = options.decisions
    return [
        Rows(
            f"Training, {options.trees} trees × 31 leaves, {_FEATURES} inputs",
            ("rows fitted", "rows calibrated on", "bad", "seconds"),
            [(parts["fit"]["rows"], parts["calibrate"]["rows"], parts["fit"]["bad"], train_seconds)],
        ),
        Rows(
            f"{rows:,} stored decisions",
            ("pass", "read, score, write s", "rows/s", "bare predict s", "bare rows/s"),
            [
                (f"{number}", mine, rows / mine, bare, rows / bare)
                for number, (mine, bare) in enumerate(zip(*batch, strict=True), 1)
            ],
        ),
        Rows(
            "One row, µs",
            ("", "p50", "p99"),
            [
                (name, *percentiles(spent).values())
                for name, spent in (("score, calibrated", ours), ("Booster.predict", theirs))
            ],
        ),
    ]
