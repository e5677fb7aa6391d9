"""Facts of merchant accounts: the score and its parts, trade, health, listings and linked applications.

Scores, orders, labels and applications are as of the moment. What the platform keeps without a history stands
as it is when it is read: status and trust tier, live listings, and what became of the orders in the window.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery, Sum

from catalog.models import Listing, ListingRevision, ListingStatus, RevisionStatus
from core.refs import Ref
from merchants.models import Merchant, MerchantApplication
from orders.health import WINDOW, Health, measure
from orders.models import Order
from risk.models import AccountScore, Label, LabelSource, Subject
from risk.schemas.merchants import INPUTS

from . import Facts
from .application_links import read_neighbours
from .inputs import NAN, Vectors, hash_of, stack

INPUT_NAMES = tuple(field.name for field in INPUTS)
FEATURE_HASH = hash_of(INPUTS, version=1)
_DAY = timedelta(days=1)
_RECENT, _BEFORE = timedelta(days=7), timedelta(days=30)
_CHUNK = 200  # merchants whose facts are read at once


def gather(merchant: Merchant, *, as_of: datetime) -> Facts:
    """Return the facts of a merchant account; at most thirteen queries."""
    (facts,) = gather_many([merchant], [as_of])
    return facts


def gather_many(merchants: Sequence[Merchant], as_of: Sequence[datetime]) -> list[Facts]:
    """Return the facts of accounts, each as of its moment; thirteen queries per 200 that share a moment."""
    found = zip(merchants, as_of, _read_each(merchants, as_of), strict=True)
    return [_facts(merchant, moment, row) for merchant, moment, row in found]


def read_inputs(merchants: Sequence[Merchant], as_of: Sequence[datetime]) -> Vectors:
    """Return (n, n_inputs) as `gather_many` would, without the rest."""
    return stack(_read_each(merchants, as_of), INPUTS)


def _facts(merchant: Merchant, as_of: datetime, row: Mapping[str, float]) -> Facts:
    direct: dict[str, object] = {
        "merchant.name": merchant.name,
        "merchant.country": merchant.country or None,
        "merchant.status": str(merchant.status),
    }
    return Facts(
        subject=Ref("merchant", merchant.pk),
        merchant_id=merchant.pk,
        as_of=as_of,
        values={**row, **direct},
        direct=direct,
        vector=stack([row], INPUTS)[0],
        feature_hash=FEATURE_HASH,
        keys={"merchant": merchant.pk},
    )


def _read_each(merchants: Sequence[Merchant], as_of: Sequence[datetime]) -> list[Mapping[str, float]]:
    rows: list[Mapping[str, float]] = [{}] * len(merchants)
    places: dict[datetime, list[int]] = defaultdict(list)
    for place, moment in enumerate(as_of):
        places[moment].append(place)
    for moment, mine in places.items():
        for start in range(0, len(mine), _CHUNK):
            part = mine[start : start + _CHUNK]
            for place, row in zip(part, _read([merchants[place] for place in part], moment), strict=True):
                rows[place] = row
    return rows


def _read(merchants: Sequence[Merchant], as_of: datetime) -> list[dict[str, float]]:
    ids = [merchant.pk for merchant in merchants]
    scores, trade, health = _read_scores(ids, as_of), _read_trade(ids, as_of), measure(ids, as_of=as_of)
    chargebacks = _read_chargebacks(ids, as_of)
    live, rejected = _count_live(ids), _count_rejected(ids, as_of)
    links = _read_links(ids, as_of)
    return [
        {
            **scores[merchant.pk],
            **trade.get(merchant.pk, _Trade()).values(),
            **_rates(health[merchant.pk], chargebacks.get(merchant.pk, 0)),
            "account_age_days": max((as_of - merchant.joined_at) / _DAY, 0.0),
            "trust_tier": float(merchant.trust_tier),
            "live_listings_count": float(live.get(merchant.pk, 0)),
            "rejected_listings_60d_count": float(rejected.get(merchant.pk, 0)),
            **links.get(merchant.pk, {"linked_component_size": NAN, "linked_bad_within_two_count": NAN}),
        }
        for merchant in merchants
    ]


# ── The account score ────────────────────────────────────────────────────────────────────────────
def _read_scores(ids: Sequence[int], as_of: datetime) -> dict[int, dict[str, float]]:
    """Return each merchant's newest score, its parts, and its change in a week; two queries."""
    newest = Merchant.objects.filter(pk__in=ids).values_list(
        "pk", Subquery(_newest_score(as_of)), Subquery(_newest_score(as_of - _RECENT))
    )
    pairs = {merchant_id: (now, before) for merchant_id, now, before in newest}
    rows = AccountScore.objects.in_bulk({id for pair in pairs.values() for id in pair if id is not None})
    return {
        merchant_id: _score_values(*(rows.get(id) for id in pairs.get(merchant_id, (None, None))))
        for merchant_id in ids
    }


def _newest_score(at: datetime) -> QuerySet[AccountScore, int]:
    scores = AccountScore.objects.filter(merchant=OuterRef("pk"), as_of__lte=at)
    return scores.order_by("-as_of", "-id").values_list("pk", flat=True)[:1]


def _score_values(now: AccountScore | None, before: AccountScore | None) -> dict[str, float]:
    parts = now.parts if now is not None else {}
    known, bad = float(parts.get("known", NAN)), float(parts.get("bad", NAN))
    return {
        "account_score": NAN if now is None else now.score,
        "account_score_change_7d": NAN if now is None or before is None else now.score - before.score,
        "known_orders_60d_count": known,
        "bad_orders_60d_count": bad,
        "bad_orders_60d_share": _ratio(bad, known),
        "pending_orders_60d_count": float(parts.get("pending", NAN)),
        "expected_bad_60d_sum": float(parts.get("expected", NAN)),
    }


# ── Trade ────────────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True)
class _Trade:
    """Orders and their amount in the last seven days, and in the thirty before these."""

    orders: int = 0
    orders_before: int = 0
    amount: int = 0
    amount_before: int = 0

    def values(self) -> dict[str, float]:
        return {
            "orders_7d_count": float(self.orders),
            "orders_growth_7d": _ratio(self.orders / _RECENT.days, self.orders_before / _BEFORE.days),
            "amount_growth_7d": _ratio(self.amount / _RECENT.days, self.amount_before / _BEFORE.days),
        }


def _read_trade(ids: Sequence[int], as_of: datetime) -> dict[int, _Trade]:
    recent, before = Q(occurred_at__gte=as_of - _RECENT), Q(occurred_at__lt=as_of - _RECENT)
    rows = (
        Order.objects.filter(
            merchant_id__in=ids,
            known_at__lt=as_of,
            occurred_at__lt=as_of,
            occurred_at__gte=as_of - _RECENT - _BEFORE,
        )
        .order_by()
        .values_list("merchant_id")
        .annotate(
            orders=Count("pk", filter=recent),
            orders_before=Count("pk", filter=before),
            amount=Sum("base_total_minor", filter=recent, default=0),
            amount_before=Sum("base_total_minor", filter=before, default=0),
        )
    )
    return {merchant_id: _Trade(*(int(number) for number in numbers)) for merchant_id, *numbers in rows}


def _rates(health: Health, chargebacks: int) -> dict[str, float]:
    rates = {
        "cancelled_60d_share": health.cancellation_rate,
        "late_60d_share": health.late_rate,
        "refunded_60d_share": health.refund_rate,
    }
    return {
        "orders_60d_count": float(health.orders),
        **{name: NAN if rate is None else rate for name, rate in rates.items()},
        "chargebacks_60d_count": float(chargebacks),
        "chargebacks_60d_share": _ratio(chargebacks, health.orders),
    }


def _read_chargebacks(ids: Sequence[int], as_of: datetime) -> dict[int, int]:
    labels = Label.objects.as_of(as_of).filter(
        merchant_id__in=ids,
        subject_kind=Subject.ORDER,
        source=LabelSource.CHARGEBACK,
        is_bad=True,
        known_at__gte=as_of - WINDOW,
    )
    counts = labels.order_by().values_list("merchant_id").annotate(Count("subject_id", distinct=True))
    return {id: count for id, count in counts if id is not None}


# ── Listings and applications ────────────────────────────────────────────────────────────────────
def _count_live(ids: Sequence[int]) -> dict[int, int]:
    live = Listing.objects.filter(merchant_id__in=ids, status=ListingStatus.LIVE).order_by()
    return dict(live.values_list("merchant_id").annotate(Count("pk")))


def _count_rejected(ids: Sequence[int], as_of: datetime) -> dict[int, int]:
    rejected = ListingRevision.objects.filter(
        listing__merchant_id__in=ids,
        status=RevisionStatus.REJECTED,
        decided_at__gte=as_of - WINDOW,
        decided_at__lt=as_of,
    )
    return dict(rejected.order_by().values_list("listing__merchant_id").annotate(Count("pk")))


def _read_links(ids: Sequence[int], as_of: datetime) -> dict[int, dict[str, float]]:
    """Return the links of each merchant's newest submitted application; five queries."""
    submitted = MerchantApplication.objects.filter(
        merchant_id__in=ids, submitted_at__isnull=False, known_at__lt=as_of
    )
    newest = {one.merchant_id: one for one in submitted.order_by("known_at", "id")}
    applications = list(newest.values())
    neighbours = read_neighbours(applications, [as_of] * len(applications))
    return {one.merchant_id: neighbours.links_of(one, as_of) for one in applications}


def _ratio(part: float, whole: float) -> float:
    """Divide; NaN by nothing."""
    return part / whole if whole else NAN
