"""One import from file to finished batch: open, check, apply chunk by chunk, and say what happened."""

import logging
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
from django.conf import settings
from django.core.files import File
from django.db import IntegrityError, OperationalError, transaction
from django.utils import timezone

from core import audit, journal
from core.actors import Actor
from core.errors import DomainError
from core.refs import Ref
from intake.models import ImportBatch, ImportStatus
from orders.models import Order, OrderKey, OrderLine
from risk import rollups
from risk.features.tables import LABEL_KEYS, ORDER_KEYS
from risk.models import Label

from .conforming import Conformed, conform
from .mapping import ImportMapping, load_mapping
from .merchants import Directory, read_listings
from .problems import PROBLEM_SCHEMA, ErrorFile, make_problems
from .refusals import ImportRefused
from .sources import POSITION, ROW, Source, content_hash, find_files, frames_as_files, open_source
from .tables import COMPARED, add_fingerprints, add_ids, build_tables, label_rows
from .writing import Writer, choose_writer

logger = logging.getLogger(__name__)

Progress = Callable[[int, int], None]  # orders done, orders in the source

# About 40 MB per chunk at the widest mapping; two are in memory, one being read and one being written.
CHUNK_ORDERS = 50_000
# A batch without a sign of life for this long was killed (states.md §8: beat 30 s, requeue after 2 min).
HEARTBEAT_LIMIT = timedelta(minutes=2)
_ATTEMPTS = 5


def run_import(
    path: Path,
    mapping: str | ImportMapping,
    *,
    actor: Actor,
    at: datetime,
    progress: Progress | None = None,
    dry_run: bool = False,
    limit: int | None = None,
) -> ImportBatch:
    """Import a file or a folder; return its finished batch, unsaved after a dry run.

    ImportRefused before anything is written if a file, a column or the mapping
    is wrong. Bad rows go to the batch's error file, good ones are applied in
    chunks of one transaction each: a run that was killed is simply run again.
    """
    mapping = load_mapping(mapping) if isinstance(mapping, str) else mapping
    _check_base_currency(mapping)
    files = find_files(path, mapping)
    source = open_source(files, mapping, limit=limit)
    batch = _new_batch(mapping, path.name, content_hash(path, mapping), actor)
    return _Run(source, mapping, batch, actor=actor, at=at, progress=progress, dry_run=dry_run).finish()


def import_frames(
    frames: Mapping[str, pl.DataFrame],
    mapping: str | ImportMapping,
    *,
    actor: Actor,
    at: datetime,
    progress: Progress | None = None,
    name: str = "frames",
) -> ImportBatch:
    """Import frames in memory, named like the mapping's files; otherwise as `run_import`."""
    mapping = load_mapping(mapping) if isinstance(mapping, str) else mapping
    _check_base_currency(mapping)
    source = open_source(frames_as_files(frames), mapping, limit=None)
    batch = _new_batch(mapping, name, "", actor)
    return _Run(source, mapping, batch, actor=actor, at=at, progress=progress, dry_run=False).finish()


@dataclass(frozen=True, eq=False)
class _Chunk:
    """Orders read and checked, not yet looked up. `originals` are the rows as the source has them."""

    originals: pl.DataFrame
    orders: pl.DataFrame
    lines: pl.DataFrame
    problems: pl.DataFrame


@dataclass(frozen=True, eq=False)
class _Outcome:
    """What applying one chunk did."""

    applied: int
    known: int
    labels: int
    problems: pl.DataFrame


class _Run:
    """The state of one running import."""

    def __init__(
        self,
        source: Source,
        mapping: ImportMapping,
        batch: ImportBatch,
        *,
        actor: Actor,
        at: datetime,
        progress: Progress | None,
        dry_run: bool,
    ) -> None:
        self._source = source
        self._mapping = mapping
        self._batch = batch
        self._actor = actor
        self._at = at
        self._progress = progress
        self._dry_run = dry_run
        self._writer: Writer = choose_writer()
        self._directory = Directory(mapping, at=at)
        self._listings = read_listings(mapping)
        columns = [name for name in source.orders.collect_schema() if name != ROW]
        self._errors = ErrorFile(columns, source.names)

    def finish(self) -> ImportBatch:
        self._start()
        try:
            self._apply_all()
        except BaseException as error:
            self._fail(error)
            raise
        self._complete()
        return self._batch

    def _start(self) -> None:
        batch = self._batch
        batch.rows_total, batch.source_rows = self._source.height, self._source.source_rows
        batch.status = ImportStatus.APPLYING
        if not self._dry_run:
            _close_interrupted(batch)
            batch.save(force_insert=True)

    def _apply_all(self) -> None:
        if self._source.merchants is not None and self._mapping.merchants.create:
            with transaction.atomic():
                self._directory.create_listed(self._source.merchants)
                transaction.set_rollback(self._dry_run)
        self._errors.add(self._orphans(), self._source.no_orders())
        done = 0
        for chunk in self._prepared():
            outcome = self._apply(chunk)
            self._errors.add(outcome.problems, chunk.originals)
            self._count(outcome)
            done += chunk.originals.height
            if self._progress:
                self._progress(done, self._source.height)

    def _prepared(self) -> Iterator[_Chunk]:
        """Read and check the next chunk while the database takes the one before."""
        chunks = self._source.chunks(CHUNK_ORDERS)
        with ThreadPoolExecutor(1, thread_name_prefix="import") as pool:
            pending = pool.submit(self._prepare, chunks)
            while (chunk := pending.result()) is not None:
                pending = pool.submit(self._prepare, chunks)
                yield chunk

    def _prepare(self, chunks: Iterator[tuple[pl.DataFrame, pl.DataFrame | None]]) -> _Chunk | None:
        read = next(chunks, None)
        if read is None:
            return None
        originals, lines = read
        first = originals[POSITION][0]
        repeated = self._source.repeated.slice(first, originals.height)
        conformed: Conformed = conform(originals, lines, repeated, self._mapping, at=self._at)
        orders = add_fingerprints(conformed.orders)
        return _Chunk(originals, orders, conformed.lines, conformed.problems)

    def _apply(self, chunk: _Chunk) -> _Outcome:
        """Write one chunk in one transaction; look and write again if another import was faster."""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                with transaction.atomic():
                    outcome = self._write(chunk)
                    self._beat(outcome)
                    transaction.set_rollback(self._dry_run)
            except (IntegrityError, OperationalError):
                # A number or id was taken between our look and our write, or two imports met in a deadlock.
                if attempt == _ATTEMPTS:
                    raise
                logger.warning("import_chunk_retried", extra={"batch": self._batch.pk, "attempt": attempt})
                self._directory.forget()
            else:
                if self._dry_run:
                    self._directory.forget()
                return outcome
        raise AssertionError("unreachable")

    def _write(self, chunk: _Chunk) -> _Outcome:
        orders = self._directory.resolve(chunk.orders)
        unknown = orders.filter(pl.col("merchant_id").is_null())
        orders = orders.filter(pl.col("merchant_id").is_not_null())
        known = self._find_known(orders)
        different, same = _compare(orders, known, file=self._mapping.orders.file)
        labels, disputed = self._new_labels(same)
        fresh = add_ids(orders.join(known, on=["merchant_id", "external_id"], how="anti"))
        tables = build_tables(fresh, chunk.lines, self._listings, batch_id=self._batch.pk, at=self._at)
        label_count = tables.labels.height + labels.height
        if not self._dry_run:
            # Keys first: where two imports meet, the second waits here, before it has written much.
            self._writer.insert(OrderKey, tables.keys)
            self._writer.insert(Order, tables.orders)
            self._writer.insert(OrderLine, tables.lines)
            labels = pl.concat([tables.labels, labels])
            self._writer.insert(Label, labels)
            _forget_rollups(tables.orders, labels)
        strangers = make_problems(
            unknown, column=self._merchant_column, code="unknown_merchant", file=self._mapping.orders.file
        )
        problems = pl.concat([chunk.problems, strangers, different, disputed])
        unchanged = same.height - disputed[POSITION].n_unique()
        return _Outcome(fresh.height, unchanged, label_count, problems)

    def _find_known(self, orders: pl.DataFrame) -> pl.DataFrame:
        """Return what is stored of these orders.

        A merchant that had none before is not asked about; should another import
        bring some meanwhile, their keys collide and the chunk is written again.
        """
        return self._writer.find_orders(orders.filter("had_orders").select("merchant_id", "external_id"))

    def _new_labels(self, known: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Return labels that known orders did not have yet, and the problems of those that contradict."""
        labelled = known.filter(pl.col("is_bad").is_not_null() & (pl.col("label_known_at") <= self._at))
        stored = self._writer.find_labels(labelled) if labelled.height else None
        if stored is None:
            return label_rows(labelled, at=self._at), self._disputed(labelled)
        both = labelled.join(stored, on=["id", "label_source"], how="left", maintain_order="left")
        fresh = both.filter(pl.col("known_is_bad").is_null())
        disputed = both.filter(pl.col("known_is_bad") != pl.col("is_bad").cast(pl.Int64))
        return label_rows(fresh, at=self._at), self._disputed(disputed)

    def _disputed(self, orders: pl.DataFrame) -> pl.DataFrame:
        column = self._mapping.label.is_bad if self._mapping.label else ""
        return make_problems(
            orders, column=column, code="already_exists_different", file=self._mapping.orders.file
        )

    def _orphans(self) -> pl.DataFrame:
        orphans, part = self._source.orphans, self._mapping.lines.part
        if part is None or orphans.is_empty():
            return PROBLEM_SCHEMA.to_frame()
        column = self._mapping.lines.order_column
        return make_problems(orphans, column=column, code="no_order", file=part.file)

    @property
    def _merchant_column(self) -> str:
        return self._mapping.orders.columns.get("merchant_ref", self._mapping.lines.split_by)

    def _beat(self, outcome: _Outcome) -> None:
        """Store how far the batch is, in the chunk's own transaction."""
        batch = self._batch
        ImportBatch.objects.filter(pk=batch.pk).update(
            rows_applied=batch.rows_applied + outcome.applied,
            rows_known=batch.rows_known + outcome.known,
            labels_applied=batch.labels_applied + outcome.labels,
            heartbeat_at=timezone.now(),
        )

    def _count(self, outcome: _Outcome) -> None:
        batch = self._batch
        batch.rows_applied += outcome.applied
        batch.rows_known += outcome.known
        batch.labels_applied += outcome.labels
        batch.rows_failed = self._errors.failed_orders

    def _complete(self) -> None:
        batch = self._batch
        batch.problem_counts = dict(self._errors.counts)
        has_problems = bool(self._errors.counts)
        batch.status = ImportStatus.COMPLETED_WITH_ERRORS if has_problems else ImportStatus.COMPLETED
        batch.finished_at = batch.heartbeat_at = timezone.now()
        self._keep_error_file()
        if self._dry_run:
            return
        with journal.unit():
            batch.save()
            audit.record(
                "import.applied",
                actor=self._actor,
                subject=Ref("import_batch", batch.pk),
                detail=_summary(batch),
            )

    def _fail(self, error: BaseException) -> None:
        self._keep_error_file()
        if self._dry_run:
            return
        batch = self._batch
        batch.status, batch.finished_at = ImportStatus.FAILED, timezone.now()
        batch.message = (
            error.message
            if isinstance(error, DomainError)
            else f"{type(error).__name__}: it stopped half-way; import it again."
        )
        batch.save()

    def _keep_error_file(self) -> None:
        path = self._errors.path
        if path is None:
            return
        with path.open("rb") as stream:
            self._batch.error_file.save(f"{self._batch.pk}-errors.csv", File(stream), save=False)
        path.unlink()


def _forget_rollups(orders: pl.DataFrame, labels: pl.DataFrame) -> None:
    """Have the rollups of everyone in the rows built again: imported history is older than they are."""
    keys = {
        entity: {
            *orders[column].drop_nulls().unique(),
            *(labels[column].drop_nulls().unique() if entity in LABEL_KEYS else ()),
        }
        for entity, column in ORDER_KEYS.items()
    }
    rollups.forget(keys)


def _compare(orders: pl.DataFrame, known: pl.DataFrame, *, file: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the problems of orders that are stored differently, and the rows of those that are the same."""
    stored = known.rename({name: f"stored.{name}" for name in COMPARED})
    both = orders.join(stored, on=["merchant_id", "external_id"], how="inner", maintain_order="left")
    differs = [(name, both.filter(pl.col(name).ne_missing(pl.col(f"stored.{name}")))) for name in COMPARED]
    problems = [
        make_problems(rows, column=name, code="already_exists_different", file=file) for name, rows in differs
    ]
    found = pl.concat(problems)
    return found, both.join(found.select(POSITION).unique(), on=POSITION, how="anti")


def _check_base_currency(mapping: ImportMapping) -> None:
    base = mapping.base_currency or settings.BASE_CURRENCY
    if mapping.rates and base != settings.BASE_CURRENCY:
        raise ImportRefused(
            f"The mapping's rates are to {base}, but sums here are in {settings.BASE_CURRENCY}.",
            code="wrong_base_currency",
        )


def _new_batch(mapping: ImportMapping, file_name: str, sha256: str, actor: Actor) -> ImportBatch:
    return ImportBatch(
        mapping=mapping.name[:40],
        mapping_hash=mapping.content_hash,
        file_name=file_name[:200],
        content_sha256=sha256,
        heartbeat_at=timezone.now(),
        created_by_id=int(actor.id) if actor.kind == "user" else None,
    )


def _close_interrupted(batch: ImportBatch) -> None:
    """Close earlier runs of the same file that were killed; what they wrote stays and is found again."""
    if batch.content_sha256:
        ImportBatch.objects.filter(
            content_sha256=batch.content_sha256,
            mapping_hash=batch.mapping_hash,
            status__in=[ImportStatus.VALIDATING, ImportStatus.APPLYING],
            heartbeat_at__lt=timezone.now() - HEARTBEAT_LIMIT,
        ).update(status=ImportStatus.FAILED, message="It was interrupted; a later import took it up.")


def _summary(batch: ImportBatch) -> dict[str, object]:
    return {
        "mapping": batch.mapping,
        "content_sha256": batch.content_sha256,
        "rows_total": batch.rows_total,
        "rows_applied": batch.rows_applied,
        "rows_known": batch.rows_known,
        "rows_failed": batch.rows_failed,
        "labels_applied": batch.labels_applied,
    }
