"""A small history of orders: some judged on arrival, some only stored, most with their truth."""

from datetime import datetime, timedelta
from decimal import Decimal
from random import Random

from cases.services import ensure_default_queues
from core.actors import SYSTEM
from core.refs import Ref
from intake.pipeline import submit_order
from orders.models import Order
from orders.placing import NewLine, Signals
from orders.services import place_order
from risk.models import LabelSource
from risk.services import record_label
from tests.make import NOON, make_listing, make_merchant, make_new_order

UNTIL = NOON + timedelta(days=20)
PAUSES = (timedelta(minutes=7), timedelta(hours=9), timedelta(0))


def make_history(
    count: int = 60,
    *,
    seed: int = 7,
    decided: float = 0.5,
    since: datetime = NOON,
    pauses: tuple[timedelta, ...] = PAUSES,
) -> list[Order]:
    """Place orders within some days, a third of them bad or not known, whoever judges them."""
    ensure_default_queues()
    random, merchants = Random(seed), [make_merchant(country=code) for code in ("CN", "DE", "")]
    make_listing(merchants[0], at=NOON - timedelta(days=100), sku="POT")
    at, orders = since, []
    for number in range(count):
        at += random.choice(pauses)
        price, currency = random.choice((900, 25_000, 250_000)), random.choice(("CNY", "USD"))
        new = make_new_order(
            external_id=f"H-{seed}-{number}",
            at=at,
            currency=currency,
            fx_rate=Decimal("7.1" if currency == "USD" else 1),
            lines=(NewLine("Pot", 1, price, random.choice(("POT", "other"))),),
            signals=Signals(
                **{
                    name: random.choice((None, *(f"{name}-{value}" for value in range(values))))
                    for name, values in (("buyer", 9), ("device", 4), ("card", 6), ("address", 6), ("ip", 3))
                }
            ),
            buyer_signed_up_at=random.choice((None, at - timedelta(hours=3), at - timedelta(days=90))),
            billing_country=random.choice(("", "CN", "DE")),
            shipping_country=random.choice(("", "CN", "DE")),
            card_country=random.choice(("", "CN", "US")),
        )
        merchant = random.choice(merchants)
        if random.random() < decided:
            order = submit_order(merchant, new, actor=SYSTEM, at=at).order
        else:
            order = place_order(merchant, new, actor=SYSTEM, at=at)
        orders.append(order)
        if random.random() < 0.8:
            label(order, is_bad=random.random() < 0.3)
    return orders


def label(order: Order, *, is_bad: bool, source: LabelSource = LabelSource.CHARGEBACK) -> None:
    known_at = order.known_at + timedelta(days=3)
    record_label(
        Ref("order", order.pk),
        is_bad=is_bad,
        source=source,
        occurred_at=known_at,
        known_at=known_at,
        order=order,
    )
