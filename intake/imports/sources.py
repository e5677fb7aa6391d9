"""Sources: the files of an import as frames, columns checked, joined and filtered as the mapping says."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from hashlib import sha256
from pathlib import Path

import fastexcel
import numpy as np
import polars as pl

from .mapping import FilePart, ImportMapping
from .reading import as_text
from .refusals import ImportRefused

# Columns that the importer adds; no file's own column starts like this.
# As a person counts rows in the file: those of a CSV or a sheet from 2, after the header; others from 1.
ROW = "import.row"
POSITION = "import.position"  # of the order in the source, from 0, after filters and splitting
_SUFFIXES = (".parquet", ".csv", ".xlsx")
_HASH_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class SourceFile:
    """One file, or one frame in memory, that is read when it is asked for; it may have ROW already."""

    name: str
    frame: pl.LazyFrame

    @cached_property
    def columns(self) -> list[str]:
        return [name for name in self.frame.collect_schema().names() if name != ROW]


@dataclass(frozen=True, eq=False)
class Source:
    """What an import reads. Orders are cut into chunks, so that only one chunk is in memory at a time.

    orders      one row per order of ours: filtered, joined, split by seller
    lines       every line with its order's POSITION, in that order; None if the mapping makes them up
    orphans     rows of the lines file that belong to no order
    repeated    (n_orders,) True where an earlier row has the same order number
    """

    orders: pl.LazyFrame
    height: int
    source_rows: int
    lines: pl.DataFrame | None
    orphans: pl.DataFrame
    merchants: pl.DataFrame | None
    repeated: pl.Series
    names: Mapping[str, str]

    def chunks(self, size: int) -> Iterator[tuple[pl.DataFrame, pl.DataFrame | None]]:
        """Yield (orders, their lines), `size` orders at a time."""
        for start in range(0, self.height, size):
            orders = self.orders.slice(start, size).collect().with_row_index(POSITION, offset=start)
            if ROW not in orders.columns:
                orders = orders.with_columns((pl.col(POSITION) + 1).alias(ROW))
            yield orders, self._lines_between(start, start + size)

    def no_orders(self) -> pl.DataFrame:
        """Return a chunk without rows."""
        return self.orders.head(0).collect().with_row_index(POSITION)

    def _lines_between(self, start: int, stop: int) -> pl.DataFrame | None:
        if self.lines is None:
            return None
        positions = self.lines[POSITION].to_numpy()
        first, last = np.searchsorted(positions, [start, stop])
        return self.lines.slice(int(first), int(last - first))


def open_source(files: Mapping[str, SourceFile], mapping: ImportMapping, *, limit: int | None) -> Source:
    """Return the source; ImportRefused names the file or column that is missing, before a row is read."""
    _check_columns(files, mapping)
    orders = _assemble(files, mapping.orders)
    if limit is not None:
        orders = orders.head(limit)
    source_rows = orders.select(pl.len()).collect().item()
    lines = _read_lines(files, mapping)
    if lines is not None and mapping.lines.split_by:
        orders = _split(orders, lines, mapping).lazy()
    height = orders.select(pl.len()).collect().item()
    placed, orphans = (None, pl.DataFrame()) if lines is None else _place(orders, lines, mapping)
    part = mapping.merchants.part
    return Source(
        orders=orders,
        height=height,
        source_rows=source_rows,
        lines=placed,
        # A file cut short by `limit` leaves lines without orders, and that is no fault of theirs.
        orphans=orphans if limit is None else orphans.clear(),
        merchants=_assemble(files, part).collect() if part else None,
        repeated=_find_repeated(orders, mapping),
        names={name: file.name for name, file in files.items()},
    )


def find_files(path: Path, mapping: ImportMapping) -> dict[str, SourceFile]:
    """Return the files a mapping names, from a folder, or the single file as its orders."""
    if not path.exists():
        raise ImportRefused(f"There is no file or folder {path}.", code="file_not_found")
    if path.is_file():
        return {mapping.orders.file: open_file(path)}
    found = {}
    for name in sorted(_file_names(mapping)):
        paths = [path / f"{name}{suffix}" for suffix in _SUFFIXES if (path / f"{name}{suffix}").is_file()]
        if len(paths) > 1:
            raise ImportRefused(f"{path} holds “{name}” in several formats.", code="ambiguous_file")
        if paths:
            found[name] = open_file(paths[0])
    return found


def frames_as_files(frames: Mapping[str, pl.DataFrame]) -> dict[str, SourceFile]:
    """Return frames in memory as if they had been read from files."""
    return {name: SourceFile(name, frame.lazy()) for name, frame in frames.items()}


def open_file(path: Path) -> SourceFile:
    """Return a file by its suffix; text formats are read as text, so that no id loses a digit or a zero."""
    suffix = path.suffix.lower()
    if suffix not in _SUFFIXES:
        raise ImportRefused(f"{path.name} is none of {', '.join(_SUFFIXES)}.", code="unknown_format")
    try:
        if suffix == ".parquet":
            frame = pl.scan_parquet(path)
            frame.collect_schema()
            return SourceFile(path.name, frame)
        return SourceFile(path.name, _without_blank_rows(_read_text(path)).lazy())
    except pl.exceptions.NoDataError:
        raise ImportRefused(f"{path.name} is empty.", code="empty_file") from None
    except (pl.exceptions.PolarsError, fastexcel.FastExcelError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ImportRefused(f"{path.name} cannot be read: {reason}.", code="unreadable_file") from None


def content_hash(path: Path, mapping: ImportMapping) -> str:
    """Return the sha256 over the bytes of every file that is read."""
    digest = sha256()
    for file in [path] if path.is_file() else sorted(path.iterdir()):
        if file.is_file() and (file == path or file.stem in _file_names(mapping)):
            digest.update(file.name.encode())
            with file.open("rb") as stream:
                while chunk := stream.read(_HASH_CHUNK_BYTES):
                    digest.update(chunk)
    return digest.hexdigest()


def _read_text(path: Path) -> pl.DataFrame:
    if path.suffix.lower() == ".xlsx":
        return fastexcel.read_excel(path).load_sheet(0, dtypes="string").to_polars()
    return pl.read_csv(path, infer_schema=False)


def _without_blank_rows(frame: pl.DataFrame) -> pl.DataFrame:
    """Number the rows, then leave out those without any cell: people end files with empty lines."""
    return frame.with_row_index(ROW, offset=2).filter(~pl.all_horizontal(pl.exclude(ROW).is_null()))


def _numbered(frame: pl.LazyFrame) -> pl.LazyFrame:
    return frame if ROW in frame.collect_schema() else frame.with_row_index(ROW, offset=1)


def _file_names(mapping: ImportMapping) -> set[str]:
    parts = [part for part in (mapping.orders, mapping.lines.part, mapping.merchants.part) if part]
    return {part.file for part in parts} | {join.file for part in parts for join in part.joins}


def _check_columns(files: Mapping[str, SourceFile], mapping: ImportMapping) -> None:
    label, lines = mapping.label, mapping.lines
    _check_part(files, mapping.orders, [label.is_bad, *label.columns.values()] if label else [])
    if lines.part:
        extra = [lines.order_column, *filter(None, [lines.split_by]), *lines.total]
        _check_part(files, lines.part, extra)
    if mapping.merchants.part:
        _check_part(files, mapping.merchants.part, [])


def _check_part(files: Mapping[str, SourceFile], part: FilePart, extra: Iterable[str]) -> None:
    file = _pick(files, part.file)
    reachable = list(file.columns)
    for join in part.joins:
        other = _pick(files, join.file)
        _require(reachable, join.left, file)
        _require(other.columns, join.right, other)
        reachable += other.columns
    for column in [*part.columns.values(), *part.filters, *extra]:
        _require(reachable, column, file)


def _require(columns: list[str], column: str, file: SourceFile) -> None:
    if column in columns:
        return
    near = get_close_matches(column, columns, n=1, cutoff=0.5)
    hint = f" The nearest it has is “{near[0]}”." if near else ""
    raise ImportRefused(
        f"{file.name} has no column “{column}”.{hint}", code="missing_column", extra={"column": column}
    )


def _pick(files: Mapping[str, SourceFile], name: str) -> SourceFile:
    if name not in files:
        raise ImportRefused(
            f"The file “{name}” ({', '.join(_SUFFIXES)}) is missing.",
            code="missing_file",
            extra={"file": name},
        )
    return files[name]


def _assemble(files: Mapping[str, SourceFile], part: FilePart) -> pl.LazyFrame:
    """Return a file's rows with its joined columns; without filter or join it stays on disk."""
    file = files[part.file]
    if not part.filters and not part.joins:
        return file.frame
    frame = _numbered(file.frame)
    for column, values in part.filters.items():
        frame = frame.filter(as_text(pl.col(column), frame.collect_schema()[column]).is_in(values))
    for join in part.joins:
        other = files[join.file].frame.drop(ROW, strict=False)
        other = other.unique(join.right, keep="first", maintain_order=True)
        frame = frame.join(other, left_on=join.left, right_on=join.right, how="left", maintain_order="left")
    return frame.collect().lazy()


def _read_lines(files: Mapping[str, SourceFile], mapping: ImportMapping) -> pl.DataFrame | None:
    part = mapping.lines.part
    return None if part is None else _numbered(_assemble(files, part)).collect()


def _split(orders: pl.LazyFrame, lines: pl.DataFrame, mapping: ImportMapping) -> pl.DataFrame:
    """Return one row per order and seller; an order without lines stays once, without seller."""
    key, seller = mapping.lines.order_column, mapping.lines.split_by
    parts = lines.select(key, seller).unique(maintain_order=True)
    own_key = mapping.orders.columns["external_id"]
    frame = _numbered(orders).collect()
    return frame.join(parts, left_on=own_key, right_on=key, how="left", maintain_order="left_right")


def _place(
    orders: pl.LazyFrame, lines: pl.DataFrame, mapping: ImportMapping
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the lines with their order's position, in order; and those that belong to none."""
    own_key = mapping.orders.columns["external_id"]
    seller = [mapping.lines.split_by] if mapping.lines.split_by else []
    index = orders.select(own_key, *seller).collect().with_row_index(POSITION)
    index = index.unique([own_key, *seller], keep="first", maintain_order=True)
    right = [own_key, *seller]
    left = [mapping.lines.order_column, *seller]
    index = index.with_columns(
        pl.col(own).cast(lines.schema[theirs], strict=False) for theirs, own in zip(left, right, strict=True)
    )
    placed = lines.join(index, left_on=left, right_on=right, how="left", maintain_order="left")
    orphans = placed.filter(pl.col(POSITION).is_null())
    return placed.filter(pl.col(POSITION).is_not_null()).sort(POSITION, maintain_order=True), orphans


def _find_repeated(orders: pl.LazyFrame, mapping: ImportMapping) -> pl.Series:
    """Mark order numbers that were there before; where lines name their order by it, for any merchant."""
    keys = [mapping.orders.columns["external_id"]]
    if mapping.lines.split_by:
        keys.append(mapping.lines.split_by)
    elif mapping.lines.part is None and "merchant_ref" in mapping.orders.columns:
        keys.append(mapping.orders.columns["merchant_ref"])
    frame = orders.select(pl.col(column) for column in dict.fromkeys(keys)).collect()
    schema = frame.schema
    frame = frame.select(as_text(pl.col(column), schema[column]) for column in schema)
    is_given = ~pl.any_horizontal(pl.all().is_null())
    return frame.select((~pl.struct(pl.all()).is_first_distinct() & is_given).alias("repeated"))["repeated"]
