"""Account health: the account's score over time, its alerts, and each rate with how to cure it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import formats, timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from core.ids import encode
from core.ui.statuses import Tone
from merchants.models import Merchant
from merchants.permissions import Area
from orders.health import TARGETS, WINDOW, Health, Metric, list_behind, measure
from orders.models import Order
from risk.accounts import HIGH_AT, MEDIUM_AT, RESTRICTION_PROPOSED, band_of
from risk.models import AccountScore, Alert

from ..access import Shop, merchant_page
from ..pages import show

HISTORY = timedelta(days=90)
_ORDERS_SHOWN = 5
_ALERTS_SHOWN = 10
_BAND_TONES = {"low": Tone.GOOD, "medium": Tone.WAITS, "high": Tone.BAD}


@dataclass(frozen=True)
class Words:
    """What a metric is called, what it counts, what it leads to, and how to bring it down."""

    label: Promise
    counts: Promise
    cure: Promise


_WORDS: Mapping[Metric, Words] = {
    Metric.CANCELLATION: Words(
        gettext_lazy("Cancellations"),
        gettext_lazy("Orders you refused or cancelled before shipping, of all confirmed orders."),
        gettext_lazy("Keep stock up to date, and pause a listing before it runs out."),
    ),
    Metric.LATE: Words(
        gettext_lazy("Late shipments"),
        gettext_lazy("Orders shipped, or still waiting, more than 48 hours after they were confirmed."),
        gettext_lazy("Ship the oldest orders first, and enter the tracking number on the same day."),
    ),
    Metric.REFUND: Words(
        gettext_lazy("Refunds"),
        gettext_lazy("Orders with a refund, of all confirmed orders."),
        gettext_lazy("Look at the reasons buyers gave: a better description or packing often helps."),
    ),
}


@dataclass(frozen=True)
class MetricRow:
    """One rate with its target and the newest orders that counted against it."""

    words: Words
    count: int
    handled: int
    rate: float | None
    target: float
    orders: tuple[tuple[str, str], ...]  # number, public id

    @property
    def percent(self) -> float | None:
        return None if self.rate is None else 100 * self.rate

    @property
    def target_percent(self) -> float:
        return 100 * self.target

    @property
    def is_met(self) -> bool:
        return self.rate is None or self.rate <= self.target

    @property
    def tone(self) -> str:
        if self.rate is None:
            return Tone.DRAFT
        return Tone.GOOD if self.is_met else Tone.BAD

    @property
    def allowed(self) -> int:
        """How many orders the target would have allowed."""
        return int(self.handled * self.target)


@require_safe
@merchant_page(Area.ORDERS)
def health(request: HttpRequest, shop: Shop) -> HttpResponse:
    now = timezone.now()
    measured = measure([shop.merchant.pk], as_of=now)[shop.merchant.pk]
    history = _history(shop.merchant, now)
    score = shop.merchant.account_score
    context = {
        "metrics": [_metric_row(metric, measured, shop.merchant, now) for metric in Metric],
        "window_days": WINDOW.days,
        "measured": measured,
        "score": score,
        "band": _band(score),
        "medium_at": MEDIUM_AT,
        "high_at": HIGH_AT,
        "chart": _chart(history) if len(history) > 1 else None,
        "alerts": [_alert(alert) for alert in _alerts(shop.merchant)[:_ALERTS_SHOWN]],
    }
    return show(request, shop, "portal/health.html", context)


def _metric_row(metric: Metric, measured: Health, merchant: Merchant, now: datetime) -> MetricRow:
    counted: list[Order] = []
    if measured.count(metric):
        counted = list(list_behind(merchant.pk, metric, as_of=now)[:_ORDERS_SHOWN])
    return MetricRow(
        words=_WORDS[metric],
        count=measured.count(metric),
        handled=measured.handled,
        rate=measured.rate(metric),
        target=TARGETS[metric],
        orders=tuple((order.external_id, encode("ord", order.pk)) for order in counted),
    )


def _history(merchant: Merchant, now: datetime) -> list[AccountScore]:
    """Return the last score of each day, oldest first."""
    scores = AccountScore.objects.filter(merchant=merchant, as_of__gte=now - HISTORY).order_by("as_of", "id")
    return list({timezone.localdate(score.as_of): score for score in scores}.values())


def _chart(history: list[AccountScore]) -> dict[str, Any]:
    return {
        "kind": "line",
        "unit": "",
        "x": [formats.date_format(timezone.localtime(score.as_of), "m-d") for score in history],
        "series": [{"name": _("Risk score"), "values": [round(100 * score.score) for score in history]}],
    }


def _band(score: float | None) -> dict[str, str] | None:
    if score is None:
        return None
    band = band_of(score)
    sentences = {
        "low": _("Your account looks healthy. New orders go through the usual checks."),
        "medium": _("Some recent orders went wrong. More of your orders may be checked by a person."),
        "high": _("Many recent orders went wrong. The marketplace is looking at your account."),
    }
    titles = {"low": _("Low risk"), "medium": _("Raised risk"), "high": _("High risk")}
    return {"tone": _BAND_TONES[band], "title": titles[band], "sentence": sentences[band]}


def _alerts(merchant: Merchant) -> QuerySet[Alert]:
    """Return the merchant's own alerts; what is proposed about the account is between staff."""
    return merchant.alerts.exclude(code=RESTRICTION_PROPOSED).order_by("-id")


def _alert(alert: Alert) -> dict[str, Any]:
    titles = {
        "medium": _("Your account’s risk score rose to the middle band"),
        "high": _("Your account’s risk score rose to the high band"),
    }
    return {
        "at": alert.created_at,
        "title": titles.get(alert.to_band, alert.code),
        "tone": _BAND_TONES.get(alert.to_band, Tone.WAITS),
        "actor": _("Automatic"),
        "text": _("The marketplace has seen this.") if alert.acknowledged_at else "",
    }
