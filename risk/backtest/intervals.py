"""How sure a share is."""

from math import sqrt

Z95 = 1.959963984540054  # the 97.5 % point of the normal distribution: two sides of 95 %


def wilson(part: int, whole: int, z: float = Z95) -> tuple[float, float]:
    """Return the Wilson score interval of part / whole, (0, 1) where whole is 0.

    Wilson 1927; Brown, Cai & DasGupta 2001, "Interval estimation for a binomial proportion", recommend
    it for small samples, where the textbook interval leaves 0–1 or has no width.

    >>> [round(bound, 4) for bound in wilson(8, 10)]
    [0.4902, 0.9433]
    >>> [round(bound, 4) for bound in wilson(0, 20)]
    [0.0, 0.1611]
    """
    if whole <= 0:
        return 0.0, 1.0
    share, weight = part / whole, z * z / whole
    centre = (share + weight / 2) / (1 + weight)
    half = z / (1 + weight) * sqrt(share * (1 - share) / whole + weight / (4 * whole))
    return (0.0 if part == 0 else max(centre - half, 0.0)), (
        1.0 if part == whole else min(centre + half, 1.0)
    )
