"""Item–item neighbourhood: listings that the same buyers bought, by shrunk cosine similarity."""

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from recommendations.interactions import Interactions
from recommendations.ranking import Ranked

from . import LIST_LENGTH, Neighbours
from .popularity import most_popular

# Pulls similarities that rest on few common buyers towards zero (Bell & Koren 2007, "shrinkage").
SHRINK = 10.0
# A reseller's thousand purchases make a million pairs and say nothing about taste; the newest hundred do.
MAX_ITEMS_PER_BUYER = 100
# Rows multiplied at once: bounds the memory of the products, not the result.
_BLOCK_ITEMS = 2_000


class Neighbourhood:
    kind = "neighbourhood"

    def fit(self, interactions: Interactions, candidates: npt.NDArray[np.bool_]) -> Neighbours:
        """Return each item's nearest candidates: common / (√(buyers of a · buyers of b) + SHRINK)."""
        popular = most_popular(interactions, candidates)
        bought = _matrix(_newest_per_buyer(interactions, MAX_ITEMS_PER_BUYER))
        sizes = np.sqrt(np.asarray(bought.sum(axis=0), dtype=np.float64).ravel())
        similar: dict[int, Ranked] = {}
        for start in range(0, interactions.n_items, _BLOCK_ITEMS):
            common = (bought[:, start : start + _BLOCK_ITEMS].T @ bought).tocsr()
            for row in range(common.shape[0]):
                item = start + row
                span = slice(common.indptr[row], common.indptr[row + 1])
                others, counts = common.indices[span], common.data[span]
                is_wanted = candidates[others] & (others != item)
                others, counts = others[is_wanted], counts[is_wanted]
                if len(others):
                    scores = counts / (sizes[item] * sizes[others] + SHRINK)
                    ids = interactions.listing_ids
                    similar[int(ids[item])] = _best(ids[others], scores)
        return Neighbours(similar, popular)


def _matrix(interactions: Interactions) -> sp.csc_matrix:
    """Return who bought what as 0 and 1, shape (n_buyers, n_items)."""
    ones = np.ones(len(interactions), dtype=np.float32)
    shape = (interactions.n_buyers, interactions.n_items)
    return sp.csc_matrix((ones, (interactions.buyers, interactions.items)), shape=shape)


def _newest_per_buyer(interactions: Interactions, most: int) -> Interactions:
    by_buyer = np.argsort(interactions.buyers, kind="stable")
    ends = np.cumsum(np.bincount(interactions.buyers, minlength=interactions.n_buyers))
    from_end = np.empty(len(interactions), dtype=np.int64)
    from_end[by_buyer] = ends[interactions.buyers[by_buyer]] - np.arange(len(interactions))
    return interactions.keep(from_end <= most)


def _best(ids: npt.NDArray[np.int64], scores: npt.NDArray[np.float64]) -> Ranked:
    best = np.lexsort((ids, -scores))[:LIST_LENGTH]
    return list(zip(ids[best].tolist(), np.round(scores[best], 6).tolist(), strict=True))
