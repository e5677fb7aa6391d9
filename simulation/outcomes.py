"""How orders end: labels that arrive late, statuses as of the end of the window, and money given back."""

from dataclasses import dataclass

import numpy as np

from simulation.purchases import Purchases
from simulation.stories import STORIES
from simulation.world import DAY, HOUR, MATURITY_DAYS, MINUTE, Bools, Floats, Ints, Window

LABEL_SOURCES = ("matured_good", "chargeback", "refund_fraud")
STATUSES = (
    "awaiting_payment",
    "awaiting_acceptance",
    "awaiting_fulfilment",
    "partially_shipped",
    "shipped",
    "delivered",
    "completed",
    "cancelled",
    "refused",
)
PAYMENTS = ("unpaid", "authorized", "paid", "partially_refunded", "refunded", "voided")
_UNPAID, _AUTHORIZED, _PAID, _PARTLY, _REFUNDED, _VOIDED = range(len(PAYMENTS))

_AWAITING_PAYMENT, _AWAITING_ACCEPTANCE = 0, 1
_COMPLETED, _CANCELLED, _REFUSED = (STATUSES.index(name) for name in ("completed", "cancelled", "refused"))

_REPORTED: Floats = np.array([0.0, *(story.reported for story in STORIES)])
_SOURCE: Ints = np.array([0, *(LABEL_SOURCES.index(story.source) for story in STORIES)])


@dataclass(frozen=True)
class Labels:
    """What had proved true by the end. is_bad −1 is not known yet; the moments are then −1 too."""

    is_bad: Ints
    source: Ints
    occurred_at: Ints
    known_at: Ints


def label(purchases: Purchases, rng: np.random.Generator, window: Window) -> Labels:
    """Label reported fraud after its delay, everything else as good at maturity: unreported fraud too.

    The delay is lognormal with median 18 days, held within 5–45: a cardholder sees the statement, disputes
    it, and the notice reaches the merchant one to three days later. Card schemes allow up to 120 days; we
    keep to 45, so that 180 days hold enough matured orders.
    """
    n, story = purchases.size, purchases.story
    reported = rng.random(n) < _REPORTED[story]
    delay = np.clip(rng.lognormal(np.log(18.0), 0.55, n), 5.0, MATURITY_DAYS)
    known_at = purchases.placed_at + (np.where(reported, delay, MATURITY_DAYS) * DAY).astype(np.int64)
    filed_at = known_at - (rng.uniform(1.0, 3.0, n) * DAY).astype(np.int64) * reported
    known = known_at <= window.end
    return Labels(
        is_bad=np.where(known, reported, -1),
        source=np.where(known, np.where(reported, _SOURCE[story], 0), -1),
        occurred_at=np.where(known, filed_at, -1),
        known_at=np.where(known, known_at, -1),
    )


def settle(
    purchases: Purchases, labels: Labels, rng: np.random.Generator, window: Window, *, several: Bools
) -> tuple[Ints, Ints]:
    """Return status and payment_status as of the end, as positions in STATUSES and PAYMENTS.

    Olist: 97 % delivered, 0.6 % cancelled, 0.6 % unavailable; we leave more carts unpaid. Fraud is always
    paid. Returns are 6 % of what was delivered, three in four of them in full.

    several   orders of more than one line, which may come in two parcels
    """
    n, age = purchases.size, window.end - purchases.placed_at
    chance_of_end = rng.random(n) + (purchases.story > 0)
    abandoned = (chance_of_end < 0.022) & (age > 30 * MINUTE)
    refused = (chance_of_end >= 0.022) & (chance_of_end < 0.032) & (age > DAY)
    status = np.select([abandoned, refused], [_CANCELLED, _REFUSED], _walk(rng, age, several=several))
    refund_fraud = (labels.is_bad == 1) & (labels.source == LABEL_SOURCES.index("refund_fraud"))
    sent_back = np.where((status == _COMPLETED) & (labels.is_bad != 1), rng.random(n), 1.0)
    payment = np.select(
        [status == _AWAITING_PAYMENT, abandoned, refused, status == _AWAITING_ACCEPTANCE],
        [_UNPAID, _UNPAID, _VOIDED, _AUTHORIZED],
        np.select([refund_fraud | (sent_back < 0.045), sent_back < 0.06], [_REFUNDED, _PARTLY], _PAID),
    )
    return status, payment


def _walk(rng: np.random.Generator, age: Ints, *, several: Bools) -> Ints:
    """Return how far paid orders have come, as a position in STATUSES.

    Medians: 2 minutes to payment, 3 h to acceptance, 20 h to the first parcel, 4 days on the way; then there
    are 15 days in which goods may be sent back.
    """
    n = age.size

    def after(median: float, sigma: float, unit: int) -> Ints:
        return (rng.lognormal(np.log(median), sigma, n) * unit).astype(np.int64)

    paid = after(2, 0.8, MINUTE)
    accepted = paid + after(3, 0.9, HOUR)
    first_parcel = accepted + after(20, 0.6, HOUR)
    shipped = first_parcel + after(12, 0.6, HOUR) * several
    delivered = shipped + after(4, 0.5, DAY)
    steps = (paid, accepted, first_parcel, shipped, delivered, delivered + 15 * DAY)
    passed: Ints = np.sum([age >= step for step in steps], axis=0, dtype=np.int64)
    return passed
