"""From sums to the result that people read."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
from django.conf import settings

from core.money import exponent
from risk.models import Backtest
from risk.rules.engine import Mode, RuleDefinition
from risk.rulesets import LiveRuleset
from risk.version import code_version

from . import costs as cost_curve
from .costs import Costs
from .intervals import wilson
from .results import (
    BacktestResult,
    Day,
    DaySide,
    Measure,
    Move,
    Note,
    Overlap,
    RuleLine,
    Segment,
    Share,
    Side,
)
from .tally import OUTCOMES, RuleSums, Tally
from .trials import Trial
from .truths import BAD, GOOD, UNKNOWN

Ints = npt.NDArray[np.int64]

SEGMENTS_LISTED = 40
OVERLAPS_LISTED = 5
_SECONDS_PER_DAY = 86_400


def build_result(
    backtest: Backtest, trial: Trial, tally: Tally, *, model_hash: str, parts: int
) -> BacktestResult:
    """Return the result of a backtest from the sums over all its parts."""
    costs, days = Costs.from_json(backtest.costs), _days_of(backtest.since, backtest.until)
    sides = _Sides(costs, days, has_live=trial.live is not None)
    truths = _by_truth(tally.total)
    segments, is_cut = _segments(tally, sides)
    return BacktestResult(
        currency=settings.BASE_CURRENCY,
        exponent=exponent(settings.BASE_CURRENCY),
        period={"since": backtest.since.isoformat(), "until": backtest.until.isoformat(), "days": days},
        tested=_tested(backtest, trial),
        data={
            "rows": int(truths[:, 0].sum()),
            "bad": int(truths[BAD, 0]),
            "good": int(truths[GOOD, 0]),
            "unknown": int(truths[UNKNOWN, 0]),
            "amount_minor": int(truths[:, 1].sum()),
            **tally.data,
            "model_hash": model_hash,
            "code_version": code_version(),
            "parts": parts,
        },
        notes=_notes(tally, truths, trial, model_hash, is_cut=is_cut),
        candidate=sides.candidate(tally.total),
        live=sides.live(tally.total),
        rules=_rule_lines(trial.candidate, tally.rules, _meetings(trial, tally)),
        live_rules=() if trial.live is None else _rule_lines(trial.live, tally.live_rules),
        segments=segments,
        days=_days(tally, sides),
        moves=() if trial.live is None else _moves(tally.total),
        flips=tally.flips,
        costs=cost_curve.report(tally.scored, costs, trial.candidate.policy.thresholds, days=days),
    )


def _days_of(since: datetime, until: datetime) -> float:
    return (until - since).total_seconds() / _SECONDS_PER_DAY


def _tested(backtest: Backtest, trial: Trial) -> dict[str, Any]:
    return {
        "kind": str(backtest.kind),
        "content_hash": backtest.content_hash,
        "baseline_hash": backtest.baseline_hash,
        "rule_code": backtest.rule_code,
        "thresholds": asdict(trial.candidate.policy.thresholds),
        "live_thresholds": None if trial.live is None else asdict(trial.live.policy.thresholds),
    }


def _notes(tally: Tally, truths: Ints, trial: Trial, model_hash: str, *, is_cut: bool) -> tuple[str, ...]:
    rows, known = int(truths[:, 0].sum()), int(truths[[GOOD, BAD], 0].sum())
    said = {
        Note.NO_ROWS: not rows,
        Note.NO_LABELS: rows > 0 and not known,
        Note.FEW_LABELS: 0 < known < rows / 2,
        Note.NO_MODEL: not model_hash,
        Note.NOTHING_LIVE: trial.live is None,
        Note.RECOMPUTED_INPUTS: tally.data.get("recomputed_inputs", 0) > 0,
        Note.COMPUTED_SCORES: tally.data.get("computed_scores", 0) > 0,
        Note.CATEGORIES_CUT: is_cut,
    }
    return tuple(note.value for note, holds in said.items() if holds)


# ── Sides ────────────────────────────────────────────────────────────────────────────────────────
class _Sides:
    """Reads either side off a cube (live, candidate, truth, count and amount)."""

    def __init__(self, costs: Costs, days: float, *, has_live: bool) -> None:
        self._costs, self._days, self._has_live = costs, days, has_live

    def candidate(self, cube: Ints) -> Side:
        return self._side(cube.sum(axis=0))

    def live(self, cube: Ints) -> Side | None:
        return self._side(cube.sum(axis=1)) if self._has_live else None

    def candidate_day(self, cube: Ints) -> DaySide:
        return _day_side(cube.sum(axis=0))

    def live_day(self, cube: Ints) -> DaySide | None:
        return _day_side(cube.sum(axis=1)) if self._has_live else None

    def _side(self, cells: Ints) -> Side:
        """cells (outcome, truth, count and amount)"""
        approved, reviewed, declined = cells
        stopped = reviewed + declined
        hours = int(reviewed[:, 0].sum()) * self._costs.review_minutes / 60
        known, bad = stopped[GOOD] + stopped[BAD], cells[:, BAD].sum(axis=0)
        return Side(
            approved=_measure(approved.sum(axis=0)),
            reviewed=_measure(reviewed.sum(axis=0)),
            declined=_measure(declined.sum(axis=0)),
            caught_bad=_measure(stopped[BAD]),
            missed_bad=_measure(approved[BAD]),
            good_held=_measure(reviewed[GOOD]),
            good_declined=_measure(declined[GOOD]),
            unknown_held=_measure(reviewed[UNKNOWN]),
            unknown_declined=_measure(declined[UNKNOWN]),
            precision=share_of(stopped[BAD, 0], known[0]),
            recall=share_of(stopped[BAD, 0], bad[0]),
            precision_by_amount=_money_share(stopped[BAD, 1], known[1]),
            recall_by_amount=_money_share(stopped[BAD, 1], bad[1]),
            review_hours=round(hours, 2),
            review_hours_per_day=round(hours / self._days, 3),
        )


def _day_side(cells: Ints) -> DaySide:
    return DaySide(
        reviewed=int(cells[1, :, 0].sum()),
        declined=int(cells[2, :, 0].sum()),
        caught_bad=int(cells[1:, BAD, 0].sum()),
    )


def share_of(part: int | np.int64, whole: int | np.int64) -> Share:
    """Return a share of rows with its interval."""
    part, whole = int(part), int(whole)
    if not whole:
        return Share(None, None, None, part, whole)
    low, high = wilson(part, whole)
    return Share(part / whole, low, high, part, whole)


def _money_share(part: np.int64, whole: np.int64) -> Share:
    return Share(float(part / whole) if whole else None, None, None, int(part), int(whole))


def _measure(cell: Ints) -> Measure:
    return Measure(int(cell[0]), int(cell[1]))


def _by_truth(cube: Ints) -> Ints:
    """Return (truth, count and amount)."""
    found: Ints = cube.sum(axis=(0, 1))
    return found


# ── Rules ────────────────────────────────────────────────────────────────────────────────────────
def _rule_lines(side: LiveRuleset, sums: RuleSums, meets: "_Meetings | None" = None) -> tuple[RuleLine, ...]:
    """Return a line per rule; `meets` compares them with live's, None for live itself."""
    lines = []
    for place, rule in enumerate(judged_rules(side)):
        hits, bad = sums.hits[place].sum(axis=0), sums.hits[place, BAD]
        lines.append(
            RuleLine(
                code=rule.code,
                name=rule.name,
                effect=rule.effect.value,
                mode=rule.mode.value,
                points=rule.points,
                hits=_measure(hits),
                bad=_measure(bad),
                good=_measure(sums.hits[place, GOOD]),
                unknown=_measure(sums.hits[place, UNKNOWN]),
                missing=int(sums.missing[place]),
                muted=int(sums.muted[place]),
                precision=share_of(bad[0], bad[0] + sums.hits[place, GOOD, 0]),
                unique_bad=_measure(sums.unique_bad[place]),
                already_caught=share_of(sums.caught[place, 0], hits[0]) if meets else None,
                bad_already_caught=share_of(sums.caught[place, 1], bad[0]) if meets else None,
                overlaps=meets.of(rule, place, int(hits[0])) if meets else (),
            )
        )
    return tuple(lines)


def judged_rules(side: LiveRuleset) -> list[RuleDefinition]:
    """Return the rules that have findings, in ruleset order: all but those that are off."""
    return [rule for rule in side.rules.rules if rule.mode is not Mode.OFF]


@dataclass(frozen=True, eq=False)
class _Meetings:
    """Where the candidate's rules meet live's."""

    live: Sequence[RuleDefinition]
    live_hits: Ints
    both: Ints

    def of(self, rule: RuleDefinition, place: int, hits: int) -> tuple[Overlap, ...]:
        found = []
        for other, their_hits, both in zip(self.live, self.live_hits, self.both[place].tolist(), strict=True):
            is_itself = other.code == rule.code and other.condition == rule.condition
            if both and not is_itself:
                jaccard = both / (hits + int(their_hits) - both)
                found.append(Overlap(other.code, both, round(jaccard, 4), round(both / hits, 4)))
        found.sort(key=lambda one: (-one.jaccard, one.code))
        return tuple(found[:OVERLAPS_LISTED])


def _meetings(trial: Trial, tally: Tally) -> "_Meetings | None":
    if trial.live is None:
        return None
    return _Meetings(judged_rules(trial.live), tally.live_rules.hits[:, :, 0].sum(axis=1), tally.overlap)


# ── Groups ───────────────────────────────────────────────────────────────────────────────────────
def _segments(tally: Tally, sides: _Sides) -> tuple[dict[str, tuple[Segment, ...]], bool]:
    """Return the segments, and whether some had to be summed up in "other"."""
    found: dict[str, tuple[Segment, ...]] = {}
    is_cut = False
    for segment, values in tally.groups.items():
        if segment in {"", "day"}:
            continue
        ranked = sorted(values.items(), key=lambda item: (-_rows(item[1]), item[0]))
        if len(ranked) > SEGMENTS_LISTED:
            is_cut = True
            rest = sum(cube for _, cube in ranked[SEGMENTS_LISTED - 1 :])
            ranked = [*ranked[: SEGMENTS_LISTED - 1], ("other", np.asarray(rest))]
        found[segment] = tuple(
            Segment(value, _rows(cube), int(_by_truth(cube)[BAD, 0]), sides.candidate(cube), sides.live(cube))
            for value, cube in ranked
        )
    return found, is_cut


def _days(tally: Tally, sides: _Sides) -> tuple[Day, ...]:
    return tuple(
        Day(day, _rows(cube), int(_by_truth(cube)[BAD, 0]), sides.candidate_day(cube), sides.live_day(cube))
        for day, cube in sorted(tally.groups.get("day", {}).items())
    )


def _moves(cube: Ints) -> tuple[Move, ...]:
    return tuple(
        Move(
            live=OUTCOMES[before],
            candidate=OUTCOMES[after],
            count=int(cell[:, 0].sum()),
            amount_minor=int(cell[:, 1].sum()),
            bad=int(cell[BAD, 0]),
            good=int(cell[GOOD, 0]),
            unknown=int(cell[UNKNOWN, 0]),
        )
        for before in range(3)
        for after in range(3)
        for cell in [cube[before, after]]
        if before != after and cell[:, 0].any()
    )


def _rows(cube: Ints) -> int:
    return int(cube[..., 0].sum())
