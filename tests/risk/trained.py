"""Labelled orders that can be told apart, and trainings on them that take a second."""

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from core import journal
from core.actors import SYSTEM
from core.refs import Ref
from merchants.models import Merchant
from orders.models import Order
from orders.placing import Signals
from orders.services import place_order
from risk import training
from risk.models import LabelSource, ModelVersion, TrainingRun
from risk.services import record_label, request_training
from risk.training import Options
from tests.make import NOON, make_merchant, make_new_order, promote

AS_OF = NOON + timedelta(days=20)
QUICK = Options(draws=20)


def place(merchant: Merchant, number: int, *, is_bad: bool) -> Order:
    """Place an order that can be told: bad ones are large and come in bursts from few devices."""
    at = NOON + timedelta(hours=number)
    device = f"burner-{number // 40}" if is_bad else f"phone-{number}"
    new = make_new_order(
        total="900.00" if is_bad else f"{20 + number % 60}.00",
        at=at,
        signals=Signals(buyer=f"buyer-{number}", device=device, card=f"card-{number}"),
    )
    return place_order(merchant, new, actor=SYSTEM, at=at)


def label(order: Order, *, is_bad: bool, known_at: datetime | None = None, **fields: Any) -> None:
    record_label(
        Ref("order", order.pk),
        is_bad=is_bad,
        source=fields.pop("source", LabelSource.CHARGEBACK),
        occurred_at=order.occurred_at,
        known_at=known_at or order.known_at + timedelta(days=3),
        order=order,
        **fields,
    )


def make_history(count: int = 160, *, every: int = 2) -> list[Order]:
    """Place labelled orders, each `every`th of them bad."""
    merchant = make_merchant()
    with journal.unit():
        orders = [place(merchant, number, is_bad=number % every == 0) for number in range(count)]
        for number, order in enumerate(orders):
            label(order, is_bad=number % every == 0)
    return orders


def request(subject: str = "order") -> TrainingRun:
    return request_training(subject, as_of=AS_OF, requested_by=None)


def rerun(run: TrainingRun) -> TrainingRun:
    return TrainingRun.objects.get(pk=run.pk)


def train(run: TrainingRun, **fields: Any) -> ModelVersion | None:
    return training.run(run.pk, at=fields.pop("at", NOON), options=QUICK, **fields)


def promote_best() -> ModelVersion:
    """Train, and promote the LightGBM model as a second person would."""
    version = train(request())
    assert version is not None
    promote(version, at=timezone.now())
    return version
