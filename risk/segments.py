"""In which segment of trade a labelled subject falls: what reports and fairness are broken down by.

A segment is a short code that pages give words to. The bands are round numbers that people in a marketplace
use of themselves; they are no findings.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime

import numpy as np
import numpy.typing as npt
from django.db.models import Count
from django.db.models.functions import TruncDate

from catalog.models import ListingRevision
from merchants.models import Merchant, MerchantApplication
from orders.models import Order

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Texts = npt.NDArray[np.str_]
Segments = dict[str, Texts]

UNKNOWN = ""  # shown, and held to no limit
_DAY_US = 86_400_000_000
_EPOCH = date(1970, 1, 1).toordinal()
_SIZE_DAYS = 30
_SIZES = ((30.0, "small"), (300.0, "medium"))  # orders in 30 days: one a day, ten a day
_TENURES = ((90.0, "under_90_days"), (365.0, "under_1_year"))  # days since joining
_BUYER_AGES = ((24.0, "under_1_day"), (24.0 * 30, "under_30_days"))  # hours since signing up


def of_orders(names: Sequence[str], matrix: Floats, merchant_ids: Ints, at: Ints) -> Segments:
    """Return merchant_size, country (the merchant's), merchant_tenure and buyer_age of orders.

    names, matrix    the stored inputs, of which two say size and age
    at               (n,) microseconds since the epoch
    """
    merchants = _read_merchants(set(merchant_ids.tolist()))
    return {
        "merchant_size": _band(_column(names, matrix, "merchant_orders_30d_count"), _SIZES, "large"),
        "country": _countries(merchant_ids, merchants),
        "merchant_tenure": _tenures(merchant_ids, merchants, at),
        "buyer_age": _band(_column(names, matrix, "buyer_account_age_hours"), _BUYER_AGES, "over_30_days"),
    }


def of_listings(revisions: Sequence[ListingRevision], at: Ints) -> Segments:
    """Return merchant_size, country, merchant_tenure and category of revisions, those two read."""
    ids = np.array([revision.listing.merchant_id for revision in revisions], dtype=np.int64)
    merchants = {
        revision.listing.merchant_id: (revision.listing.merchant.country, revision.listing.merchant.joined_at)
        for revision in revisions
    }
    return {
        "merchant_size": _band(_orders_before(ids, at), _SIZES, "large"),
        "country": _countries(ids, merchants),
        "merchant_tenure": _tenures(ids, merchants, at),
        "category": _texts([revision.category.code for revision in revisions]),
    }


def of_applications(applications: Sequence[MerchantApplication]) -> Segments:
    """Return country, entity_type and category of applications; applicants have no size and no tenure yet."""
    return {
        "country": _texts([application.country for application in applications]),
        "entity_type": _texts([application.entity_type for application in applications]),
        "category": _texts([application.category_code for application in applications]),
    }


def take(segments: Mapping[str, Texts], rows: npt.NDArray[np.bool_] | Ints) -> Segments:
    return {name: column[rows] for name, column in segments.items()}


_Merchants = Mapping[int, tuple[str, datetime]]


def _read_merchants(ids: set[int]) -> _Merchants:
    found = Merchant.objects.filter(pk__in=ids) if len(ids) < 500 else Merchant.objects.all()
    return {
        id: (country, joined_at) for id, country, joined_at in found.values_list("pk", "country", "joined_at")
    }


def _countries(ids: Ints, merchants: _Merchants) -> Texts:
    return _spread(ids, {id: country for id, (country, _) in merchants.items()})


def _tenures(ids: Ints, merchants: _Merchants, at: Ints) -> Texts:
    known, places = np.unique(ids, return_inverse=True)
    joined = np.array(
        [merchants[id][1].timestamp() * 1e6 if id in merchants else np.nan for id in known.tolist()]
    )
    if not len(known):
        return _texts([])
    return _band((at - joined[places]) / _DAY_US, _TENURES, "over_1_year")


def _orders_before(ids: Ints, at: Ints) -> Floats:
    """Return (n,) how many orders each merchant received in the 30 days before, by whole days (UTC)."""
    wanted = sorted(set(ids.tolist()))
    counts: dict[int, list[tuple[int, int]]] = {}
    for start in range(0, len(wanted), 500):
        orders = Order.objects.filter(merchant_id__in=wanted[start : start + 500]).order_by()
        by_day = orders.values_list("merchant_id", TruncDate("occurred_at", tzinfo=UTC)).annotate(Count("pk"))
        for merchant_id, day, count in by_day:
            counts.setdefault(merchant_id, []).append((_day_number(day), count))
    found = np.zeros(len(ids))
    for row, (id, moment) in enumerate(zip(ids.tolist(), at.tolist(), strict=True)):
        day = moment // _DAY_US
        found[row] = sum(count for on, count in counts.get(id, ()) if day - _SIZE_DAYS <= on < day)
    return found


def _day_number(day: date) -> int:
    return day.toordinal() - _EPOCH


def _column(names: Sequence[str], matrix: Floats, name: str) -> Floats:
    return matrix[:, list(names).index(name)]


def _band(values: Floats, bands: Sequence[tuple[float, str]], last: str) -> Texts:
    codes = np.array([*(code for _, code in bands), last, UNKNOWN])
    places = np.searchsorted([limit for limit, _ in bands], values, side="right")
    places = np.where(np.isnan(values), len(codes) - 1, places)
    return np.asarray(codes[places], dtype=np.str_)


def _spread(ids: Ints, texts: Mapping[int, str]) -> Texts:
    known, places = np.unique(ids, return_inverse=True)
    named = _texts([texts.get(id, "") for id in known.tolist()])
    return named[places] if len(known) else named


def _texts(values: Sequence[str]) -> Texts:
    return np.array([value or UNKNOWN for value in values], dtype=np.str_)
