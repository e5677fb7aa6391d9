"""Lists in memory: whether a value is in one, and how near its nearest entry is.

Each process holds the lists its rules have asked, under the version that
`risk.live` saw, and fetches only what changed when that grows. A decision and
a backtest get the same answer for the same value.
"""

import logging
import math
import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from django.db.models import Q
from rapidfuzz import fuzz, process

from . import live
from .list_values import compare_text
from .models import ListEntry
from .rules.schema import FieldType
from .rules.tree import Probe

if TYPE_CHECKING:
    import polars as pl

logger = logging.getLogger(__name__)

Value = str | int
Answer = bool | float | None
_FOREVER = math.inf
_NEVER = -math.inf
# What a process remembers of nearness before it starts anew: names repeat, and each costs a walk of the list.
_REMEMBERED = 20_000
# Further behind than this it is cheaper to load the list than to follow its changes.
_MOST_VERSIONS_BEHIND = 100
_NOT_WORDS = re.compile(r"[\W_]+")


class ListMissing(LookupError):
    """There is no such list, or it was archived."""


@dataclass(frozen=True, eq=False)
class HeldList:
    """One version of a list. `until`: entry → when it expires, in seconds since 1970, infinity for never."""

    id: int
    version: int
    until: Mapping[Value, float]
    _nearest: dict[str, float] = field(default_factory=dict, repr=False)

    def expiry_of(self, value: Value) -> float:
        """Return until when the value is in the list, minus infinity if it is not."""
        return self.until.get(compare_text(value) if isinstance(value, str) else value, _NEVER)

    def contains(self, value: Value, at: float) -> bool:
        return self.expiry_of(value) > at

    def nearness(self, text: str, at: float) -> float:
        """Return how near the nearest entry is, 0–1: 1 is equal but for case, order of words and marks.

        The normalised Indel similarity of both texts' sorted words, 2·LCS / (m + n); about 0.6 ms for
        ten thousand names and 5.5 ms for a hundred thousand, once per text.
        """
        words = sort_words(text)
        best = self._nearest_for_good(words)
        names, until = self._passing
        if names and best < 1:
            standing = [name for name, end in zip(names, until, strict=True) if end > at]
            best = max(best, _nearest_of(words, standing))
        return best

    @property
    def has_passing_texts(self) -> bool:
        return bool(self._passing[0])

    def _nearest_for_good(self, words: str) -> float:
        known = self._nearest.get(words)
        if known is None:
            if len(self._nearest) >= _REMEMBERED:
                self._nearest.clear()
            known = self._nearest[words] = _nearest_of(words, self._lasting)
        return known

    @cached_property
    def _lasting(self) -> list[str]:
        return [sort_words(str(text)) for text, until in self.until.items() if until == _FOREVER]

    @cached_property
    def _passing(self) -> tuple[list[str], list[float]]:
        passing = [(sort_words(str(text)), until) for text, until in self.until.items() if until != _FOREVER]
        return [text for text, _ in passing], [until for _, until in passing]


_held: dict[str, HeldList] = {}


def answer_probes(
    probes: Collection[Probe], facts: Mapping[str, object], *, as_of: datetime
) -> tuple[dict[str, Answer], list[str]]:
    """Return each probe's answer by its name, None where its field is missing; and the lists that failed.

    An entry counts while it has not expired `as_of`. The failed are named "list:<code>": their
    probes have no answer, and the decision is degraded.
    """
    if not probes:
        return {}, []
    lists, failed = _load(probes)
    at = as_of.timestamp()
    answers: dict[str, Answer] = {}
    for probe in probes:
        held = lists.get(probe.list_code)
        answers[probe.name] = None if held is None else _answer(probe, held, facts.get(probe.field.name), at)
    return answers, failed


def answer_probe_columns(
    probes: Collection[Probe], frame: "pl.DataFrame", *, at: "str | datetime"
) -> "tuple[pl.DataFrame, list[str]]":
    """Return a column per probe, named as the probe, for the rows of a frame; and the lists that failed.

    The lists are those of now; an entry counts for a row if it had not expired at the row's moment.

    frame    has a column per field that is asked about; one that it lacks is missing throughout
    at       the frame's column of moments, or one moment for all rows
    """
    import polars as pl

    lists, failed = _load(probes)
    moments = pl.lit(at) if isinstance(at, datetime) else pl.col(at)
    rows = frame.select(moments.dt.epoch("us").alias("at") / 1e6).to_series()
    if len(rows) != frame.height:
        rows = rows.new_from_index(0, frame.height)
    columns = []
    for probe in probes:
        held, name = lists.get(probe.list_code), probe.field.name
        dtype = pl.Boolean() if probe.kind == "member" else pl.Float64()
        if held is None or name not in frame.columns:
            columns.append(pl.Series(probe.name, [None] * frame.height, dtype=dtype))
        else:
            columns.append(_answer_column(probe, held, frame[name], rows).alias(probe.name).cast(dtype))
    return pl.DataFrame(columns), failed


def find_list(code: str) -> HeldList:
    """Return a list in its present version; ListMissing if there is none."""
    state = live.list_states().get(code)
    if state is None:
        raise ListMissing(f"There is no list {code!r}.")
    held = _held.get(code)
    if held is None or (held.id, held.version) != (state.id, state.version):
        held = _held[code] = _refresh(held, state.id, state.version)
    return held


def sort_words(text: str) -> str:
    """Return a text's words in order, without case, marks and width: what nearness compares.

    >>> sort_words("Smith-Jones, ANNA")
    'anna jones smith'
    """
    return " ".join(sorted(_NOT_WORDS.sub(" ", unicodedata.normalize("NFKC", text).casefold()).split()))


def _load(probes: Iterable[Probe]) -> tuple[dict[str, HeldList], list[str]]:
    lists: dict[str, HeldList] = {}
    failed: list[str] = []
    for code in dict.fromkeys(probe.list_code for probe in probes):
        try:
            lists[code] = find_list(code)
        except Exception:
            logger.exception("list_failed", extra={"list": code})
            failed.append(f"list:{code}")
    return lists, failed


def _answer(probe: Probe, held: HeldList, value: object, at: float) -> Answer:
    asked = _asked(probe, value)
    if asked is None:
        return None
    if probe.kind == "member":
        return held.contains(asked, at)
    return held.nearness(str(asked), at)


def _asked(probe: Probe, value: object) -> Value | None:
    """Return the value to look up; None if it is missing, or of another type than its field."""
    if probe.field.type is FieldType.KEY:
        return value if isinstance(value, int) and not isinstance(value, bool) else None
    if not isinstance(value, str):
        return None
    return value.lower() if probe.is_lowered else value


def _answer_column(probe: Probe, held: HeldList, values: "pl.Series", at: "pl.Series") -> "pl.Series":
    """Answer once per distinct value, or per distinct value and moment where nearness depends on both."""
    import polars as pl

    rows = pl.DataFrame({"value": values, "at": at})
    if probe.kind == "similar" and held.has_passing_texts:
        distinct = rows.drop_nulls().unique()
        found = [_answer(probe, held, value, moment) for value, moment in distinct.rows()]
        answers = distinct.with_columns(pl.Series("answer", found, dtype=pl.Float64))
        joined = rows.join(answers, on=["value", "at"], how="left", maintain_order="left")
        return joined["answer"]
    distinct = rows.select("value").drop_nulls().unique()
    asked = [_asked(probe, value) for (value,) in distinct.rows()]
    if probe.kind == "similar":
        found = [None if value is None else held.nearness(str(value), 0.0) for value in asked]
    else:
        found = [None if value is None else held.expiry_of(value) for value in asked]
    answers = distinct.with_columns(pl.Series("answer", found, dtype=pl.Float64))
    joined = rows.join(answers, on="value", how="left", maintain_order="left")
    return joined["answer"] if probe.kind == "similar" else joined["answer"] > joined["at"]


def _nearest_of(words: str, names: Sequence[str]) -> float:
    found = process.extractOne(words, names, scorer=fuzz.ratio) if words and names else None
    return 0.0 if found is None else float(found[1]) / 100


def _refresh(held: HeldList | None, id: int, version: int) -> HeldList:
    entries = ListEntry.objects.filter(list_id=id, added_in__lte=version)
    if held is None or held.id != id or not 0 < version - held.version <= _MOST_VERSIONS_BEHIND:
        standing = entries.filter(Q(removed_in=None) | Q(removed_in__gt=version))
        return HeldList(id, version, _until(standing.values_list("text", "key", "expires_at")))
    # Copied, not changed: a decision that is being made keeps the version it began with.
    until = dict(held.until)
    leavers = ListEntry.objects.filter(
        list_id=id, added_in__lte=held.version, removed_in__gt=held.version, removed_in__lte=version
    )
    for text, key in leavers.values_list("text", "key"):
        until.pop(text if key is None else key, None)
    newcomers = entries.filter(Q(removed_in=None) | Q(removed_in__gt=version), added_in__gt=held.version)
    until.update(_until(newcomers.values_list("text", "key", "expires_at")))
    return HeldList(id, version, until)


def _until(rows: Iterable[tuple[str, int | None, datetime | None]]) -> dict[Value, float]:
    return {
        text if key is None else key: _FOREVER if expires_at is None else expires_at.timestamp()
        for text, key, expires_at in rows
    }
