"""How recent scores are distributed, and what thresholds would do to them."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

from risk.models import Decision

from .estimates import Share

LATEST = 2_000
_BINS = 50
HEIGHT = 120
# The drawing is stretched to its place; its units are percent of the score.
WIDTH = 100


@dataclass(frozen=True)
class Bin:
    """One bar of the histogram; `band` is low, medium or high."""

    x: float
    width: float
    y: float
    height: float
    band: str


@dataclass(frozen=True)
class Outcomes:
    """Recent decisions under some thresholds: the histogram, and how many each line would stop by itself."""

    decisions: int
    bins: Sequence[Bin]
    review_x: float
    decline_x: float
    score_reviewed: Share
    score_declined: Share
    points_reviewed: Share
    points_declined: Share
    without_score: int

    @property
    def review_width(self) -> float:
        return round(self.decline_x - self.review_x, 2)

    @property
    def decline_width(self) -> float:
        return round(WIDTH - self.decline_x, 2)


def recent_scores(subject: str) -> list[tuple[float | None, int]]:
    """Return (score, points) of the latest decisions; one query."""
    rows = Decision.objects.filter(subject_kind=subject).order_by("-id")
    return list(rows.values_list("score", "points")[:LATEST])


def draw_outcomes(
    rows: Sequence[tuple[float | None, int]],
    *,
    review_at: float,
    decline_at: float,
    points_review_at: int,
    points_decline_at: int,
) -> Outcomes:
    """Return what these thresholds would do; heights grow with the square root of the count."""
    scores = [score for score, _ in rows if score is not None]
    points = [points for _, points in rows]
    n = len(rows)
    declined = sum(score >= decline_at for score in scores)
    return Outcomes(
        decisions=n,
        bins=_bins(scores, review_at, decline_at),
        review_x=round(WIDTH * review_at, 2),
        decline_x=round(WIDTH * decline_at, 2),
        score_reviewed=Share(sum(score >= review_at for score in scores) - declined, n),
        score_declined=Share(declined, n),
        points_reviewed=Share(sum(points_review_at <= p < points_decline_at for p in points), n),
        points_declined=Share(sum(p >= points_decline_at for p in points), n),
        without_score=n - len(scores),
    )


def _bins(scores: Sequence[float], review_at: float, decline_at: float) -> list[Bin]:
    counts = [0] * _BINS
    for score in scores:
        counts[min(_BINS - 1, int(score * _BINS))] += 1
    top, each = sqrt(max(counts, default=0)) or 1, WIDTH / _BINS
    bins = []
    for place, count in enumerate(counts):
        height = max(1.5, HEIGHT * sqrt(count) / top) if count else 0
        middle = (place + 0.5) / _BINS
        band = "high" if middle >= decline_at else "medium" if middle >= review_at else "low"
        bins.append(Bin(place * each + 0.15, each - 0.3, round(HEIGHT - height, 2), round(height, 2), band))
    return bins
