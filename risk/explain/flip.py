"""The nearest change that would flip a decision's outcome, verified by deciding with it.

Every answer was applied: rules, model and policy were asked again with the
changed facts. That it is the nearest holds as far as was searched: single
changes first, pairs if none does, at most 200 decisions, and along one input
the outcome is taken to change sides once between two probes.
"""

import math
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import combinations

from ml.estimators import TreeBag
from risk.policy import OutcomeKind
from risk.replay import Seen, judge
from risk.rules.engine import Effect
from risk.rules.schema import Schema
from risk.rules.tree import Comparison, Default, Literal, Membership, Node, Reference, walk
from risk.rulesets import LiveRuleset
from risk.scoring import LiveModel

from .dials import Dial, Value, Values, find_dial, probe_dial, settle

MAX_DECISIONS = 200
MAX_SECONDS = 2.0  # a guard against a huge model; 200 decisions take some 20 ms
_DIALS = 16
_OPTIONS_FOR_PAIRS = 8
# Besides where rules and trees divide, a tenth up or down at a time: all that a linear model has.
_TENTHS = 40
# No rule names it, so it stands for every text that none does.
_ANOTHER = "\N{REPLACEMENT CHARACTER}"


class Bound(StrEnum):
    AT_MOST = "at_most"
    AT_LEAST = "at_least"
    EXACTLY = "exactly"
    NONE_OF = "none_of"  # any text but these


class NoFlip(StrEnum):
    """Why there is none to tell."""

    DEGRADED = "degraded"  # something had failed, and such a decision is never approved
    NO_SCORE = "no_score"  # nothing is approved without a score
    NOT_FOUND = "not_found"


@dataclass(frozen=True)
class Change:
    """One input and what it would have to be; `to` is a tuple for NONE_OF."""

    field: str
    now: Value
    to: Value | tuple[str, ...]
    bound: Bound


@dataclass(frozen=True)
class Flip:
    outcome: OutcomeKind
    changes: tuple[Change, ...]
    distance: float


def find_flip(
    seen: Seen,
    names: Sequence[str],
    ruleset: LiveRuleset,
    model: LiveModel | None,
    schema: Schema,
    *,
    heaviest: Sequence[str] = (),
    minor_units: int = 100,
) -> Flip | NoFlip:
    """Return the nearest flip that was found, or why there is none. The same answer for the same row.

    names       of the vector's columns
    heaviest    inputs in the order in which they moved the score
    """
    search = _Search(seen, names, ruleset, model)
    dials = _list_dials(search, schema, heaviest, minor_units)
    cuts = _cuts(ruleset, model, seen.values)
    lines = [line for dial in dials for line in _lines(dial, cuts, model)]
    best: Flip | None = None
    for line in lines:
        best = _nearer(search.along(line, nearer_than=best.distance if best else math.inf), best)
    if best is None:
        best = _find_pair(search, lines)
    if best is not None:
        return best
    if seen.failed or search.evaluation_failed:
        return NoFlip.DEGRADED
    return NoFlip.NO_SCORE if search.score is None else NoFlip.NOT_FOUND


@dataclass(frozen=True)
class _Line:
    """The values to try of one dial in one direction, nearest first."""

    dial: Dial
    values: tuple[Value, ...]
    bound: Bound
    excluded: tuple[str, ...] = ()
    is_smooth: bool = False  # the outcome may also change between two values

    def change(self, to: Value, bound: Bound | None = None) -> Change:
        said = self.excluded or to
        return Change(self.dial.name, self.dial.now, said, bound or self.bound)


class _Search:
    """Decides with changed facts, and counts."""

    def __init__(
        self, seen: Seen, names: Sequence[str], ruleset: LiveRuleset, model: LiveModel | None
    ) -> None:
        self.seen, self.ruleset, self.model = seen, ruleset, model
        self._columns = {name: column for column, name in enumerate(names)}
        self._left, self._until = MAX_DECISIONS, time.monotonic() + MAX_SECONDS
        first = judge(seen, ruleset, model)
        self.evaluation = first.evaluation
        self.kind, self.score = first.outcome.kind, first.score
        self.is_milder_wanted = self.kind is not OutcomeKind.APPROVE
        self.evaluation_failed = first.evaluation is not None and first.evaluation.is_degraded

    def along(
        self, line: _Line, *, nearer_than: float, also: Mapping[str, object] | None = None
    ) -> Flip | None:
        """Return the nearest flip on the line: a few probes, then halving towards the nearest that flips."""
        values = [to for to in line.values if line.dial.distance(to) < nearer_than]
        probes = sorted({0, len(values) // 4, len(values) // 2, 3 * len(values) // 4, len(values) - 1})
        low = -1
        for high in probes if values else ():
            kind = self.flipped(line, values[high], also)
            if kind is not None:
                return self._closest(line, values, low, high, kind, also)
            low = high
        return None

    def flipped(self, line: _Line, to: Value, also: Mapping[str, object] | None) -> OutcomeKind | None:
        """Return the outcome with this value if it is a flip; None too when there is no time left."""
        if self._left <= 0 or time.monotonic() > self._until:
            return None
        self._left -= 1
        changes = {**(also or {}), **line.dial.turn(_ANOTHER if line.excluded else to)}
        kind = judge(self._changed(changes), self.ruleset, self.model).outcome.kind
        if self.is_milder_wanted:
            return kind if kind.severity < self.kind.severity else None
        return kind if kind is not OutcomeKind.APPROVE else None

    def _closest(
        self,
        line: _Line,
        values: list[Value],
        low: int,
        high: int,
        kind: OutcomeKind,
        also: Mapping[str, object] | None,
    ) -> Flip:
        while high - low > 1:
            middle = (low + high) // 2
            found = self.flipped(line, values[middle], also)
            low, high, kind = (low, middle, found) if found else (middle, high, kind)
        to = values[high]
        if line.is_smooth:
            to, kind = self._refined(line, values[low] if low >= 0 else line.dial.now, to, kind, also)
        far = self.flipped(line, line.values[-1], also)
        bound = line.bound if far else Bound.NONE_OF if line.excluded else Bound.EXACTLY
        return Flip(kind, (line.change(to, bound),), line.dial.distance(to))

    def _refined(
        self, line: _Line, near: Value, far: Value, kind: OutcomeKind, also: Mapping[str, object] | None
    ) -> tuple[Value, OutcomeKind]:
        step = line.dial.step
        low, high = round(float(near or 0) / step), round(float(far or 0) / step)
        while abs(high - low) > 1:
            middle = (low + high) // 2
            found = self.flipped(line, _on_grid(middle, step), also)
            low, high, kind = (low, middle, found) if found else (middle, high, kind)
        return _on_grid(high, step), kind

    def _changed(self, changes: Mapping[str, object]) -> Seen:
        changes = settle(changes, self.seen.values)
        vector = self.seen.vector.copy()
        for name, value in changes.items():
            if name in self._columns and isinstance(value, float):
                vector[self._columns[name]] = value
        return replace(self.seen, values={**self.seen.values, **changes}, vector=vector)


def _nearer(found: Flip | None, best: Flip | None) -> Flip | None:
    return found if found is not None and (best is None or found.distance < best.distance) else best


def _find_pair(search: _Search, lines: Sequence[_Line]) -> Flip | None:
    """Return two changes that flip together, each then moved as near as the other allows."""
    best: Flip | None = None
    for one, other in combinations(lines[:_OPTIONS_FOR_PAIRS], 2):
        if one.dial.name == other.dial.name or not one.values or not other.values:
            continue
        second = other.dial.turn(_ANOTHER if other.excluded else other.values[-1])
        first = search.along(one, nearer_than=math.inf, also=second)
        if first is None:
            continue
        change = first.changes[0]
        fixed = one.dial.turn(_ANOTHER if one.excluded else _single(change))
        nearest = search.along(other, nearer_than=math.inf, also=fixed)
        if nearest is not None:
            pair = Flip(nearest.outcome, (change, *nearest.changes), first.distance + nearest.distance)
            best = _nearer(pair, best)
    return best


def _single(change: Change) -> Value:
    return None if isinstance(change.to, tuple) else change.to


# ── What to try ──────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True)
class _Cuts:
    """Where rules and trees divide an input: at numbers, at texts, and at the text of another input."""

    numbers: Mapping[str, set[float]]
    texts: Mapping[str, set[str]]
    others: Mapping[str, set[str]]


def _list_dials(search: _Search, schema: Schema, heaviest: Sequence[str], minor_units: int) -> list[Dial]:
    """Return the dials of what decided: inputs of the rules that hit, then what moved the score."""
    evaluation = search.evaluation
    hits = {rule.code for rule in evaluation.hits} if evaluation is not None else set()
    live = [rule for rule in search.ruleset.rules.rules if rule.code in search.ruleset.rules.conditions]
    # A rule that forces approval could speak up; where approval is to be lost, any rule could.
    hits |= {rule.code for rule in live if rule.effect is Effect.APPROVE or not search.is_milder_wanted}
    read = [
        field.name
        for rule in live
        if rule.code in hits
        for field in search.ruleset.rules.conditions[rule.code].fields
    ]
    # What a list is asked about is turned by its answer: another text would have to be looked up.
    looked_up = {probe.field.name for probe in search.ruleset.rules.probes}
    dials: dict[str, Dial] = {}
    for name in dict.fromkeys((*read, *heaviest)):
        if name in looked_up:
            continue
        dial = find_dial(
            name,
            search.seen.values,
            schema,
            minor_units=minor_units,
            is_milder_wanted=search.is_milder_wanted,
        )
        if dial is not None and len(dials) < _DIALS:
            dials.setdefault(dial.name, dial)
    answers = (probe_dial(name, answer) for name, answer in sorted(search.seen.probes.items()))
    return [*(dial for dial in answers if dial and search.is_milder_wanted), *dials.values()]


def _lines(dial: Dial, cuts: _Cuts, model: LiveModel | None) -> Iterator[_Line]:
    if isinstance(dial.now, bool):
        yield _Line(dial, (not dial.now,), Bound.EXACTLY)
    elif isinstance(dial.now, str):
        yield from _text_lines(dial, dial.now, cuts)
    elif isinstance(dial.now, float):
        is_smooth = model is not None and not isinstance(model.artifact.estimator, TreeBag)
        numbers = _numbers(dial, dial.now, cuts)
        if dial.may_fall:
            fall = tuple(sorted((to for to in numbers if 0 <= to < dial.now), reverse=True))
            yield _Line(dial, fall, Bound.AT_MOST, is_smooth=is_smooth)
        if dial.may_rise:
            rise = tuple(sorted(to for to in numbers if to > dial.now))
            yield _Line(dial, rise, Bound.AT_LEAST, is_smooth=is_smooth)


def _text_lines(dial: Dial, now: str, cuts: _Cuts) -> Iterator[_Line]:
    named = cuts.texts.get(dial.name, set())
    for to in sorted((named | cuts.others.get(dial.name, set())) - {now}):
        yield _Line(dial, (to,), Bound.EXACTLY)
    if now in named:
        yield _Line(dial, (_ANOTHER,), Bound.NONE_OF, excluded=tuple(sorted(named)))


def _numbers(dial: Dial, now: float, cuts: _Cuts) -> set[float]:
    """Return the values on the dial's grid at both sides of every cut, and tenths of the way to zero."""
    steps = {0}
    for name, factor in dial.factors.items():
        for cut in cuts.numbers.get(name, ()):
            if factor and math.isfinite(cut / factor):
                below = math.floor(cut / factor / dial.step + 1e-9)
                steps |= {below - 1, below, below + 1}
    for tenth in range(1, _TENTHS + 1):
        steps |= {math.floor(now * 0.9**tenth / dial.step), math.ceil(now * 1.1**tenth / dial.step)}
    return {_on_grid(number, dial.step) for number in steps}


def _on_grid(number: int, step: float) -> float:
    return round(number * step, 6)


def _cuts(ruleset: LiveRuleset, model: LiveModel | None, values: Values) -> _Cuts:
    cuts = _Cuts(defaultdict(set), defaultdict(set), defaultdict(set))
    for expression in ruleset.rules.conditions.values():
        for node in walk(expression.root):
            for name, other in _divisions(node):
                if isinstance(other, Reference):
                    _add_text(cuts, name, values.get(other.field.name))
                elif isinstance(other, str):
                    cuts.texts[name].add(other)
                elif isinstance(other, float):
                    cuts.numbers[name].add(other)
    # A model knows the two countries only by whether they differ.
    _add_text(cuts, "order.shipping_country", values.get("order.billing_country"))
    if model is not None and isinstance(model.artifact.estimator, TreeBag):
        for column, splits in model.artifact.estimator.split_values.items():
            cuts.numbers[model.artifact.features[column]].update(splits)
    return cuts


def _add_text(cuts: _Cuts, name: str, text: object) -> None:
    if isinstance(text, str):
        cuts.others[name].add(text)


def _divisions(node: Node) -> Iterator[tuple[str, object]]:
    """Yield the inputs of a comparison, each with the literal or the other input that it is held against."""
    match node:
        case Comparison(_, left, right):
            for side, other in ((_bare(left), _bare(right)), (_bare(right), _bare(left))):
                if isinstance(side, Reference) and isinstance(other, Literal | Reference):
                    yield side.field.name, other.value if isinstance(other, Literal) else other
        case Membership(operand, choices):
            bare = _bare(operand)
            if isinstance(bare, Reference):
                yield from ((bare.field.name, choice) for choice in choices)


def _bare(node: Node) -> Node:
    return node.operand if isinstance(node, Default) else node
