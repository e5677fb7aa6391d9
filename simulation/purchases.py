"""One purchase as numbers: what an honest buyer does. A fraud story is this with some columns replaced."""

from dataclasses import dataclass, fields

import numpy as np

from simulation.buyers import TASTES, Buyers
from simulation.listings import Listings
from simulation.merchants import Applicants
from simulation.world import COUNTRIES, COUNTRY_SHARES, Bools, Floats, Ints, Window, chance, pick, strangers

ISSUERS_PER_COUNTRY = 8
VPN_EXITS = 256
# Salts of the lasting habits and moments of a buyer, see world.chance.
NEW_DEVICE, NEW_CARD, MOVED, WALLET, BANK, ABROAD = range(1, 7)


@dataclass(frozen=True)
class Market:
    """Everything that stands while orders are made."""

    window: Window
    applicants: Applicants
    listings: Listings
    buyers: Buyers


@dataclass(frozen=True)
class Purchases:
    """One row is an order before it gets lines and money. Ids are numbers; -1 means not supplied.

    lines          1–3 different goods; `quantity` is that of the first
    joins_former   shares its checkout (the market order) with the row before
    story          position in stories.STORY_NAMES; 0 is honest
    """

    placed_at: Ints
    buyer: Ints
    signed_up_at: Ints
    device: Ints
    card: Ints
    issuer: Ints
    address: Ints
    ip: Ints
    shipping: Ints
    billing: Ints
    listing: Ints
    lines: Ints
    quantity: Ints
    joins_former: Bools
    story: Ints

    @property
    def size(self) -> int:
        return self.placed_at.size

    def take(self, rows: Ints) -> "Purchases":
        return Purchases(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})

    @classmethod
    def join(cls, *parts: "Purchases") -> "Purchases":
        return cls(**{f.name: np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(cls)})


def shop(market: Market, rng: np.random.Generator, buyer: Ints, at: Ints) -> Purchases:
    """Let each buyer make an ordinary purchase at a moment."""
    n, buyers, window = buyer.size, market.buyers, market.window
    household, home = buyers.household[buyer], buyers.country[buyer]
    # One in five replaces the phone, one in eight the card, one in twelve the flat within the window.
    device = _device(rng, buyer, household, _since(window, buyer, NEW_DEVICE, 0.20) <= at)
    card = _card(rng, buyer, household, _since(window, buyer, NEW_CARD, 0.12) <= at)
    address = household * 4 + (_since(window, household, MOVED, 0.08) <= at)
    gift = rng.random(n) < 0.05
    abroad = gift & (rng.random(n) < 0.25)
    return Purchases(
        placed_at=at,
        buyer=buyer,
        signed_up_at=buyers.signed_up_at[buyer],
        device=np.where(rng.random(n) < 0.03, -1, device),
        card=card,
        issuer=issuers(card, home),
        address=np.where(gift, strangers(rng, n), address),
        ip=_ip(rng, household, home, pool=max(8, buyers.size // 400)),
        shipping=np.where(abroad, pick(rng, COUNTRY_SHARES, n), home),
        billing=home,
        listing=choose(market, rng, buyer, at),
        # Between Olist, where 3 % of orders hold different goods, and supermarkets, where nearly all do.
        lines=1 + pick(rng, np.array([0.84, 0.12, 0.04]), n),
        # Olist: 9.5 % of orders hold more than one piece.
        quantity=1 + pick(rng, np.array([0.905, 0.065, 0.015, 0.01, 0.005]), n),
        joins_former=np.zeros(n, dtype=np.bool_),
        story=np.zeros(n, dtype=np.int64),
    )


def shop_together(market: Market, rng: np.random.Generator, buyer: Ints, at: Ints) -> Purchases:
    """Let buyers shop, some of them at two merchants in one checkout.

    Olist has 1 % of such orders; 3 % here, so that a sample of a few thousand shows the case.
    """
    rows = np.arange(buyer.size)
    follows = rng.random(buyer.size) < 0.03
    follows[0] = False
    follows &= ~np.roll(follows, 1)  # never three
    leader = rows - follows
    purchases = shop(market, rng, buyer[leader], at[leader])
    merchant = market.listings.merchant[purchases.listing]
    joins = follows & (merchant != merchant[leader])
    shared = purchases.take(rows - joins)
    own = {name: getattr(purchases, name) for name in ("listing", "lines", "quantity")}
    return Purchases(**{**vars(shared), **own, "joins_former": joins})


def choose(market: Market, rng: np.random.Generator, buyer: Ints, at: Ints) -> Ints:
    """Choose a listing by the buyer's tastes: 85 % of choices follow them, the others anybody's."""
    slot = pick(rng, np.array([0.50, 0.25, 0.10, 0.15]), buyer.size)
    whose = np.where(slot < TASTES, buyer, rng.integers(0, market.buyers.size, buyer.size))
    taste = market.buyers.tastes[whose, slot % TASTES]
    return market.listings.by_taste.draw(rng, taste, at)


def choose_priced(
    market: Market, rng: np.random.Generator, buyer: Ints, at: Ints, *, tries: int, dear: bool
) -> Ints:
    """Choose the dearest (or cheapest) of several looks."""
    looks = np.stack([choose(market, rng, buyer, at) for _ in range(tries)])
    worth: Floats = market.listings.worth[looks]
    best = worth.argmax(axis=0) if dear else worth.argmin(axis=0)
    chosen: Ints = looks[best, np.arange(buyer.size)]
    return chosen


def issuers(card: Ints, country: Ints) -> Ints:
    """Return each card's issuer, fixed by the card: one of eight at home, 3 % abroad; -1 without a card."""
    foreign = chance(card, ABROAD) < 0.03
    where = np.where(foreign, (chance(card, ABROAD + 10) * len(COUNTRIES)).astype(np.int64), country)
    bank = (chance(card, BANK) * ISSUERS_PER_COUNTRY).astype(np.int64)
    return np.where(card < 0, -1, where * ISSUERS_PER_COUNTRY + bank)


def home_ip(ids: Ints) -> Ints:
    """Return a fixed address per id. 240.0.0.0/5 is reserved (RFC 1112) and belongs to nobody."""
    return 0xF0000000 + (chance(ids, 97) * (1 << 27)).astype(np.int64)


def vpn_ip(rng: np.random.Generator, n: int) -> Ints:
    """Return exits of one privacy service, used by honest people too, in the benchmark range (RFC 2544)."""
    return 0xC6120000 + rng.integers(0, VPN_EXITS, n)


def _since(window: Window, ids: Ints, salt: int, share: float) -> Ints:
    """Return the moment of a change that `share` of ids see within the window, the others after it."""
    return window.start + (chance(ids, salt) / share * window.span).astype(np.int64)


def _device(rng: np.random.Generator, buyer: Ints, household: Ints, replaced: Bools) -> Ints:
    own = buyer * 4 + 2 * replaced
    return np.where(rng.random(buyer.size) < 0.18, household * 4 + 1, own)


def _card(rng: np.random.Generator, buyer: Ints, household: Ints, renewed: Bools) -> Ints:
    """Return the card; 15 % of buyers pay by wallet and hardly ever show one."""
    own = buyer * 4 + 2 * renewed
    card = np.where(rng.random(buyer.size) < 0.15, household * 4 + 1, own)
    pays_by_wallet = (chance(buyer, WALLET) < 0.15) & (rng.random(buyer.size) < 0.9)
    return np.where(pays_by_wallet, -1, card)


def _ip(rng: np.random.Generator, household: Ints, country: Ints, *, pool: int) -> Ints:
    """Return home (54 %), a carrier's shared address of 100.64.0.0/10 (44 %, RFC 6598), a VPN, or none."""
    n = household.size
    carrier = 0x64400000 + (country << 19) + rng.integers(0, min(pool, 1 << 19), n)
    return np.choose(
        pick(rng, np.array([0.54, 0.44, 0.01, 0.01]), n),
        [home_ip(household), carrier, vpn_ip(rng, n), np.full(n, -1)],
    )
