"""How near a title comes to the titles that were there before. Pure, on numpy and rapidfuzz."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from rapidfuzz import fuzz, process

from .text import fold

# The newest titles of a category that a new one is compared with: bounds the work of one decision
# (about 1 ms) and of a training set, and gives both the same answer.
CANDIDATES = 2_000
_QUERIES_AT_ONCE = 256
# Praise makes no other product of it: "… Sale" is still the listing it was copied from.
_PRAISE = frozenset(["best", "deal", "genuine", "hot", "new", "original", "promo", "sale", "top"])
_CJK_PRAISE = re.compile("新款|热卖|热销|特价|促销|包邮|正品|爆款")
_NUMBER = re.compile(r"\w*\d\w*")


@dataclass(frozen=True)
class Title:
    """One submitted title. `known_at` in microseconds since 1970."""

    revision_id: int
    listing_id: int
    merchant_id: int
    title: str
    known_at: int


@dataclass(frozen=True)
class Nearest:
    """The most similar earlier title; similarity 0–1 is rapidfuzz's indel ratio over folded, sorted words."""

    similarity: float
    title: Title


def find_nearest(queries: Sequence[tuple[Title, int]], earlier: Sequence[Title]) -> list[Nearest | None]:
    """Return the nearest earlier title of each query, None where there is no other.

    A query sees the CANDIDATES newest titles known before its moment, without
    its own listing's, and without variants: a merchant's own titles that
    differ in a number ("128 GB", "256 GB").

    queries   titles of one category with the moment each is judged as of, microseconds
    earlier   the category's submitted titles, in any order; they may include the queries
    """
    ordered = sorted(earlier, key=lambda one: (one.known_at, one.revision_id))
    known = np.array([one.known_at for one in ordered], dtype=np.int64)
    keys = [_key(one.title) for one in ordered]
    found: list[Nearest | None] = [None] * len(queries)
    # In order of time neighbours look at nearly the same candidates, so one matrix serves many.
    order = sorted(range(len(queries)), key=lambda i: queries[i][1])
    for start in range(0, len(order), _QUERIES_AT_ONCE):
        chunk = order[start : start + _QUERIES_AT_ONCE]
        ends = np.searchsorted(known, [queries[i][1] for i in chunk], side="left")
        first, last = max(int(ends[0]) - CANDIDATES, 0), int(ends[-1])
        if first == last:
            continue
        scores = process.cdist(
            [_key(queries[i][0].title) for i in chunk],
            keys[first:last],
            scorer=fuzz.ratio,
            dtype=np.float64,
        )
        for row, (i, end) in enumerate(zip(chunk, ends.tolist(), strict=True)):
            oldest = max(end - CANDIDATES, 0)
            visible = range(oldest - first, end - first)
            found[i] = _best(queries[i][0], ordered, scores[row], visible, first)
    return found


def _best(
    query: Title, ordered: Sequence[Title], scores: npt.NDArray[np.float64], visible: range, first: int
) -> Nearest | None:
    """Return the best visible candidate; ties go to the oldest, so that the answer is the same everywhere."""
    numbers = _numbers(query.title)
    for at in np.argsort(-scores[visible.start : visible.stop], kind="stable").tolist():
        candidate = ordered[first + visible.start + at]
        is_variant = candidate.merchant_id == query.merchant_id and _numbers(candidate.title) != numbers
        if candidate.listing_id != query.listing_id and not is_variant:
            return Nearest(float(scores[visible.start + at]) / 100, candidate)
    return None


@lru_cache(maxsize=65_536)
def _key(title: str) -> str:
    """Return what is compared. Folding costs more than comparing, and candidates come back every time."""
    words = _CJK_PRAISE.sub("", fold(title)).split()
    return " ".join(sorted(word for word in words if word not in _PRAISE) or sorted(words))


def _numbers(title: str) -> frozenset[str]:
    return frozenset(_NUMBER.findall(fold(title)))
