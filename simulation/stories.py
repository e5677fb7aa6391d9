"""The fraud stories: each is an ordinary purchase with the columns replaced that the fraudster controls.

Shares are our choice; together they make 1.3 % of orders, of which about 1.1 % are ever reported (the Fraud
Detection Handbook has 0.84 %).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from simulation.merchants import RING_SIZE
from simulation.purchases import Market, Purchases, choose_priced, home_ip, issuers, shop, vpn_ip
from simulation.world import COUNTRY_SHARES, DAY, HOUR, MINUTE, SECOND, Ints, chance, pick, strangers, stream

FRAUD_SHARE = 0.013


@dataclass(frozen=True)
class Story:
    """share of fraud · probability that anybody reports it · what the report is · how its orders are made."""

    name: str
    share: float
    reported: float
    source: str
    plan: Callable[[Market, np.random.Generator, int], Purchases]


def plan_fraud(market: Market, seed: int, orders: int) -> Purchases:
    """Make all fraudulent orders of the window, in time order; every story tells at least one."""
    parts = []
    for number, (story, n) in enumerate(zip(STORIES, fraud_counts(orders), strict=True), start=1):
        purchases = story.plan(market, stream(seed, "story " + story.name), n)
        at = np.minimum(purchases.placed_at, market.window.end - SECOND)
        parts.append(replace(purchases, placed_at=at, story=np.full(n, number, dtype=np.int64)))
    fraud = Purchases.join(*parts)
    return fraud.take(np.argsort(fraud.placed_at, kind="stable"))


def fraud_counts(orders: int) -> list[int]:
    """Return how many orders each of STORIES tells."""
    return [max(1, round(FRAUD_SHARE * orders * story.share)) for story in STORIES]


def _stolen_cards(market: Market, rng: np.random.Generator, n: int) -> Purchases:
    """A crew buys dear goods on new accounts with cards of strangers, sent to drop addresses.

    A quarter works with care: accounts bought second-hand, the card's own country, a common price.
    """
    incident = _incidents(rng, n, 1, 4)
    persona, start = _someone(market, rng, incident)
    at = start + (rng.exponential(5.0, n) * HOUR).astype(np.int64) * (np.diff(incident, prepend=-1) == 0)
    careful = chance(incident, 11) < 0.25
    honest = shop(market, rng, persona, at)
    crew = incident // 5
    thief, drop, tool = _ids(rng, incident), _ids(rng, crew), _ids(rng, crew)
    card = np.where(rng.random(n) < 0.5, _ids(rng, incident), strangers(rng, n))
    card_country = np.where(careful | (rng.random(n) < 0.5), honest.billing, pick(rng, COUNTRY_SHARES, n))
    age_days = np.where(
        careful | (chance(incident, 12) < 0.2), 20 + 300 * chance(incident, 13), chance(incident, 14) ** 3
    )
    return replace(
        honest,
        buyer=thief,
        signed_up_at=start - 5 * MINUTE - (age_days * DAY).astype(np.int64),
        device=np.where(chance(incident, 15) < 0.3, tool, _ids(rng, incident)),
        card=card,
        issuer=issuers(card, card_country),
        address=np.where(careful | (rng.random(n) < 0.4), _ids(rng, incident), drop),
        ip=np.where(rng.random(n) < 0.35, vpn_ip(rng, n), home_ip(_ids(rng, incident))),
        shipping=np.where(careful | (rng.random(n) < 0.7), honest.billing, pick(rng, COUNTRY_SHARES, n)),
        listing=np.where(
            careful, honest.listing, choose_priced(market, rng, persona, at, tries=4, dear=True)
        ),
    )


def _card_testing(market: Market, rng: np.random.Generator, n: int) -> Purchases:
    """A script tries many cards in minutes on cheap goods, from one device and a few throw-away accounts."""
    incident = _incidents(rng, n, 8, 40)
    persona, start = _someone(market, rng, incident)
    at = start + (rng.random(n) * (10 + 80 * chance(incident, 21)) * MINUTE).astype(np.int64)
    card = strangers(rng, n)
    account = incident * 4 + rng.integers(0, 3, n)
    exit_node = home_ip(_ids(rng, incident * 8 + rng.integers(0, 4, n)))
    honest = shop(market, rng, persona, at)
    return replace(
        honest,
        buyer=_ids(rng, account),
        signed_up_at=start - (chance(account, 22) * 3 * HOUR).astype(np.int64) - SECOND,
        device=np.where(chance(incident, 23) < 0.15, -1, _ids(rng, incident)),
        card=card,
        issuer=issuers(card, pick(rng, COUNTRY_SHARES, n)),
        address=_ids(rng, incident),
        ip=exit_node,
        listing=choose_priced(market, rng, persona, at, tries=8, dear=False),
        lines=np.ones(n, dtype=np.int64),
        quantity=np.ones(n, dtype=np.int64),
    )


def _account_takeover(market: Market, rng: np.random.Generator, n: int) -> Purchases:
    """An old account buys with its stored card from a new device for a new address."""
    incident = _incidents(rng, n, 1, 4)
    country, start = _scene(market, rng, incident)
    victim = _one_each(market.buyers.pool.draw(rng, country, start - 60 * DAY), incident)
    at = start + (rng.random(n) * 6 * HOUR).astype(np.int64)
    honest = shop(market, rng, victim, at)
    dear = choose_priced(market, rng, victim, at, tries=4, dear=True)
    return replace(
        honest,
        device=_ids(rng, incident),
        address=np.where(rng.random(n) < 0.85, _ids(rng, incident), honest.address),
        ip=np.where(rng.random(n) < 0.4, vpn_ip(rng, n), home_ip(_ids(rng, incident))),
        listing=np.where(rng.random(n) < 0.7, dear, honest.listing),
    )


def _collusion(market: Market, rng: np.random.Generator, n: int) -> Purchases:
    """A ring of merchants buys from itself in campaigns, with few devices and cards under many accounts."""
    rings, window = market.applicants.rings, market.window
    ring = rng.integers(0, len(rings), n)
    campaigns = max(3, n // (15 * len(rings)))
    campaign = ring * campaigns + rng.integers(0, campaigns, n)
    merchant = rings[ring, rng.integers(0, RING_SIZE, n)]
    opened = market.applicants.joined_at[rings].max(axis=1)[ring] + 2 * DAY
    length = 6 * DAY
    start = opened + (chance(campaign, 31) * (window.end - length - opened)).astype(np.int64)
    at = start + (rng.random(n) * length).astype(np.int64)
    account = campaign * 10 + rng.integers(0, 10, n)
    card = _ids(rng, ring * 6 + rng.integers(0, 6, n))
    home = market.applicants.country[merchant]
    honest = shop(market, rng, market.buyers.pool.draw(rng, home, at), at)
    return replace(
        honest,
        buyer=_ids(rng, account),
        signed_up_at=start - (chance(account, 32) * 20 * DAY).astype(np.int64) - HOUR,
        device=_ids(rng, ring * 4 + rng.integers(0, 4, n)),
        card=card,
        issuer=issuers(card, home),
        address=_ids(rng, ring * 5 + rng.integers(0, 5, n)),
        ip=home_ip(_ids(rng, ring * 6 + rng.integers(0, 6, n))),
        shipping=home,
        billing=home,
        listing=market.listings.by_merchant.draw(rng, merchant, at),
    )


def _refund_abuse(market: Market, rng: np.random.Generator, n: int) -> Purchases:
    """A real account buys dear goods and claims that each never came; two accounts share the address."""
    incident = _incidents(rng, n, 3, 8)
    buyer, start = _someone(market, rng, incident)
    at = start + (rng.random(n) * np.minimum(45 * DAY, market.window.end - start)).astype(np.int64)
    honest = shop(market, rng, buyer, at)
    return replace(
        honest,
        address=_ids(rng, incident // 2),
        listing=choose_priced(market, rng, buyer, at, tries=3, dear=True),
    )


def _friendly_fraud(market: Market, rng: np.random.Generator, n: int) -> Purchases:
    """A genuine buyer disputes a genuine order; nothing shows it beforehand, which bounds what is learnt."""
    buyer, at = _someone(market, rng, np.arange(n))
    return shop(market, rng, buyer, at)


STORIES = (
    Story("stolen_card", 0.34, 0.92, "chargeback", _stolen_cards),
    Story("card_testing", 0.22, 0.80, "chargeback", _card_testing),
    Story("account_takeover", 0.14, 0.92, "chargeback", _account_takeover),
    Story("collusion", 0.14, 0.75, "chargeback", _collusion),
    Story("refund_abuse", 0.12, 0.85, "refund_fraud", _refund_abuse),
    Story("friendly_fraud", 0.04, 1.00, "chargeback", _friendly_fraud),
)
# By the number that Purchases.story holds.
STORY_NAMES = ("", *(story.name for story in STORIES))


def _incidents(rng: np.random.Generator, n: int, least: int, most: int) -> Ints:
    """Return incident numbers 0, 0, 0, 1, 1 … of n orders, each incident with least…most of them."""
    sizes = rng.integers(least, most + 1, n)
    return np.repeat(np.arange(n), sizes)[:n]


def _scene(market: Market, rng: np.random.Generator, incident: Ints) -> tuple[Ints, Ints]:
    """Return country and start of each order's incident; fraud keeps no hours."""
    count, window = incident[-1] + 1, market.window
    start = window.start + (rng.random(count) * (window.span - 6 * HOUR)).astype(np.int64)
    return pick(rng, COUNTRY_SHARES, count)[incident], start[incident]


def _someone(market: Market, rng: np.random.Generator, incident: Ints) -> tuple[Ints, Ints]:
    """Return a buyer and a start for each incident, one per order."""
    country, start = _scene(market, rng, incident)
    return _one_each(market.buyers.pool.draw(rng, country, start), incident), start


def _one_each(drawn: Ints, incident: Ints) -> Ints:
    """Give all orders of an incident what its first order drew."""
    return drawn[np.searchsorted(incident, incident)]


def _ids(rng: np.random.Generator, group: Ints) -> Ints:
    """Return a strange id per group number, the same for equal numbers."""
    return strangers(rng, int(group.max()) + 1)[group]
