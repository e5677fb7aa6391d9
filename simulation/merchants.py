"""Who sells: merchants, their applications, and the rings among them."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from simulation.registrations import ibans, phones, registration_numbers
from simulation.vocabulary import (
    CITIES,
    DEPARTMENT_OF,
    DEPARTMENTS,
    HEADS_EN,
    HEADS_ZH,
    LEGAL_FORMS,
    PRODUCTS,
    TAILS_EN,
    TAILS_ZH,
)
from simulation.world import (
    COUNTRIES,
    COUNTRY_SHARES,
    DAY,
    FRESH_DAYS,
    Bools,
    Floats,
    Ints,
    Window,
    addresses_of,
    moments,
    opaque_references,
    pick,
    references,
    strangers,
    stream,
    words,
)

RING_SIZE = 3
HONEST, RING, CONTRABAND, BORROWED_ACCOUNT, FALSE_PAPERS = range(5)
STORIES = ("", "collusion_ring", "contraband_seller", "shared_bank_account", "false_registration")
ENTITY_TYPES = ("company", "sole_proprietor", "partnership")


@dataclass(frozen=True)
class Applicants:
    """One row is an application; the first `merchants` of them were admitted and are the merchants.

    joined_at   -1 for those never admitted
    story       position in STORIES
    crew        number shared by applicants who work together; -1 for one alone
    """

    merchants: int
    country: Ints
    product: Ints
    submitted_at: Ints
    joined_at: Ints
    story: Ints
    crew: Ints
    weight: Floats
    names: pl.DataFrame

    @property
    def size(self) -> int:
        return self.country.size

    @property
    def rings(self) -> Ints:
        """Return the merchants of each ring, (rings, RING_SIZE)."""
        return np.flatnonzero(self.story[: self.merchants] == RING).reshape(-1, RING_SIZE)


def settle_applicants(seed: int, *, orders: int, window: Window) -> Applicants:
    """Make the applicants: about 0.6 · orders^0.6 are admitted, half as many again are not (or not yet)."""
    rng = stream(seed, "merchants")
    admitted = max(48, round(0.6 * orders**0.6))
    refused, fresh = admitted // 2, max(4 * FRESH_DAYS, admitted // 25)
    n = admitted + refused + fresh
    country, product = pick(rng, COUNTRY_SHARES, n), rng.integers(0, len(PRODUCTS), n)
    story = _stories(rng, admitted, refused, fresh)
    joined_at = _joined(rng, story[:admitted], window)
    submitted_at = np.concatenate(
        [
            joined_at - ((0.2 + 4 * rng.random(admitted)) * DAY).astype(np.int64),
            window.start + (rng.random(refused) * (window.fresh_from - window.start)).astype(np.int64),
            window.fresh_from + (rng.random(fresh) * FRESH_DAYS * DAY).astype(np.int64),
        ]
    )
    # Lognormal with sigma 1.4: the largest tenth of merchants has 54–61 % of orders; Olist's sellers 53 %.
    weight = rng.lognormal(0.0, 1.4, n)
    weight[story == RING] *= 0.3  # a ring needs shops, not customers
    return Applicants(
        merchants=admitted,
        country=country,
        product=product,
        submitted_at=submitted_at,
        joined_at=np.concatenate([joined_at, np.full(refused + fresh, -1)]),
        story=story,
        crew=_crews(story),
        weight=weight,
        names=_names(rng, country, product),
    )


def merchants_frame(applicants: Applicants) -> pl.DataFrame:
    """Return the admitted; `is_fraudulent` and `story` are the truth and are never imported."""
    n = applicants.merchants
    story = applicants.story[:n]
    return pl.DataFrame(
        {
            "merchant_ref": merchant_references(applicants),
            "name": applicants.names["name"][:n],
            "country": _country_codes(applicants.country[:n]),
            "category_code": words([product.code for product in PRODUCTS], applicants.product[:n]),
            "joined_at": moments(applicants.joined_at[:n]),
            "is_fraudulent": story > 0,
            "story": _story_names(story),
        }
    )


def applications_frame(seed: int, applicants: Applicants) -> pl.DataFrame:
    """Return all applications, oldest first; `merchant_ref` is null for those never admitted or still open.

    Honest applicants share a bank account (a second shop of one owner) and mistype numbers too.
    """
    rng = stream(seed, "applications")
    n, bad = applicants.size, applicants.story > 0
    countries = [COUNTRIES[at].code for at in applicants.country.tolist()]
    account_of = _shared(
        rng, applicants, bad_share=0.65, honest_share=0.015, stories=(RING, BORROWED_ACCOUNT)
    )
    device_of = _shared(
        rng, applicants, bad_share=0.55, honest_share=0.02, stories=(RING, BORROWED_ACCOUNT, CONTRABAND)
    )
    phone_of = _shared(rng, applicants, bad_share=0.25, honest_share=0.01, stories=(RING, BORROWED_ACCOUNT))
    device, ip = strangers(rng, n), 0xF0000000 + rng.integers(0, 1 << 27, n)
    merchant = merchant_references(applicants)
    return pl.DataFrame(
        {
            "application_ref": references("a", 100_000 + np.arange(n)),
            "merchant_ref": merchant.extend_constant(None, n - applicants.merchants),
            "company_name": applicants.names["company_name"],
            "country": _country_codes(applicants.country),
            "entity_type": words(ENTITY_TYPES, pick(rng, np.array([0.72, 0.22, 0.06]), n)),
            "registration_number": _registrations(rng, applicants),
            "bank_account": pl.Series(ibans(rng, countries)).gather(account_of),
            "contact_email": _emails(rng, applicants, bad),
            "contact_phone": pl.Series(phones(rng, countries)).gather(phone_of),
            "device_ref": opaque_references("d", device[device_of]),
            "ip": addresses_of(ip[np.where(rng.random(n) < 0.8, device_of, np.arange(n))]),
            "submitted_at": moments(applicants.submitted_at),
            "is_bad": bad,
            "story": _story_names(applicants.story),
        }
    ).sort("submitted_at", "application_ref")


def merchant_references(applicants: Applicants) -> pl.Series:
    return references("m", 10_000 + np.arange(applicants.merchants))


def _stories(rng: np.random.Generator, admitted: int, refused: int, fresh: int) -> Ints:
    """Make 3 % of merchants ring members and 2 % smugglers; of the refused 35 % are bad, of the open 15 %."""
    story = np.zeros(admitted, dtype=np.int64)
    ring_members = RING_SIZE * max(1, round(0.03 * admitted / RING_SIZE))
    contraband = max(2, round(0.02 * admitted))
    chosen = rng.permutation(admitted)
    story[chosen[:ring_members]] = RING
    story[chosen[ring_members : ring_members + contraband]] = CONTRABAND
    kinds = 1 + pick(rng, np.array([0.0, 0.25, 0.45, 0.30]), refused + fresh)
    is_bad = rng.random(refused + fresh) < np.repeat([0.35, 0.15], [refused, fresh])
    return np.concatenate([story, np.where(is_bad, kinds, HONEST)])


def _joined(rng: np.random.Generator, story: Ints, window: Window) -> Ints:
    """Let 75 % join before the window; rings join within it, early enough to act."""
    n = story.size
    earlier = window.start - (20 * DAY + rng.exponential(400.0, n) * DAY).astype(np.int64)
    within = window.start + (rng.random(n) * (window.fresh_from - DAY - window.start)).astype(np.int64)
    ring = window.start + (rng.random(n) * 0.5 * window.span).astype(np.int64)
    return np.where(story == RING, ring, np.where(rng.random(n) < 0.75, earlier, within))


def _crews(story: Ints) -> Ints:
    """Number crews of one story: rings of RING_SIZE, borrowed accounts and contraband in fours."""
    crew = np.full(story.size, -1, dtype=np.int64)
    for kind, size in ((RING, RING_SIZE), (BORROWED_ACCOUNT, 4), (CONTRABAND, 4)):
        members = np.flatnonzero(story == kind)
        crew[members] = kind * 1_000_000 + np.arange(members.size) // size
    return crew


def _shared(
    rng: np.random.Generator,
    applicants: Applicants,
    *,
    bad_share: float,
    honest_share: float,
    stories: tuple[int, ...],
) -> Ints:
    """Return whose account (device, phone) each applicant shows: one's own, the crew's or a neighbour's."""
    own = np.arange(applicants.size)
    _, first, crew = np.unique(applicants.crew, return_index=True, return_inverse=True)
    with_crew = np.isin(applicants.story, stories) & (rng.random(own.size) < bad_share)
    with_neighbour = (applicants.story == HONEST) & (rng.random(own.size) < honest_share)
    return np.where(with_crew, first[crew], np.where(with_neighbour, np.maximum(own - 1, 0), own))


def _registrations(rng: np.random.Generator, applicants: Applicants) -> pl.Series:
    """Return the numbers; 70 % of false papers and 2 % of the honest fail their check digit."""
    n = applicants.size
    invalid: Bools = rng.random(n) < np.where(applicants.story == FALSE_PAPERS, 0.7, 0.02)
    numbers = np.full(n, "", dtype="U20")
    for at, country in enumerate(COUNTRIES):
        rows = np.flatnonzero(applicants.country == at)
        if rows.size:
            numbers[rows] = registration_numbers(rng, country.code, rows.size, invalid=invalid[rows])
    return pl.Series(numbers.tolist(), dtype=pl.String)


def _emails(rng: np.random.Generator, applicants: Applicants, bad: Bools) -> pl.Series:
    """Return a company's or a free mailbox under the reserved top level .example (RFC 2606)."""
    free = rng.random(applicants.size) < np.where(bad, 0.6, 0.25)
    slug = applicants.names["slug"]
    frame = pl.DataFrame({"slug": slug, "free": free})
    mailbox = (
        pl.when("free")
        .then(pl.format("{}@freemail.example", "slug"))
        .otherwise(pl.format("info@{}.example", "slug"))
    )
    return frame.select(mailbox.alias("email"))["email"]


def _names(rng: np.random.Generator, country: Ints, product: Ints) -> pl.DataFrame:
    """Return name, company_name and slug; no two applicants share head, tail and city."""
    department = np.array(DEPARTMENT_OF)[product]
    parts = [
        _country_names(rng, at, np.flatnonzero(country == at), department) for at in range(len(COUNTRIES))
    ]
    return pl.concat(parts).sort("row").drop("row")


def _country_names(rng: np.random.Generator, at: int, rows: Ints, department: Ints) -> pl.DataFrame:
    code = COUNTRIES[at].code
    chinese = code == "CN"
    heads, tails, cities = (
        (HEADS_ZH, TAILS_ZH, CITIES[code]) if chinese else (HEADS_EN, TAILS_EN, CITIES[code])
    )
    trades = [part.trade_zh if chinese else part.trade_en for part in DEPARTMENTS]
    # Without replacement from all combinations; over again only past 10,000 applicants of one country.
    combinations = len(heads) * len(tails) * len(cities)
    drawn = np.resize(rng.permutation(combinations), rows.size)
    frame = pl.DataFrame(
        {
            "row": rows,
            "city": words(cities, drawn % len(cities)),
            "head": words(heads, drawn // len(cities) % len(heads)),
            "tail": words(tails, drawn // len(cities) // len(heads)),
            "trade": words(trades, department[rows]),
        }
    )
    brand, legal_form = pl.format("{}{}", "head", "tail"), LEGAL_FORMS[code]
    if chinese:
        name = pl.format("{}{}{}旗舰店", "city", brand, "trade")
        company = pl.format("{}{}{}" + legal_form, "city", brand, "trade")
        slug = pl.format("shop{}", "row")
    else:
        name = pl.format("{} {} {}", brand, "trade", "city")
        company = pl.format("{} {} {}" + legal_form, brand, "trade", "city")
        slug = pl.format("{}-{}", brand, "city").str.to_lowercase()
    return frame.select("row", name=name, company_name=company, slug=slug)


def _country_codes(index: Ints) -> pl.Series:
    return words([country.code for country in COUNTRIES], index)


def _story_names(story: Ints) -> pl.Series:
    return words(STORIES, story).replace("", None)
