"""Ranked lists of listings, and how several become one. Plain Python: requests import it."""

from collections.abc import Collection, Iterable, Sequence

# [(listing id, score), …], best first.
Ranked = Sequence[tuple[int, float]]
# An item bought one purchase earlier counts this much less. Ours: five purchases ago counts a third.
RECENCY = 0.8


def combine(lists: Iterable[Ranked], *, exclude: Collection[int], limit: int) -> list[tuple[int, float]]:
    """Return one list from the neighbour lists of a history, its newest item's first.

    Scores of a listing add up, each list weighing RECENCY times the one before. Ties go to the older
    listing, so that the same input always gives the same answer.

    >>> combine([[(1, 0.5), (2, 0.4)], [(2, 0.5)]], exclude={1}, limit=5)
    [(2, 0.8)]
    """
    scores: dict[int, float] = {}
    weight = 1.0
    for ranked in lists:
        for listing_id, score in ranked:
            if listing_id not in exclude:
                scores[listing_id] = scores.get(listing_id, 0.0) + weight * score
        weight *= RECENCY
    best = sorted(scores.items(), key=lambda one: (-one[1], one[0]))
    return best[:limit]
