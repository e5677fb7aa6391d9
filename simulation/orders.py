"""From purchases to the columns that are imported: orders with money, and their lines."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from simulation.outcomes import LABEL_SOURCES, PAYMENTS, STATUSES, Labels, label, settle
from simulation.purchases import ISSUERS_PER_COUNTRY, Market, Purchases
from simulation.stories import STORY_NAMES
from simulation.world import (
    BASE_RATES,
    COUNTRIES,
    CURRENCIES,
    DAY,
    MINOR_UNITS,
    MINUTE,
    Bools,
    Floats,
    Ints,
    Window,
    addresses_of,
    chance,
    moments,
    opaque_references,
    references,
    stream,
    words,
)

LINES = 3
_CODES = [country.code for country in COUNTRIES]


@dataclass(frozen=True)
class Till:
    """What turns a purchase into a row: reference columns of the catalogue and the rates of each day."""

    merchant_refs: pl.Series
    listing_refs: pl.Series
    titles: pl.Series
    rates: Floats

    @classmethod
    def open(cls, seed: int, window: Window, merchants: pl.DataFrame, listings: pl.DataFrame) -> "Till":
        return cls(
            merchants["merchant_ref"], listings["listing_ref"], listings["title"], _daily_rates(seed, window)
        )


@dataclass(frozen=True)
class _Basket:
    """Lines as (n, LINES) arrays, of which `valid` ones exist; prices in the merchant's minor units."""

    listing: Ints
    quantity: Ints
    unit_price: Ints
    valid: Bools

    @property
    def total(self) -> Ints:
        total: Ints = (self.quantity * self.unit_price * self.valid).sum(axis=1)
        return total

    @property
    def has_several(self) -> Bools:
        several: Bools = np.count_nonzero(self.valid, axis=1) > 1
        return several


def ring_up(
    market: Market, till: Till, rng: np.random.Generator, purchases: Purchases, *, first_number: int
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return (orders, lines) of purchases in time order; they are numbered on from `first_number`."""
    basket = _fill(market, rng, purchases)
    numbers = first_number + np.arange(purchases.size)
    labels = label(purchases, rng, market.window)
    status, payment = settle(purchases, labels, rng, market.window, several=basket.has_several)
    external_ids = references("S", numbers)
    orders = pl.DataFrame(
        {
            "external_id": external_ids,
            "market_order_id": references("K", numbers - purchases.joins_former),
            "merchant_ref": till.merchant_refs.gather(market.listings.merchant[purchases.listing]),
            **_parties(purchases),
            **_money(market, till, purchases, basket.total),
            "placed_at": moments(purchases.placed_at),
            "known_at": moments(_known(rng, purchases, market.window)),
            "status": words(STATUSES, status),
            "payment_status": words(PAYMENTS, payment),
            **_proofs(labels),
            "story": words(STORY_NAMES, purchases.story).replace("", None),
        }
    )
    return orders, _lines(till, external_ids, basket)


def _fill(market: Market, rng: np.random.Generator, purchases: Purchases) -> _Basket:
    """Add further goods of the same merchant, never one twice, and take one order in eight at a discount."""
    n, listings = purchases.size, market.listings
    merchant = listings.merchant[purchases.listing]
    more = [listings.by_merchant.draw(rng, merchant, purchases.placed_at) for _ in range(LINES - 1)]
    listing = np.column_stack([purchases.listing, *more])
    valid = np.arange(LINES) < purchases.lines[:, None]
    valid[:, 1] &= listing[:, 1] != listing[:, 0]
    valid[:, 2] &= (listing[:, 2] != listing[:, 0]) & (listing[:, 2] != listing[:, 1])
    discount = np.where(rng.random(n) < 1 / 8, rng.uniform(0.7, 0.95, n), 1.0)
    unit_price = np.maximum(np.rint(listings.price_minor[listing] * discount[:, None]).astype(np.int64), 1)
    quantity = np.column_stack([purchases.quantity, np.ones((n, LINES - 1), dtype=np.int64)])
    return _Basket(listing, quantity, unit_price, valid)


def _parties(purchases: Purchases) -> dict[str, pl.Series]:
    bins = pl.Series(_issuer_bins())
    has_card = pl.Series(purchases.card >= 0)
    issuer = np.maximum(purchases.issuer, 0)
    return {
        "buyer_ref": opaque_references("b", purchases.buyer),
        "buyer_signed_up_at": moments(purchases.signed_up_at),
        "device_ref": opaque_references("d", purchases.device),
        "card_ref": opaque_references("c", purchases.card),
        "card_bin": bins.gather(issuer).set(~has_card, None),
        "card_country": words(_CODES, issuer // ISSUERS_PER_COUNTRY).set(~has_card, None),
        "address_ref": opaque_references("p", purchases.address),
        "ip": addresses_of(purchases.ip),
        "shipping_country": words(_CODES, purchases.shipping),
        "billing_country": words(_CODES, purchases.billing),
    }


def _money(market: Market, till: Till, purchases: Purchases, total: Ints) -> dict[str, pl.Series]:
    """Return the total in the merchant's currency and in fen at the day's rate (yuan for one unit)."""
    currency = market.listings.currency[purchases.listing]
    rate = till.rates[(purchases.placed_at - market.window.start) // DAY, currency]
    return {
        "currency": words(CURRENCIES, currency),
        "total_minor": pl.Series(total),
        "base_total_minor": pl.Series(
            np.rint(total * rate * (100 // MINOR_UNITS[currency])).astype(np.int64)
        ),
        "fx_rate": pl.Series(rate),
    }


def _proofs(labels: Labels) -> dict[str, pl.Series]:
    is_bad = pl.Series(labels.is_bad)
    return {
        "is_bad": (is_bad == 1).set(is_bad < 0, None),
        "label_source": words(LABEL_SOURCES, np.maximum(labels.source, 0)).set(is_bad < 0, None),
        "label_occurred_at": moments(labels.occurred_at),
        "label_known_at": moments(labels.known_at),
    }


def _lines(till: Till, external_ids: pl.Series, basket: _Basket) -> pl.DataFrame:
    listing = basket.listing[basket.valid]
    return pl.DataFrame(
        {
            "order_external_id": external_ids.gather(np.nonzero(basket.valid)[0]),
            "line_no": np.cumsum(basket.valid, axis=1)[basket.valid],
            "listing_ref": till.listing_refs.gather(listing),
            "title": till.titles.gather(listing),
            "quantity": basket.quantity[basket.valid],
            "unit_price_minor": basket.unit_price[basket.valid],
        }
    )


def _known(rng: np.random.Generator, purchases: Purchases, window: Window) -> Ints:
    """Let one order in 200 reach us late: minutes mostly, a day or two from a partner that was offline."""
    n = purchases.size
    late = (rng.lognormal(np.log(40.0), 1.5, n) * MINUTE).astype(np.int64) * (rng.random(n) < 0.005)
    return np.minimum(purchases.placed_at + np.minimum(late, 2 * DAY), window.end)


def _issuer_bins() -> list[str]:
    """Return a six-digit BIN per issuer, under its country's network prefixes."""
    tails = (chance(np.arange(len(COUNTRIES) * ISSUERS_PER_COUNTRY), 41) * 1e6).astype(np.int64).tolist()
    prefixes = [
        country.bins[at % len(country.bins)] for country in COUNTRIES for at in range(ISSUERS_PER_COUNTRY)
    ]
    return [f"{prefix}{tail:06d}"[:6] for prefix, tail in zip(prefixes, tails, strict=True)]


def _daily_rates(seed: int, window: Window) -> Floats:
    """Return (days, currencies): a walk of 0.3 % a day around the base rates; yuan stay 1."""
    days = window.span // DAY
    walk = stream(seed, "rates").normal(0.0, 0.003, (days, len(CURRENCIES))).cumsum(axis=0)
    walk[:, 0] = 0.0
    rates: Floats = BASE_RATES * np.exp(walk)
    return rates.round(6)
