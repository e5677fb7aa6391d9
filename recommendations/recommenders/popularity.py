"""Popularity: what most buyers bought. The baseline, and the answer where there is no history."""

import numpy as np
import numpy.typing as npt

from recommendations.interactions import Interactions
from recommendations.ranking import Ranked

from . import LIST_LENGTH, Neighbours


class Popularity:
    kind = "popularity"

    def fit(self, interactions: Interactions, candidates: npt.NDArray[np.bool_]) -> Neighbours:
        return Neighbours(popular=most_popular(interactions, candidates))


def most_popular(interactions: Interactions, candidates: npt.NDArray[np.bool_]) -> Ranked:
    """Return the items with most buyers; the score is the share of buyers who bought it."""
    if not len(interactions):
        return []
    buyers = np.bincount(interactions.items, minlength=interactions.n_items)
    best = np.lexsort((interactions.listing_ids, -buyers))
    best = best[candidates[best] & (buyers[best] > 0)][:LIST_LENGTH]
    shares = np.round(buyers[best] / interactions.n_buyers, 6)
    return list(zip(interactions.listing_ids[best].tolist(), shares.tolist(), strict=True))
