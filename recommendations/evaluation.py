"""How good a recommender is: hide each buyer's last purchase and see whether it is among ten."""

from collections import defaultdict

import numpy as np

from .interactions import Interactions
from .recommenders import Neighbours, Recommender

TOP = 10
# Enough for a standard error of about one point on a hit rate; the sample is the same every time.
MAX_BUYERS = 2_000
_SEED = 20_260_301


def hit_rates(interactions: Interactions, *recommenders: Recommender) -> dict[str, float | int]:
    """Return each recommender's hit rate @10 (0–1) as "<kind>_hit_rate_10", beside the number of "buyers".

    A sampled buyer's last purchase is held out of the fit. Empty without a buyer of two listings.
    """
    held_out = _hold_out(interactions)
    if not len(held_out):
        return {}
    mask = np.ones(len(interactions), dtype=np.bool_)
    mask[held_out] = False
    known = interactions.keep(mask)
    histories = _histories(known, set(interactions.buyers[held_out].tolist()))
    everything = np.ones(interactions.n_items, dtype=np.bool_)
    rates: dict[str, float | int] = {"buyers": len(held_out)}
    for recommender in recommenders:
        neighbours = recommender.fit(known, everything)
        hits = sum(
            _is_hit(neighbours, histories[int(interactions.buyers[row])], _listing(interactions, row))
            for row in held_out.tolist()
        )
        rates[f"{recommender.kind}_hit_rate_{TOP}"] = round(hits / len(held_out), 4)
    return rates


def _hold_out(interactions: Interactions) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return the positions of the last purchases of sampled buyers who bought at least two listings."""
    counts = np.bincount(interactions.buyers, minlength=interactions.n_buyers)
    last = np.zeros(interactions.n_buyers, dtype=np.int64)
    last[interactions.buyers] = np.arange(len(interactions))  # of equal indices the last assignment stays
    eligible = last[counts >= 2]
    if len(eligible) > MAX_BUYERS:
        eligible = np.random.default_rng(_SEED).choice(eligible, MAX_BUYERS, replace=False)
    return np.sort(eligible)


def _histories(known: Interactions, buyers: set[int]) -> dict[int, list[int]]:
    """Return what each of these buyers bought, newest first."""
    wanted = np.isin(known.buyers, np.fromiter(buyers, dtype=np.int32))
    found: dict[int, list[int]] = defaultdict(list)
    for row in np.flatnonzero(wanted)[::-1].tolist():
        found[int(known.buyers[row])].append(_listing(known, row))
    return found


def _is_hit(neighbours: Neighbours, history: list[int], hidden: int) -> bool:
    return any(listing_id == hidden for listing_id, _ in neighbours.recommend(history, limit=TOP))


def _listing(interactions: Interactions, row: int) -> int:
    return int(interactions.listing_ids[interactions.items[row]])
