"""How far two people agree beyond chance, and how far one of them is to be trusted: plain arithmetic."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

Z95 = NormalDist().inv_cdf(0.975)  # two sides of 95 %

# As many looks as the queue's mean counts for in a reviewer's own share: with fewer own ones it says more.
PRIOR_LOOKS = 20


@dataclass(frozen=True)
class Kappa:
    """Agreement of two raters beyond chance.

    value      1 = always, 0 = as by chance, below 0 = less often than by chance
    low, high  95 % interval, cut at −1 and 1; both None where the standard error is 0 because they never
               differed, so that nothing is known of its spread
    observed   share of the items on which both said the same, 0–1
    n          items that both rated
    """

    value: float
    low: float | None
    high: float | None
    observed: float
    n: int


def cohen_kappa(table: Sequence[Sequence[int]]) -> Kappa | None:
    """Return Cohen's kappa of a square table of counts; None where it is undefined.

    table    table[i][j] = items that the first put into class i and the second into class j

    Cohen 1960, "A coefficient of agreement for nominal scales". The standard
    error is that of Fleiss, Cohen & Everitt 1969, "Large sample standard errors
    of kappa and weighted kappa", for a kappa that is not 0. Undefined without
    items, and where both put everything into one class: chance explains it all.

    >>> kappa = cohen_kappa([[20, 5], [10, 15]])
    >>> assert kappa
    >>> round(kappa.value, 2), round(kappa.low or 0, 3), round(kappa.high or 0, 3)
    (0.4, 0.151, 0.649)
    """
    n = sum(map(sum, table))
    if n == 0:
        return None
    classes = range(len(table))
    share = [[cell / n for cell in row] for row in table]
    first = [sum(row) for row in share]
    second = [sum(row[j] for row in share) for j in classes]
    observed = sum(share[i][i] for i in classes)
    expected = sum(first[i] * second[i] for i in classes)
    rest = 1 - expected
    if rest < 1 / (2 * n * n):  # expected is a multiple of 1 / n²: below this it is 1 but for rounding
        return None
    value = (observed - expected) / rest
    together = sum(share[i][i] * (1 - (first[i] + second[i]) * (1 - value)) ** 2 for i in classes)
    apart = (1 - value) ** 2 * sum(
        share[i][j] * (second[i] + first[j]) ** 2 for i in classes for j in classes if i != j
    )
    variance = together + apart - (value - expected * (1 - value)) ** 2
    error = sqrt(max(variance, 0.0) / n) / rest
    agreed = sum(table[i][i] for i in classes)
    if agreed == n:
        return Kappa(1.0, None, None, 1.0, n)
    return Kappa(value, max(value - Z95 * error, -1.0), min(value + Z95 * error, 1.0), observed, n)


def cites_kappa(both: int, only_first: int, only_second: int, neither: int) -> Kappa | None:
    """Return the kappa of giving one reason or not; None where it is undefined."""
    return cohen_kappa([[both, only_first], [only_second, neither]])


def reliability(right: int, looks: int, *, mean: float, prior_looks: int = PRIOR_LOOKS) -> float:
    """Return the share of a reviewer's judgements that may be expected to be right, 0–1.

    The m-estimate (Cestnik 1990, "Estimating probabilities: a crucial task in
    machine learning"), the mean of a beta posterior: the own share, shrunk
    towards the queue's, which counts as `prior_looks` looks.

    >>> reliability(0, 0, mean=0.9), reliability(2, 20, mean=0.9), reliability(2000, 2000, mean=0.9) > 0.99
    (0.9, 0.5, True)
    """
    return (right + prior_looks * mean) / (looks + prior_looks)
