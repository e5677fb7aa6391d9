"""What is sold: listings with their price, words and faults."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from simulation.merchants import CONTRABAND, RING, Applicants, merchant_references
from simulation.titles import listing_words
from simulation.vocabulary import DEPARTMENT_OF, DEPARTMENTS, PRODUCTS, STYLES_EN
from simulation.world import (
    BASE_RATES,
    CURRENCIES,
    CURRENCY_OF_COUNTRY,
    DAY,
    HOUR,
    MINOR_UNITS,
    Floats,
    Ints,
    Pool,
    Window,
    moments,
    pick,
    references,
    stream,
    words,
)

STYLES = len(STYLES_EN)
PRICE_SIGMA = 0.9  # of log price within a category: 0.92 is the median over Olist's larger categories
SOUND, PROHIBITED, DUPLICATE, MISPRICED = range(4)
ISSUES = ("", "prohibited", "duplicate", "mispriced")


@dataclass(frozen=True)
class Listings:
    """One row is a listing.

    product          position in PRODUCTS
    taste            product × style, the unit of liking
    price_minor      in the merchant's currency
    worth            price in yuan, for choosing dear or cheap goods across currencies
    issue            position in ISSUES; `source` is the listing that a duplicate copies
    founding_tastes  tastes with goods on sale before the window
    companions       per taste, the taste whose goods the same people like
    by_taste, by_merchant   what is on sale at a moment
    """

    merchant: Ints
    product: Ints
    taste: Ints
    submitted_at: Ints
    issue: Ints
    source: Ints
    currency: Ints
    price_minor: Ints
    worth: Floats
    weight: Floats
    founding_tastes: Ints
    companions: Ints
    by_taste: Pool
    by_merchant: Pool


def stock_listings(seed: int, *, applicants: Applicants, window: Window) -> Listings:
    """Give every merchant listings, heavy-tailed in number, some of them faulty."""
    rng = stream(seed, "listings")
    merchant = _owners(rng, applicants)
    n = merchant.size
    submitted_at = _submitted(rng, merchant, applicants, window)
    # Seven in ten listings are in the merchant's own category, the others anywhere.
    product = np.where(rng.random(n) < 0.7, applicants.product[merchant], rng.integers(0, len(PRODUCTS), n))
    taste = product * STYLES + rng.integers(0, STYLES, n)
    issue = _issues(rng, applicants.story[merchant])
    source = _earlier_of_same_taste(taste, submitted_at)
    has_original = (source >= 0) & (issue[source] == SOUND)
    issue[(issue == DUPLICATE) & ~has_original] = SOUND
    worth = _worth(rng, product, issue, source)
    currency = CURRENCY_OF_COUNTRY[applicants.country[merchant]]
    price_minor = _charm(worth / BASE_RATES[currency] * MINOR_UNITS[currency], currency)

    sells = np.isin(issue, (SOUND, DUPLICATE)) & (submitted_at < window.fresh_from)
    weight = np.where(sells, applicants.weight[merchant] * rng.lognormal(0.0, 1.0, n), 0.0)
    on_sale_at = submitted_at + (rng.uniform(1, 24, n) * HOUR).astype(np.int64)
    tastes = STYLES * len(PRODUCTS)
    founding = np.unique(taste[(weight > 0) & (on_sale_at < window.start)])
    return Listings(
        merchant=merchant,
        product=product,
        taste=taste,
        submitted_at=submitted_at,
        issue=issue,
        source=source,
        currency=currency,
        price_minor=price_minor,
        worth=worth,
        weight=weight,
        founding_tastes=founding,
        companions=_companions(rng, founding, tastes),
        by_taste=Pool.build(group=taste, since=on_sale_at, weight=weight, groups=tastes + 1),
        by_merchant=Pool.build(
            group=merchant, since=on_sale_at, weight=weight, groups=applicants.merchants + 1
        ),
    )


def listings_frame(seed: int, listings: Listings, applicants: Applicants) -> pl.DataFrame:
    """Return the listings in the order of their merchants; `is_bad` and `issue` are the truth."""
    rng = stream(seed, "listing words")
    n = listings.merchant.size
    # Chinese sellers mostly write Chinese; who sells abroad writes English.
    chinese = (applicants.country[listings.merchant] == 0) & (rng.random(n) < 0.75)
    text = listing_words(
        rng,
        product=listings.product,
        style=listings.taste % STYLES,
        chinese=chinese,
        prohibited=listings.issue == PROHIBITED,
        copy_of=np.where(listings.issue == DUPLICATE, listings.source, -1),
    )
    return pl.DataFrame(
        {
            "listing_ref": references("l", 1_000_000 + np.arange(n)),
            "merchant_ref": merchant_references(applicants).gather(listings.merchant),
            "category_code": words([leaf.code for leaf in PRODUCTS], listings.product),
            "title": text["title"],
            "description": text["description"],
            "price_minor": listings.price_minor,
            "currency": words(CURRENCIES, listings.currency),
            "stock": rng.negative_binomial(2, 0.02, n),
            "submitted_at": moments(listings.submitted_at),
            "is_bad": listings.issue != SOUND,
            "issue": words(ISSUES, listings.issue).replace("", None),
        }
    )


def categories_frame() -> pl.DataFrame:
    """Return departments and, below them, the categories that listings are in; prices in fen."""
    prohibited = [[*department.banned_en, *department.banned_zh] for department in DEPARTMENTS]
    parents = [
        (part.code, None, part.en, part.zh, None, prohibited[at]) for at, part in enumerate(DEPARTMENTS)
    ]
    children = [
        (leaf.code, DEPARTMENTS[at].code, leaf.en, leaf.zh, leaf.median_cny * 100, prohibited[at])
        for at, leaf in zip(DEPARTMENT_OF, PRODUCTS, strict=True)
    ]
    schema: dict[str, pl.DataType | type[pl.DataType]] = {
        "code": pl.String,
        "parent_code": pl.String,
        "name_en": pl.String,
        "name_zh": pl.String,
        "median_price_minor": pl.Int64,
        "prohibited_terms": pl.List(pl.String),
    }
    return pl.DataFrame(parents + children, schema=schema, orient="row")


def _owners(rng: np.random.Generator, applicants: Applicants) -> Ints:
    """Return the merchant of each listing: one to 400 a merchant, median about eight."""
    counts = np.clip(rng.lognormal(2.0, 0.9, applicants.merchants), 1, 400).astype(np.int64)
    return np.repeat(np.arange(applicants.merchants), counts)


def _submitted(rng: np.random.Generator, merchant: Ints, applicants: Applicants, window: Window) -> Ints:
    """Put half of the listings into the merchant's first days, the first at once, and half anywhere since."""
    n, joined_at = merchant.size, applicants.joined_at[merchant]
    is_first = np.diff(merchant, prepend=-1) != 0
    early = joined_at + (rng.exponential(4.0, n) * np.where(is_first, 0.02, 1.0) * DAY).astype(np.int64)
    opened = np.maximum(joined_at, window.start)
    later = opened + (rng.random(n) * (window.end - opened)).astype(np.int64)
    return np.minimum(np.where(is_first | (rng.random(n) < 0.5), early, later), window.end - 1)


def _issues(rng: np.random.Generator, story: Ints) -> Ints:
    """Make 7 % of listings faulty; contraband sellers offer prohibited goods in half of theirs."""
    honest = pick(rng, np.array([0.935, 0.010, 0.030, 0.025]), story.size)
    smuggled = np.where(rng.random(story.size) < 0.5, PROHIBITED, SOUND)
    # Rings keep clean shop windows: they need listings that stay up.
    return np.where(story == CONTRABAND, smuggled, np.where(story == RING, SOUND, honest))


def _worth(rng: np.random.Generator, product: Ints, issue: Ints, source: Ints) -> Floats:
    """Price goods in yuan: copies are up to 15 % cheaper, mistakes far too low or too high."""
    medians: Floats = np.array([leaf.median_cny for leaf in PRODUCTS], dtype=np.float64)
    worth: Floats = medians[product] * rng.lognormal(0.0, PRICE_SIGMA, product.size)
    copies = np.flatnonzero(issue == DUPLICATE)
    worth[copies] = worth[source[copies]] * rng.uniform(0.85, 1.0, copies.size)
    mistake = np.where(rng.random(product.size) < 0.6, 0.03, 40.0)
    return worth * np.where(issue == MISPRICED, mistake, 1.0)


def _earlier_of_same_taste(taste: Ints, submitted_at: Ints) -> Ints:
    """Return for each listing the one submitted last before it in its taste; -1 for the first."""
    order = np.lexsort((submitted_at, taste))
    has_earlier = np.diff(taste[order], prepend=-1) == 0
    earlier = np.empty_like(order)
    earlier[order] = np.where(has_earlier, np.roll(order, 1), -1)
    return earlier


def _companions(rng: np.random.Generator, founding: Ints, tastes: int) -> Ints:
    companions = np.arange(tastes)
    companions[founding] = rng.permutation(founding)
    return companions


def _charm(price: Floats, currency: Ints) -> Ints:
    """Round to prices that shops write: ….x9, yen to full tens."""
    tens = np.maximum(np.rint(price / 10).astype(np.int64), 1) * 10
    return np.where(MINOR_UNITS[currency] == 1, tens, tens - 1)
