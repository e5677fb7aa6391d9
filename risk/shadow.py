"""Score live decisions with the shadow models, after the commit and beside the traffic."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import cache

import numpy as np
from django.db import connection, transaction
from django.db.models import Exists, Max, OuterRef, QuerySet
from django.utils import timezone

from core.bulk import insert_arrays
from core.ids import first_id_at, moment_of, new_ids
from core.locks import try_lock

from .inputs import input_names_of, is_declared
from .live import load_version
from .models import Decision, ModelStatus, ModelVersion, ShadowScore
from .scoring import LiveModel
from .vectors import Floats, Ints, read_vectors

WINDOW = timedelta(days=7)
# One commit: what a killed worker does again takes half a second.
BATCH = 60_000
# Some 15 MB of vectors: as many are read, and as many scores written, while the model is at the ones between.
CHUNK = 10_000
# A tick after a standstill works at full speed and is over before the next one comes.
BUDGET = timedelta(seconds=20)
THREADS = 2
# A decision's id is older than its commit. What commits later than this after ids that are scored already is
# left to nobody: a transaction of the pipeline takes milliseconds, and its statements time out far earlier.
_LATEST_COMMIT = timedelta(hours=1)


def score_recent(*, at: datetime, within: timedelta = BUDGET) -> int:
    """Give each recent decision the score of every shadow model that lacks it; return how many.

    Batch after batch, each a transaction of its own, until nothing is left or
    the time is used up, which the shadow models share.
    """
    shadows = list(ModelVersion.objects.filter(status=ModelStatus.SHADOW).order_by("id"))
    stop, scored = time.monotonic(), 0
    for version in shadows:
        stop += within.total_seconds() / len(shadows)
        scored += _score_with(version, since=at - WINDOW, stop=stop)
    return scored


def _score_with(version: ModelVersion, *, since: datetime, stop: float) -> int:
    if not is_declared(version.subject, version.feature_hash):
        return 0  # no decision is made with its inputs any more
    scored, load = 0, cache(load_version)  # not before there is something to score
    # Only traffic that came after the model was made: on older decisions it would be judged on what it saw.
    start = first_id_at(max(since, version.created_at))
    is_first = True
    while True:
        with transaction.atomic():
            # Whoever scores with this model is alone at it, so that no pair is written twice.
            if not try_lock(f"shadow:{version.pk}") or not _hold(version):
                return scored
            if is_first:
                start, is_first = max(start, _resume_at(version)), False
            done, start = _score_batch(version, load, start)
        scored += done
        if done < BATCH or time.monotonic() >= stop:
            return scored


def _score_batch(
    version: ModelVersion, load: Callable[[ModelVersion], LiveModel], start: int
) -> tuple[int, int]:
    """Score a batch in the caller's transaction; return how many, and the id to go on at.

    The database and the trees work at the same time: while a chunk is scored
    in another thread, this one writes the scores before it and reads the
    vectors after it.
    """
    scored, waiting = 0, None
    with ThreadPoolExecutor(max_workers=1) as trees:
        for ids, matrix in _chunks(version, start):
            scores = trees.submit(load(version).scores, matrix, version.feature_hash, num_threads=THREADS)
            if waiting is not None:
                _write(version, waiting[0], waiting[1].result())
            waiting = ids, scores
            scored, start = scored + len(ids), int(ids[-1]) + 1
        if waiting is not None:
            _write(version, waiting[0], waiting[1].result())
    return scored, start


def _chunks(version: ModelVersion, start: int) -> Iterator[tuple[Ints, Floats]]:
    """Yield (ids, vectors) of what lacks a score from this id on, in the order of ids, up to a batch."""
    width = len(input_names_of(version.subject, version.feature_hash))
    left = BATCH
    while left > 0:
        limit = min(CHUNK, left)
        ids, matrix = read_vectors(_unscored(version, start, limit), width=width)
        if len(ids):
            yield ids, matrix
        if len(ids) < limit:
            return
        left, start = left - limit, int(ids[-1]) + 1


def _hold(version: ModelVersion) -> bool:
    """Keep the model's row from being deleted until the transaction ends; False if it is gone already."""
    held = " FOR KEY SHARE" if connection.vendor == "postgresql" else ""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT 1 FROM {version._meta.db_table} WHERE id = %s{held}", [version.pk])  # noqa: S608
        return cursor.fetchone() is not None


def _unscored(version: ModelVersion, start: int, limit: int) -> QuerySet[Decision]:
    scored = ShadowScore.objects.filter(model=version, decision_id=OuterRef("pk"), decision_id__gte=start)
    return Decision.objects.filter(
        ~Exists(scored), subject_kind=version.subject, feature_hash=version.feature_hash, id__gte=start
    ).order_by("id")[:limit]


def _resume_at(version: ModelVersion) -> int:
    """Return the id before which every decision is scored; they are scored in their order."""
    last = ShadowScore.objects.filter(model=version).aggregate(last=Max("decision_id"))["last"]
    return 0 if last is None else first_id_at(moment_of(last) - _LATEST_COMMIT)


def _write(version: ModelVersion, decision_ids: Ints, scores: Floats) -> None:
    now, n = timezone.now(), len(decision_ids)
    columns = {
        "id": np.sort(new_ids(np.full(n, int(now.timestamp() * 1_000)))),
        "decision_id": decision_ids,
        "model_id": np.full(n, version.pk),
        "score": scores,
        "created_at": np.full(n, np.datetime64(now.astimezone(UTC).replace(tzinfo=None), "us")),
    }
    insert_arrays(ShadowScore, columns)
