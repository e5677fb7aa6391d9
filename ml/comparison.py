"""Is a challenger good enough to take the champion's place? Both are judged on the same rows and draws."""

from dataclasses import dataclass
from typing import Any

from ml.intervals import Interval, Judgement

COMPARED = ("average_precision", "auc", "cost_per_row_minor", "brier", "calibration_error")


@dataclass(frozen=True, kw_only=True)
class Margins:
    """How much worse a challenger may be and still count as not worse.

    Without a margin, equal models would fail half the time. Ours, set before any model was compared: what
    training again changes cannot count as worse. Twelve seeds of one recipe differ in average precision by a
    standard deviation of 0.021 on 4,000 rows with 397 bad ones (the set of tests/ml/synthetic.py).

    average_precision    absolute loss
    cost_share           of the champion's cost
    """

    average_precision: float = 0.02
    cost_share: float = 0.05


@dataclass(frozen=True)
class Comparison:
    """Challenger minus champion, figure by figure, and whether the challenger is not worse.

    cost_limit_minor    what the difference in cost may reach, minor units a row
    reasons             codes why it does not pass:
                        not_comparable                            a figure cannot be computed
                        worse_average_precision, worse_cost       the whole interval lies beyond the margin
                        unsure_average_precision, unsure_cost     the interval reaches beyond it: more rows,
                                                                  or a better model
    """

    challenger: str
    champion: str
    differences: dict[str, Interval]
    margins: Margins
    cost_limit_minor: float | None
    reasons: tuple[str, ...]

    @property
    def passes(self) -> bool:
        """True if the whole intervals of average precision and cost lie inside their margins."""
        return not self.reasons

    def as_json(self) -> dict[str, Any]:
        return {
            "challenger": self.challenger,
            "champion": self.champion,
            "differences": {name: interval.as_json() for name, interval in self.differences.items()},
            "margins": {
                "average_precision": self.margins.average_precision,
                "cost_share": self.margins.cost_share,
            },
            "cost_limit_minor": self.cost_limit_minor,
            "passes": self.passes,
            "reasons": list(self.reasons),
        }


def compare(
    judgement: Judgement, challenger: str, champion: str, *, margins: Margins | None = None
) -> Comparison:
    """Return the paired comparison of two models of one judgement; pass requires non-inferiority.

    >>> import numpy as np
    >>> from ml.intervals import JudgedRows, judge
    >>> random = np.random.default_rng(5)
    >>> is_bad = random.random(4_000) < 0.2
    >>> rows = JudgedRows(is_bad, np.arange(4_000) * 3_600_000_000)
    >>> good = np.clip(0.2 + 0.2 * is_bad + random.normal(0, 0.1, 4_000), 0, 1)
    >>> judgement = judge(rows, {"new": random.permutation(good), "old": good})
    >>> compare(judgement, "new", "old").reasons
    ('worse_average_precision', 'worse_cost')
    >>> compare(judgement, "old", "new").passes
    True
    """
    margins = margins or Margins()
    differences = {figure: judgement.difference(challenger, champion, figure) for figure in COMPARED}
    champion_cost = judgement.interval(champion, "cost_per_row_minor").value
    limit = None if champion_cost is None else margins.cost_share * champion_cost
    gain, extra = differences["average_precision"], differences["cost_per_row_minor"]
    if limit is None or None in (gain.low, gain.high, extra.low, extra.high):
        reasons: tuple[str, ...] = ("not_comparable",)
    else:
        reasons = (
            *non_inferior(gain, margins.average_precision, "average_precision"),
            *non_inferior(extra, limit, "cost", higher_is_better=False),
        )
    return Comparison(challenger, champion, differences, margins, limit, reasons)


def non_inferior(
    difference: Interval, margin: float, name: str, *, higher_is_better: bool = True
) -> tuple[str, ...]:
    """Return () if the interval of challenger minus champion stays inside the margin, else why not.

    >>> non_inferior(Interval(-0.01, -0.015, 0.0), 0.02, "average_precision")
    ()
    >>> non_inferior(Interval(-0.01, -0.04, 0.02), 0.02, "average_precision")
    ('unsure_average_precision',)
    >>> non_inferior(Interval(9.0, 7.0, 11.0), 5.0, "cost", higher_is_better=False)
    ('worse_cost',)
    """
    if difference.low is None or difference.high is None:
        return ("not_comparable",)
    worst, best = difference.low, difference.high
    if not higher_is_better:
        worst, best = -difference.high, -difference.low
    if worst >= -margin:
        return ()
    return (f"worse_{name}",) if best < -margin else (f"unsure_{name}",)
