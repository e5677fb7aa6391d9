"""Is a model as careful with every segment? Rates and calibration by segment, with limits that block.

Two questions are asked of each segment, a merchant size or a country for instance:

    too many good rows held    its false-positive rate against that of all other rows
    wrong probabilities        its mean predicted probability against the share that proved bad

A small segment is off by chance alone. A limit is therefore only broken if the whole confidence interval
lies beyond it, and the level is divided by the number of questions asked (Bonferroni), so that 5 % is the
chance of a false alarm over the whole table, not of each cell. Intervals of a rate are exact binomial ones
on the effective number of rows (Clopper & Pearson 1934; Korn & Graubard 1998 for weights and groups): rows
of one merchant count for less than as many merchants do.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ml.arrays import Flags, Floats, Ints
from ml.intervals import JudgedRows


@dataclass(frozen=True, kw_only=True)
class FairnessLimits:
    """What blocks.

    max_fpr_ratio          of a segment's false-positive rate to that of the other rows: the four-fifths rule
                           (29 CFR 1607.4 D) turned round, 1 / 0.8
    min_fpr_gap            a ratio of tiny rates harms nobody: below this difference it does not count (ours)
    max_calibration_gap    between predicted and observed share, absolute (ours: two in a hundred)
    level                  chance of a false alarm over the whole table
    risk_segments          names of segments whose rates may differ, because their risk is known to (a
                           merchant's tenure, say) and policy says so: rates are shown, and only
                           calibration blocks.
                           A calibrated model holds more good rows where more rows are bad (Chouldechova 2017)
    """

    max_fpr_ratio: float = 1.25
    min_fpr_gap: float = 0.01
    max_calibration_gap: float = 0.02
    level: float = 0.05
    risk_segments: tuple[str, ...] = ()


@dataclass(frozen=True)
class SegmentFigures:
    """One value of one segment. Shares are None where there are no rows to take them of.

    flagged_share              of all rows, those at or above the threshold
    false_positive_rate        of good rows; with the interval at the divided level
    fpr_ratio, fpr_ratio_low   to the other rows of all values; and its lower bound
    predicted, observed        mean probability and share bad; observed with its interval
    breaches                   codes: held_too_often, predicted_too_high, predicted_too_low
    """

    value: str
    rows: int
    bad: int
    flagged_share: float | None
    false_positive_rate: float | None
    false_positive_rate_low: float | None
    false_positive_rate_high: float | None
    fpr_ratio: float | None
    fpr_ratio_low: float | None
    recall: float | None
    predicted: float | None
    observed: float | None
    observed_low: float | None
    observed_high: float | None
    breaches: tuple[str, ...]


@dataclass(frozen=True)
class FairnessReport:
    """segments: by name the figures of each value, in alphabetical order; checks: how many questions."""

    limits: FairnessLimits
    threshold: float
    checks: int
    segments: Mapping[str, tuple[SegmentFigures, ...]]

    @property
    def breaches(self) -> list[tuple[str, str, str]]:
        """Return (segment, value, code) of everything that lies beyond a limit."""
        return [
            (name, figures.value, code)
            for name, values in self.segments.items()
            for figures in values
            for code in figures.breaches
        ]

    @property
    def passes(self) -> bool:
        return not self.breaches

    def as_json(self) -> dict[str, Any]:
        return {
            "limits": asdict(self.limits) | {"risk_segments": list(self.limits.risk_segments)},
            "threshold": self.threshold,
            "checks": self.checks,
            "segments": {
                name: [asdict(figures) | {"breaches": list(figures.breaches)} for figures in values]
                for name, values in self.segments.items()
            },
            "breaches": [
                {"segment": segment, "value": value, "code": code} for segment, value, code in self.breaches
            ],
            "passes": self.passes,
        }


def audit_fairness(
    rows: JudgedRows,
    probability: Floats,
    threshold: float,
    *,
    segments: Sequence[str] | None = None,
    limits: FairnessLimits | None = None,
    is_calibrated: bool = True,
) -> FairnessReport:
    """Return rates and calibration of each segment value, and what lies beyond the limits.

    segments         which of the rows' segments; all by default. Unknown ("") is shown and never blocks
    is_calibrated    False for a model whose scores are ranks only: they are not asked to come true

    >>> random = np.random.default_rng(3)
    >>> size = np.where(random.random(8_000) < 0.3, "small", "large")
    >>> is_bad = random.random(8_000) < 0.05
    >>> rows = JudgedRows(is_bad, np.arange(8_000), segments={"merchant_size": size})
    >>> harsh = np.clip(0.05 + 0.05 * (size == "small") + random.normal(0, 0.02, 8_000), 0, 1)
    >>> audit_fairness(rows, harsh, 0.1).breaches
    [('merchant_size', 'small', 'held_too_often'), ('merchant_size', 'small', 'predicted_too_high')]
    """
    limits = limits or FairnessLimits()
    chosen = {name: rows.segments[name] for name in (rows.segments if segments is None else segments)}
    values = {name: np.unique(labels).tolist() for name, labels in chosen.items()}
    named = {name: sum(value != "" for value in found) for name, found in values.items()}
    asked = sum(count * (is_calibrated + (name not in limits.risk_segments)) for name, count in named.items())
    audit = _Audit(rows, probability, threshold, limits, limits.level / max(asked, 1), is_calibrated)
    return FairnessReport(
        limits=limits,
        threshold=threshold,
        checks=asked,
        segments={
            name: tuple(
                audit.of(value, labels == value, are_rates_limited=name not in limits.risk_segments)
                for value in values[name]
            )
            for name, labels in chosen.items()
        },
    )


class _Audit:
    """The rows of one audit; `level` is that of each question."""

    def __init__(
        self,
        rows: JudgedRows,
        probability: Floats,
        threshold: float,
        limits: FairnessLimits,
        level: float,
        is_calibrated: bool,
    ) -> None:
        self._rows, self._probability, self._limits, self._level = rows, probability, limits, level
        self._is_flagged, self._is_calibrated = probability >= threshold, is_calibrated
        self._group = (
            np.arange(len(rows))
            if rows.group is None
            else np.unique(rows.group, return_inverse=True)[1].astype(np.int64)
        )

    def of(self, value: str, inside: Flags, *, are_rates_limited: bool) -> SegmentFigures:
        is_bad, weights = self._rows.is_bad, self._rows.weights
        held = self._share(self._is_flagged, inside & ~is_bad)
        elsewhere = self._share(self._is_flagged, ~inside & ~is_bad)
        observed = self._share(is_bad, inside)
        ratio, ratio_low = _ratio(held, elsewhere, self._level)
        predicted = _mean(self._probability, weights, inside)
        held_interval, observed_interval = held.interval(self._level), observed.interval(self._level)
        breaches: list[str] = []
        if value != "":
            breaches += self._held_too_often(held, elsewhere, ratio_low) if are_rates_limited else []
            breaches += self._miscalibrated(predicted, observed_interval)
        return SegmentFigures(
            value=str(value),
            rows=int(inside.sum()),
            bad=int((inside & is_bad).sum()),
            flagged_share=_mean(self._is_flagged.astype(np.float64), weights, inside),
            false_positive_rate=held.rate,
            false_positive_rate_low=held_interval[0],
            false_positive_rate_high=held_interval[1],
            fpr_ratio=ratio,
            fpr_ratio_low=ratio_low,
            recall=_mean(self._is_flagged.astype(np.float64), weights, inside & is_bad),
            predicted=predicted,
            observed=observed.rate,
            observed_low=observed_interval[0],
            observed_high=observed_interval[1],
            breaches=tuple(breaches),
        )

    def _held_too_often(self, held: "_Share", elsewhere: "_Share", ratio_low: float | None) -> list[str]:
        if ratio_low is None or held.rate is None or elsewhere.rate is None:
            return []
        is_beyond = ratio_low > self._limits.max_fpr_ratio
        matters = held.rate - elsewhere.rate >= self._limits.min_fpr_gap
        return ["held_too_often"] if is_beyond and matters else []

    def _miscalibrated(
        self, predicted: float | None, observed: tuple[float | None, float | None]
    ) -> list[str]:
        low, high = observed
        if not self._is_calibrated or predicted is None or low is None or high is None:
            return []
        if predicted > high + self._limits.max_calibration_gap:
            return ["predicted_too_high"]
        return ["predicted_too_low"] if predicted < low - self._limits.max_calibration_gap else []

    def _share(self, has: Flags, among: Flags) -> "_Share":
        return _Share.of(has[among], self._rows.weights[among], self._group[among])


@dataclass(frozen=True)
class _Share:
    """A weighted share and the number of independent rows that it is worth; None of no rows."""

    rate: float | None
    effective: float

    @classmethod
    def of(cls, has: Flags, weight: Floats, group: Ints) -> "_Share":
        total = float(weight.sum())
        if total <= 0:
            return cls(None, 0.0)
        rate = min(max(float(weight @ has / total), 0.0), 1.0)
        by_weight = total**2 / float(weight @ weight)
        _, code = np.unique(group, return_inverse=True)
        groups = int(code.max()) + 1
        if groups < 2:
            return cls(rate, 0.0)  # one merchant says nothing about others
        if rate in (0.0, 1.0):
            return cls(rate, min(by_weight, float(groups)))
        sums = np.bincount(code, weights=weight * (has - rate))
        variance = float(sums @ sums) / total**2 * groups / (groups - 1)
        by_spread = rate * (1 - rate) / variance if variance > 0 else by_weight
        return cls(rate, min(by_spread, by_weight) * _for_few_groups(groups, by_weight))

    def interval(self, level: float) -> tuple[float | None, float | None]:
        """Return Clopper and Pearson's interval, each end at half the level."""
        if self.rate is None or self.effective <= 0:
            return None, None
        hits, misses = self.rate * self.effective, (1 - self.rate) * self.effective
        low = _beta(level / 2, hits, misses + 1) if hits > 0 else 0.0
        high = _beta(1 - level / 2, hits + 1, misses) if misses > 0 else 1.0
        return low, high


def _for_few_groups(groups: int, rows: float) -> float:
    """Korn and Graubard's factor: with few groups their spread is itself uncertain."""
    from scipy.special import stdtrit

    wide, narrow = float(stdtrit(groups - 1, 0.975)), float(stdtrit(max(rows - 1, 1.0), 0.975))
    return min((narrow / wide) ** 2, 1.0)


def _ratio(share: _Share, other: _Share, level: float) -> tuple[float | None, float | None]:
    """Return the ratio of two rates and its lower bound, exact for rare events.

    Given the sum of two Poisson counts, the first is binomial (Przyborowski & Wilenski 1940).
    """
    if share.rate is None or other.rate is None:
        return None, None
    ratio = share.rate / other.rate if other.rate else None
    hits, others = share.rate * share.effective, other.rate * other.effective
    if hits <= 0 or other.effective <= 0:
        return ratio, None
    low = _beta(level / 2, hits, others + 1)
    return ratio, low / (1 - low) * other.effective / share.effective


def _beta(quantile: float, first: float, second: float) -> float:
    from scipy.special import betaincinv

    return float(betaincinv(first, second, quantile))


def _mean(values: Floats, weight: Floats, among: Flags) -> float | None:
    total = float(weight[among].sum())
    return float(values[among] @ weight[among] / total) if total > 0 else None
