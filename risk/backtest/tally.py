"""Sums over rows that add up over parts, and how a part stores them.

A cube is (3, 3, 3, 2) integers: live's outcome, the candidate's outcome, truth, and count or
amount. Both sides, and every move between them, are sums over it. Where nothing was live the
candidate stands in for it, and readers leave that side out.
"""

import heapq
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from .costs import ScoredRows
from .frames import Batch
from .judging import APPROVE, JudgedRows, RuleFinding
from .results import Flip
from .truths import BAD, NAMES

Flags = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]
Words = npt.NDArray[np.uint64]  # a bit for each row

OUTCOMES = ("approve", "review", "decline")
FLIPS_PER_MOVE = 50
_CUBE = (3, 3, 3, 2)
_CELLS = 27
# Words of 64 rows at a time: a hundred rules' stay in a core's cache, and a sum of theirs in 16 bits.
_WORDS = 512
_MICROSECONDS_PER_DAY = 86_400_000_000


@dataclass(frozen=True, eq=False)
class RuleSums:
    """What the rules of one side found, in ruleset order.

    hits            (rules, 3, 2) by truth, count and amount
    missing         (rules,) rows
    muted           (rules,) rows
    unique_bad      (rules, 2) bad rows on which no other judging rule with effect hit
    caught          (rules, 2) hits, and bad hits, that live reviews or declines
    """

    hits: Ints
    missing: Ints
    muted: Ints
    unique_bad: Ints
    caught: Ints

    @classmethod
    def of_none(cls, rules: int) -> "RuleSums":
        shapes = ((rules, 3, 2), (rules,), (rules,), (rules, 2), (rules, 2))
        return cls(*(np.zeros(shape, dtype=np.int64) for shape in shapes))

    def __add__(self, other: "RuleSums") -> "RuleSums":
        return RuleSums(
            *(getattr(self, column.name) + getattr(other, column.name) for column in fields(RuleSums))
        )


@dataclass(frozen=True, eq=False)
class Tally:
    """Everything a result is made of; `a + b` is the tally of both's rows.

    until       microseconds since the epoch at which these rows end: where the next part begins
    groups      segment → value → cube; "day" holds days as ISO dates, "" the total under ""
    overlap     (candidate rules, live rules) rows that both hit
    data        counts of how the rows were read
    """

    until: int
    groups: dict[str, dict[str, Ints]]
    rules: RuleSums
    live_rules: RuleSums
    overlap: Ints
    scored: ScoredRows
    flips: tuple[Flip, ...] = ()
    data: dict[str, int] = field(default_factory=dict)

    @property
    def total(self) -> Ints:
        return self.groups.get("", {}).get("", np.zeros(_CUBE, dtype=np.int64))


def sum_up(parts: Sequence[Tally]) -> Tally:
    """Return the tally of all rows of at least one part."""
    first, *others = parts
    rules, live_rules, overlap = first.rules, first.live_rules, first.overlap
    for part in others:
        rules, live_rules, overlap = (
            rules + part.rules,
            live_rules + part.live_rules,
            overlap + part.overlap,
        )
    return Tally(
        until=max(part.until for part in parts),
        groups=_joined_groups(parts),
        rules=rules,
        live_rules=live_rules,
        overlap=overlap,
        scored=ScoredRows(
            *(
                np.concatenate([getattr(part.scored, column.name) for part in parts])
                for column in fields(ScoredRows)
            )
        ),
        flips=_largest(flip for part in parts for flip in part.flips),
        data=_added(part.data for part in parts),
    )


def empty_tally(rules: int, live_rules: int, *, until: int) -> Tally:
    """Return the tally of no rows."""
    nothing = np.zeros(0)
    return Tally(
        until=until,
        groups={},
        rules=RuleSums.of_none(rules),
        live_rules=RuleSums.of_none(live_rules),
        overlap=np.zeros((rules, live_rules), dtype=np.int64),
        scored=ScoredRows(nothing, nothing.astype(np.int64), *(nothing.astype(np.uint8) for _ in range(3))),
    )


def count_up(batch: Batch, candidate: JudgedRows, live: JudgedRows | None) -> Tally:
    """Return the sums over one batch of rows."""
    baseline = candidate if live is None else live
    before, after = baseline.outcomes.final, candidate.outcomes.final
    cells = (before.astype(np.int64) * 3 + after) * 3 + batch.truth
    live_rules = () if live is None else live.findings
    hits = _count_hits([*candidate.findings, *live_rules], batch, before > APPROVE)
    return Tally(
        until=batch.until,
        groups=_group(batch, cells),
        rules=_sum_rules(candidate.findings, batch, hits),
        live_rules=_sum_rules(live_rules, batch, hits),
        overlap=_overlap(candidate.findings, live_rules, len(batch)),
        scored=ScoredRows(
            batch.scores,
            batch.amount_minor,
            batch.truth,
            candidate.outcomes.base,
            candidate.outcomes.severest,
        ),
        flips=_flips(batch, candidate, live),
        data=dict(batch.data),
    )


# ── Groups ───────────────────────────────────────────────────────────────────────────────────────
def _group(batch: Batch, cells: Ints) -> dict[str, dict[str, Ints]]:
    groups = {"": _cubes(np.zeros(len(batch), dtype=np.int64), [""], cells, batch.amount_minor)}
    days, day = np.unique(batch.at // _MICROSECONDS_PER_DAY, return_inverse=True)
    names = np.datetime_as_string(days.astype("datetime64[D]")).tolist()
    groups["day"] = _cubes(day, names, cells, batch.amount_minor)
    for segment, column in batch.segments.items():
        groups[segment] = _cubes(column.codes, column.names, cells, batch.amount_minor)
    return groups


def _cubes(group: Ints, names: Sequence[str], cells: Ints, amount: Ints) -> dict[str, Ints]:
    """Return the cube of each group that has rows."""
    size = len(names) * _CELLS
    code = group * _CELLS + cells
    count = np.bincount(code, minlength=size)
    # Exact: sums of a part stay below 2^53 minor units.
    money = np.rint(np.bincount(code, weights=amount, minlength=size)).astype(np.int64)
    cubes = np.stack([count, money], axis=-1).reshape(len(names), *_CUBE)
    has_rows = count.reshape(len(names), _CELLS).any(axis=1)
    return {names[place]: cubes[place] for place in np.flatnonzero(has_rows).tolist()}


def _joined_groups(parts: Sequence[Tally]) -> dict[str, dict[str, Ints]]:
    joined: dict[str, dict[str, Ints]] = {}
    for part in parts:
        for segment, values in part.groups.items():
            found = joined.setdefault(segment, {})
            for value, cube in values.items():
                found[value] = found[value] + cube if value in found else cube
    return joined


# ── Rules ────────────────────────────────────────────────────────────────────────────────────────
def _count_hits(findings: Iterable[RuleFinding], batch: Batch, is_caught: Flags) -> dict[int, Ints]:
    """Return by identity of the hits their (3, 2, 2) sums: truth, whether live catches it, count and amount.

    Rules of one condition share their hits, as most of a draft's do with those of the live ruleset.
    """
    cells = batch.truth * np.int64(2) + is_caught
    amount = batch.amount_minor.astype(np.float64)
    return {key: _by_cell(cells[rows], amount[rows]) for key, rows in _distinct(findings).items()}


def _by_cell(cells: Ints, amount: Floats) -> Ints:
    money = np.rint(np.bincount(cells, weights=amount, minlength=6)).astype(np.int64)
    return np.stack([np.bincount(cells, minlength=6), money], axis=-1).reshape(3, 2, 2)


def _sum_rules(findings: Sequence[RuleFinding], batch: Batch, hits: Mapping[int, Ints]) -> RuleSums:
    judging = np.zeros(len(batch), dtype=np.int64)
    for finding in findings:
        if finding.rule.reason_code:  # the effects that judge have one
            judging[finding.effective] += 1
    is_unique = (judging == 1) & (batch.truth == BAD)
    unique = np.zeros((len(findings), 2), dtype=np.int64)
    for place, finding in enumerate(findings):
        if finding.rule.reason_code:
            alone = finding.effective[is_unique[finding.effective]]
            unique[place] = len(alone), batch.amount_minor[alone].sum()
    sums = np.array([hits[id(finding.hits)] for finding in findings], dtype=np.int64).reshape(-1, 3, 2, 2)
    caught = sums[:, :, 1, 0]
    return RuleSums(
        sums.sum(axis=2),
        np.array([finding.missing for finding in findings], dtype=np.int64),
        np.array([len(finding.muted) for finding in findings], dtype=np.int64),
        unique,
        np.stack([caught.sum(axis=1), caught[:, BAD]], axis=-1),
    )


def _overlap(candidate: Sequence[RuleFinding], live: Sequence[RuleFinding], n: int) -> Ints:
    """Return the rows that each pair hits, by bits: a hundred rules by a hundred stay cheap.

    What both sides have is counted against itself once, not twice.
    """
    if not candidate or not live:
        return np.zeros((len(candidate), len(live)), dtype=np.int64)
    ours, theirs = _distinct(candidate), _distinct(live)
    shared = [key for key in ours if key in theirs]
    rows = [*shared, *(key for key in ours if key not in theirs)]
    columns = [*shared, *(key for key in theirs if key not in ours)]
    bits = {key: _bits(hits, n) for key, hits in (ours | theirs).items()}
    both = _count_pairs([bits[key] for key in rows], [bits[key] for key in columns], shared=len(shared))
    return both[np.ix_(_places(candidate, rows), _places(live, columns))]


def _count_pairs(rows: Sequence[Words], columns: Sequence[Words], *, shared: int) -> Ints:
    """Return (rows, columns) numbers of bits that are set in both.

    shared    so many of the first rows are the first columns, too
    """
    both = np.zeros((len(rows), len(columns)), dtype=np.int64)
    all_columns = np.stack(columns)
    for start in range(0, all_columns.shape[1], _WORDS):
        words = slice(start, start + _WORDS)
        block = np.ascontiguousarray(all_columns[:, words])
        for place, row in enumerate(rows):
            first = place if place < shared else 0
            common = np.bitwise_count(block[first:] & row[words])
            both[place, first:] += common.sum(axis=1, dtype=np.uint16)
    upper = np.triu_indices(shared, 1)
    both[upper[::-1]] = both[upper]
    return both


def _distinct(findings: Iterable[RuleFinding]) -> dict[int, Ints]:
    return {id(finding.hits): finding.hits for finding in findings}


def _places(findings: Iterable[RuleFinding], keys: Sequence[int]) -> list[int]:
    place_of = {key: place for place, key in enumerate(keys)}
    return [place_of[id(finding.hits)] for finding in findings]


def _bits(rows: Ints, n: int) -> Words:
    flags = np.zeros(-(-n // 64) * 64, dtype=np.bool_)
    flags[rows] = True
    return np.packbits(flags).view(np.uint64)


# ── Flips ────────────────────────────────────────────────────────────────────────────────────────
def _flips(batch: Batch, candidate: JudgedRows, live: JudgedRows | None) -> tuple[Flip, ...]:
    if live is None:
        return ()
    before, after = live.outcomes.final, candidate.outcomes.final
    moved = np.flatnonzero(before != after)
    move = before[moved] * 3 + after[moved]
    chosen = np.concatenate([moved[:0], *(_foremost(moved[move == one], batch) for one in np.unique(move))])
    hits, live_hits = _codes_of(chosen, candidate.findings), _codes_of(chosen, live.findings)
    return _largest(
        batch.flip(
            row,
            live=OUTCOMES[before[row]],
            candidate=OUTCOMES[after[row]],
            truth=NAMES[batch.truth[row]],
            rules=hits[row],
            live_rules=live_hits[row],
        )
        for row in chosen.tolist()
    )


def _foremost(rows: Ints, batch: Batch) -> Ints:
    """Return the rows of the largest amounts; of equal ones the lowest ids, so that runs name the same."""
    amount = batch.amount_minor[rows]
    if len(rows) > FLIPS_PER_MOVE:
        enough = amount >= np.partition(amount, -FLIPS_PER_MOVE)[-FLIPS_PER_MOVE]
        rows, amount = rows[enough], amount[enough]
    return rows[np.lexsort((batch.ids[rows], -amount))][:FLIPS_PER_MOVE]


def _codes_of(rows: Ints, findings: Sequence[RuleFinding]) -> dict[int, tuple[str, ...]]:
    found: dict[int, list[str]] = {row: [] for row in rows.tolist()}
    for finding in findings:
        hits = finding.effective
        if len(hits):
            place = np.minimum(np.searchsorted(hits, rows), len(hits) - 1)
            for row in rows[hits[place] == rows].tolist():
                found[row].append(finding.rule.code)
    return {row: tuple(codes) for row, codes in found.items()}


def _largest(flips: Iterable[Flip]) -> tuple[Flip, ...]:
    by_move: dict[tuple[str, str], list[Flip]] = {}
    for flip in flips:
        by_move.setdefault((flip.live, flip.candidate), []).append(flip)
    kept = [
        flip
        for move in sorted(by_move)
        for flip in heapq.nsmallest(FLIPS_PER_MOVE, by_move[move], key=_size_of)
    ]
    return tuple(sorted(kept, key=_size_of))


def _size_of(flip: Flip) -> tuple[int, str]:
    return -flip.amount_minor, flip.subject


def _added(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    added: dict[str, int] = {}
    for part in counts:
        for name, count in part.items():
            added[name] = added.get(name, 0) + count
    return added


# ── Storage ──────────────────────────────────────────────────────────────────────────────────────
def to_bytes(tally: Tally, **header: str) -> bytes:
    """Return a part's compressed form, about ten bytes a row; `header` is kept beside it."""
    names = [(segment, value) for segment, values in tally.groups.items() for value in values]
    document = {
        "header": header,
        "until": tally.until,
        "groups": names,
        "flips": [_fields_of(flip) for flip in tally.flips],
        "data": tally.data,
    }
    cubes = [tally.groups[segment][value] for segment, value in names]
    order = np.argsort(tally.scored.score, kind="stable")  # neighbours alike compress better
    stream = io.BytesIO()
    np.savez_compressed(
        stream,
        document=np.frombuffer(json.dumps(document).encode(), dtype=np.uint8),
        cubes=np.stack(cubes) if cubes else np.zeros((0, *_CUBE), dtype=np.int64),
        overlap=tally.overlap,
        **{f"rules_{column.name}": getattr(tally.rules, column.name) for column in fields(RuleSums)},
        **{f"live_{column.name}": getattr(tally.live_rules, column.name) for column in fields(RuleSums)},
        **{
            f"scored_{column.name}": getattr(tally.scored, column.name)[order]
            for column in fields(ScoredRows)
        },
    )
    return stream.getvalue()


def from_bytes(stored: bytes | memoryview) -> tuple[Tally, dict[str, str]]:
    """Return a stored part and its header."""
    with np.load(io.BytesIO(bytes(stored)), allow_pickle=False) as arrays:
        document = json.loads(arrays["document"].tobytes())
        groups: dict[str, dict[str, Ints]] = {}
        for (segment, value), cube in zip(document["groups"], arrays["cubes"], strict=True):
            groups.setdefault(segment, {})[value] = cube
        tally = Tally(
            until=document["until"],
            groups=groups,
            rules=RuleSums(*(arrays[f"rules_{column.name}"] for column in fields(RuleSums))),
            live_rules=RuleSums(*(arrays[f"live_{column.name}"] for column in fields(RuleSums))),
            overlap=arrays["overlap"],
            scored=ScoredRows(*(arrays[f"scored_{column.name}"] for column in fields(ScoredRows))),
            flips=tuple(_flip_of(stored) for stored in document["flips"]),
            data=document["data"],
        )
    return tally, document["header"]


def _fields_of(flip: Flip) -> dict[str, Any]:
    return {column.name: getattr(flip, column.name) for column in fields(Flip)}


def _flip_of(stored: dict[str, Any]) -> Flip:
    return Flip(**{**stored, "rules": tuple(stored["rules"]), "live_rules": tuple(stored["live_rules"])})
