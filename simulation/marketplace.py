"""The sample marketplace: the same orders, number for number, from the same seed, at any size."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl

from simulation.buyers import settle_buyers
from simulation.listings import categories_frame, listings_frame, stock_listings
from simulation.merchants import applications_frame, merchants_frame, settle_applicants
from simulation.orders import Till, ring_up
from simulation.purchases import Market, Purchases, shop_together
from simulation.stories import plan_fraud
from simulation.traffic import hourly_demand
from simulation.world import COUNTRIES, HOUR, Ints, Window, stream

Progress = Callable[[int, int], None]  # orders made, orders asked for

LEAST_ORDERS, MOST_ORDERS = 1_000, 10_000_000
CHUNK_ORDERS = 200_000  # about 150 MB while one is made
_FIRST_NUMBER = 1_000_000_000


@dataclass(frozen=True)
class SampleMarketplace:
    """All frames of a sample. `story`, `is_fraudulent`, `issue` and `is_bad` of subjects are the truth.

    The listings and applications of the last FRESH_DAYS have no orders yet. An order's `is_bad` is null
    until its label is known. Take only orders older than MATURITY_DAYS as a labelled set: fraud is known
    earlier than good.
    """

    merchants: pl.DataFrame
    applications: pl.DataFrame
    categories: pl.DataFrame
    listings: pl.DataFrame
    orders: pl.DataFrame
    lines: pl.DataFrame


@dataclass(frozen=True)
class Plan:
    """A sample whose merchants, listings and buyers stand and whose orders are made when asked for."""

    merchants: pl.DataFrame
    applications: pl.DataFrame
    categories: pl.DataFrame
    listings: pl.DataFrame
    market: Market
    seed: int
    size: int

    def chunks(self, progress: Progress | None = None) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
        """Make (orders, lines) in time order, about CHUNK_ORDERS at once; each call gives the same."""
        till = Till.open(self.seed, self.market.window, self.merchants, self.listings)
        made = 0
        for number, purchases in enumerate(self._purchases()):
            rng = stream(self.seed, "till", number)
            yield ring_up(self.market, till, rng, purchases, first_number=_FIRST_NUMBER + made)
            made += purchases.size
            if progress:
                progress(made, self.size)

    def _purchases(self) -> Iterator[Purchases]:
        """Cut the window at hours into parts of about CHUNK_ORDERS, and mix the fraud into its time."""
        window, fraud = self.market.window, plan_fraud(self.market, self.seed, self.size)
        counts = stream(self.seed, "traffic").multinomial(
            self.size - fraud.size, hourly_demand(window).ravel()
        )
        counts = counts.reshape(-1, len(COUNTRIES))
        part_of_hour = counts.sum(axis=1).cumsum() // CHUNK_ORDERS
        for part in np.unique(part_of_hour):
            hours = np.flatnonzero(part_of_hour == part)
            rng = stream(self.seed, "honest", int(part))
            honest = self._honest(rng, hours, counts[hours])
            bounds = window.start + np.array([hours[0], hours[-1] + 1]) * HOUR
            inside = slice(*np.searchsorted(fraud.placed_at, bounds))
            both = Purchases.join(honest, fraud.take(np.arange(fraud.size)[inside]))
            yield both.take(np.argsort(both.placed_at, kind="stable"))

    def _honest(self, rng: np.random.Generator, hours: Ints, counts: Ints) -> Purchases:
        """Let counts (hours, countries) of people shop; one in eleven has signed up just now."""
        hour, country = (np.repeat(axis.ravel(), counts.ravel()) for axis in np.indices(counts.shape))
        at = self.market.window.start + hours[hour] * HOUR + (rng.random(hour.size) * HOUR).astype(np.int64)
        pool = self.market.buyers.pool
        newcomer = rng.random(hour.size) < 0.09
        buyer = np.where(newcomer, pool.latest(country, at), pool.draw(rng, country, at))
        return shop_together(self.market, rng, buyer, at)


def plan_marketplace(orders: int, seed: int, end: datetime) -> Plan:
    """Settle merchants, listings and buyers of a sample of `orders` orders in the 180 days before `end`."""
    if not LEAST_ORDERS <= orders <= MOST_ORDERS:
        raise ValueError(f"A sample has {LEAST_ORDERS:,} to {MOST_ORDERS:,} orders, not {orders:,}.")
    window = Window.ending(end)
    applicants = settle_applicants(seed, orders=orders, window=window)
    listings = stock_listings(seed, applicants=applicants, window=window)
    buyers = settle_buyers(seed, orders=orders, window=window, listings=listings)
    return Plan(
        merchants=merchants_frame(applicants),
        applications=applications_frame(seed, applicants),
        categories=categories_frame(),
        listings=listings_frame(seed, listings, applicants),
        market=Market(window, applicants, listings, buyers),
        seed=seed,
        size=orders,
    )


def generate(orders: int, seed: int, end: datetime, progress: Progress | None = None) -> SampleMarketplace:
    """Return a whole sample in memory (about 0.5 KB an order); see `write_marketplace` for large ones.

    Raises ValueError for a size outside 1 thousand … 10 million, or an `end` without time zone.
    """
    plan = plan_marketplace(orders, seed, end)
    made, lines = zip(*plan.chunks(progress), strict=True)
    return SampleMarketplace(
        plan.merchants, plan.applications, plan.categories, plan.listings, pl.concat(made), pl.concat(lines)
    )
