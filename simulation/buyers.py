"""Who buys: accounts, the households that share things, and what everybody likes."""

from dataclasses import dataclass

import numpy as np

from simulation.listings import Listings
from simulation.world import (
    COUNTRIES,
    COUNTRY_SHARES,
    DAY,
    Bools,
    Ints,
    Pool,
    Window,
    chance,
    pick,
    stream,
)

ORDERS_PER_BUYER = 6  # in 180 days, our choice: Olist has 1.03 in two years, UCI Online Retail 4.3 in one
TASTES = 3


@dataclass(frozen=True)
class Buyers:
    """One row is an account; neighbours of one household share its second device, its address and its IP.

    tastes      (n, 3) styles of goods, dearest first; see `Listings.taste`
    household   number of the household's first account
    pool        buyers by country, weighted by how much they buy
    """

    country: Ints
    signed_up_at: Ints
    tastes: Ints
    household: Ints
    pool: Pool

    @property
    def size(self) -> int:
        return self.country.size

    def has(self, buyer: Ints, share: float, salt: int) -> Bools:
        """Tell which buyers have a lasting habit that `share` of all have."""
        return chance(buyer, salt) < share


def settle_buyers(seed: int, *, orders: int, window: Window, listings: Listings) -> Buyers:
    """Make the accounts: 65 % older than the window, the rest sign up within it."""
    rng = stream(seed, "buyers")
    n = max(400, orders // ORDERS_PER_BUYER)
    country = np.sort(pick(rng, COUNTRY_SHARES, n))
    earlier = window.start - (rng.exponential(500.0, n) * DAY).astype(np.int64)
    within = window.start + (rng.random(n) * window.span).astype(np.int64)
    signed_up_at = np.where(rng.random(n) < 0.65, earlier, within)
    # Lognormal activity: the top tenth of buyers places 41 % of the orders, as in UCI Online Retail (43 %).
    activity = rng.lognormal(0.0, 1.1, n)
    return Buyers(
        country=country,
        signed_up_at=signed_up_at,
        tastes=_tastes(rng, n, listings),
        household=_households(rng, country),
        pool=Pool.build(group=country, since=signed_up_at, weight=activity, groups=len(COUNTRIES)),
    )


def _households(rng: np.random.Generator, country: Ints) -> Ints:
    """Let one account in six live with the account before it."""
    n = country.size
    joins = (rng.random(n) < 1 / 6) & (np.diff(country, prepend=-1) == 0)
    return np.maximum.accumulate(np.where(joins, 0, np.arange(n)))


def _tastes(rng: np.random.Generator, n: int, listings: Listings) -> Ints:
    """Draw tastes as they sell; the second is a fixed companion of the first, so that goods go together.

    Only tastes that had goods before the window are drawn, so that everybody always finds something.
    """
    offered, companion = listings.founding_tastes, listings.companions
    weight = np.bincount(listings.taste, listings.weight)[offered].astype(np.float64)
    drawn = offered[pick(rng, weight**0.5, TASTES * n).reshape(n, TASTES)]
    drawn[:, 1] = np.where(rng.random(n) < 0.6, companion[drawn[:, 0]], drawn[:, 1])
    return drawn
