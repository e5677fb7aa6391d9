"""The document a finished backtest leaves behind: what console, API and command line show.

`Backtest.result` is `BacktestResult` as JSON (`to_json`), version 1. Money is in minor units
of the base currency throughout. Rows fall into three truths: bad and good if a label says so
(bad if any source does), else unknown; unknown rows are counted apart and never as good.

    version       1
    currency      ISO 4217 code of every amount; exponent: its decimals
    period        {since, until, days}
    tested        {kind, content_hash, baseline_hash, rule_code, thresholds, live_thresholds}
    data          {rows, bad, good, unknown, amount_minor, stored_inputs, recomputed_inputs,
                   stored_scores, computed_scores, without_score, degraded, model_hash, code_version, parts}
    notes         codes of what a reader has to know, see `Note`
    candidate     Side; live: Side, or null if nothing was live
    rules         [RuleLine] of the candidate, in ruleset order, shadow rules included
    live_rules    [RuleLine] of what was live
    segments      {"country"|"category"|"merchant_size"|"buyer_age": [Segment]}, most rows first
    days          [Day] in order, days without rows left out
    moves         [Move]: rows whose outcome differs from live's, by direction
    flips         [Flip]: the largest of them, at most 50 for each direction, largest amount first
    costs         CostReport (see risk.backtest.costs), or null without labels or scores
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

VERSION = 1


class Note(StrEnum):
    """What a reader has to know about the data; the console words it."""

    NO_ROWS = "no_rows"
    NO_LABELS = "no_labels"
    NO_MODEL = "no_model"  # nothing is approved without a score
    NOTHING_LIVE = "nothing_live"
    RECOMPUTED_INPUTS = "recomputed_inputs"  # some rows had no stored inputs that fit this version
    COMPUTED_SCORES = "computed_scores"  # some scores are the champion's of today, not those of then
    FEW_LABELS = "few_labels"  # fewer than half of the rows are labelled
    CATEGORIES_CUT = "categories_cut"  # small segments are summed up in the value "other"


@dataclass(frozen=True)
class Measure:
    """So many rows and the sum of their amounts."""

    count: int = 0
    amount_minor: int = 0


@dataclass(frozen=True)
class Share:
    """part / whole with its 95 % Wilson interval; value is null where whole is 0.

    By money there is no interval (low and high are null): amounts are too unequal for one
    that a few orders would not decide.
    """

    value: float | None
    low: float | None
    high: float | None
    part: int
    whole: int


@dataclass(frozen=True)
class Side:
    """What one ruleset did over the rows.

    precision      bad among the labelled rows that it held or declined
    recall         of the bad rows, those that it held or declined
    review_hours   reviewed rows × minutes per review / 60
    """

    approved: Measure
    reviewed: Measure
    declined: Measure
    caught_bad: Measure
    missed_bad: Measure
    good_held: Measure
    good_declined: Measure
    unknown_held: Measure
    unknown_declined: Measure
    precision: Share
    recall: Share
    precision_by_amount: Share
    recall_by_amount: Share
    review_hours: float
    review_hours_per_day: float


@dataclass(frozen=True)
class Overlap:
    """How the hits of a rule meet those of a live rule.

    jaccard   rows both hit / rows either hit
    share     of this rule's hits, those that the live rule hits too
    """

    code: str
    both: int
    jaccard: float
    share: float


@dataclass(frozen=True)
class RuleLine:
    """What one rule found, whatever the other rules did.

    missing            rows on which an input was missing
    muted              hits without effect: outside its dates or its rollout
    unique_bad         bad hits on which no other judging rule of the same ruleset hit
    already_caught     of its hits, those that live reviews or declines; null if nothing was live
    bad_already_caught the same of its bad hits
    overlaps           with live rules, largest Jaccard first, at most five; not with itself unless changed
    """

    code: str
    name: str
    effect: str
    mode: str
    points: int
    hits: Measure
    bad: Measure
    good: Measure
    unknown: Measure
    missing: int
    muted: int
    precision: Share
    unique_bad: Measure
    already_caught: Share | None
    bad_already_caught: Share | None
    overlaps: tuple[Overlap, ...] = ()


@dataclass(frozen=True)
class Segment:
    """The rows of one value: "" where it is not known, "other" for what is too small to list."""

    value: str
    rows: int
    bad: int
    candidate: Side
    live: Side | None


@dataclass(frozen=True)
class DaySide:
    reviewed: int
    declined: int
    caught_bad: int


@dataclass(frozen=True)
class Day:
    """The rows that became known on one day, UTC."""

    day: str
    rows: int
    bad: int
    candidate: DaySide
    live: DaySide | None


@dataclass(frozen=True)
class Move:
    """Rows that live gives `live` and the candidate gives `candidate`."""

    live: str
    candidate: str
    count: int
    amount_minor: int
    bad: int
    good: int
    unknown: int


@dataclass(frozen=True)
class Flip:
    """One row that moves.

    subject        public id; its kind is the backtest's subject
    truth          "bad", "good" or "unknown"
    rules          codes of the candidate's live rules that hit
    live_rules     codes of what is live that hit
    """

    subject: str
    merchant_id: int | None
    at: str
    amount_minor: int
    live: str
    candidate: str
    truth: str
    score: float | None
    rules: tuple[str, ...]
    live_rules: tuple[str, ...]


@dataclass(frozen=True)
class BacktestResult:
    """See the module's docstring."""

    currency: str
    exponent: int
    period: Mapping[str, Any]
    tested: Mapping[str, Any]
    data: Mapping[str, Any]
    notes: tuple[str, ...]
    candidate: Side
    live: Side | None
    rules: tuple[RuleLine, ...]
    live_rules: tuple[RuleLine, ...]
    segments: Mapping[str, tuple[Segment, ...]]
    days: tuple[Day, ...]
    moves: tuple[Move, ...]
    flips: tuple[Flip, ...]
    costs: Mapping[str, Any] | None
    version: int = VERSION

    def to_json(self) -> dict[str, Any]:
        """Return plain lists, dictionaries, numbers and texts, as `Backtest.result` stores them."""
        document = asdict(self)
        return {name: _plain(value) for name, value in document.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    return value
