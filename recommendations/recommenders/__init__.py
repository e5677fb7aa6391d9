"""Recommenders behind one surface: fit purchases, get ranked lists. A factorisation would be a third."""

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from recommendations.interactions import Interactions
from recommendations.ranking import Ranked, combine

# Lists are longer than any page, because paused listings are only known, and left out, when a list is read.
LIST_LENGTH = 50


@dataclass(frozen=True)
class Neighbours:
    """What a recommender learnt.

    similar   listing id → listings bought by the same buyers; an item without any is absent
    popular   what most buyers bought, the answer to every unknown history
    """

    similar: dict[int, Ranked] = field(default_factory=dict)
    popular: Ranked = ()

    def recommend(self, history: list[int], *, limit: int) -> list[tuple[int, float]]:
        """Return up to `limit` listings for a history (newest first), never what it contains."""
        known = [self.similar[one] for one in history if one in self.similar]
        found = combine(known, exclude=set(history), limit=limit)
        taken = {listing_id for listing_id, _ in found} | set(history)
        return found + [one for one in self.popular if one[0] not in taken][: limit - len(found)]


class Recommender(Protocol):
    """`kind` names it in stored runs; `candidates` (n_items,) says which items may be recommended."""

    kind: str

    def fit(self, interactions: Interactions, candidates: npt.NDArray[np.bool_]) -> Neighbours: ...
