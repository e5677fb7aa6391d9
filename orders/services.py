"""Writes on orders before anything is shipped: placing, and the effects of a decision."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal

from django.conf import settings
from django.utils.translation import gettext_lazy

from catalog.models import Listing
from core import journal, outbox
from core.actors import Actor
from core.encryption import encrypt
from core.errors import Conflict, ValidationFailed
from core.fingerprints import fingerprint_or_none
from core.journal import Refusal
from core.models import Effect
from core.money import convert, to_text
from core.outbox import TaskCall
from core.rates import get_rate
from core.refs import Ref
from core.statements import About, Fact, give_reasons
from merchants.models import Merchant

from .models import Order, OrderContact, OrderKey, OrderLine, OrderStatus, PaymentStatus
from .placing import Contact, NewLine, NewOrder, problems
from .states import ORDER

_NUMBER_IS_TAKEN = Refusal(
    constraint="one_order_per_merchant_and_number",
    columns="orders_orderkey.merchant_id, orders_orderkey.external_id",
    error=lambda: Conflict("This merchant already has an order with that number.", code="duplicate_order"),
)


def place_order(
    merchant: Merchant, new: NewOrder, *, actor: Actor, at: datetime, send: Sequence[TaskCall] = ()
) -> Order:
    """Take the order in as received, with its event; its rows are written when the unit ends.

    Raises ValidationFailed; the end of the unit raises Conflict, `duplicate_order`,
    if the merchant has an order with that number. One query if a line names a SKU.

    send    tasks for after the commit; the order's id is added to their arguments
    """
    if found := problems(new, at=at):
        raise ValidationFailed(found)
    with journal.unit():
        order = _build_order(merchant, new, at=at)
        key = OrderKey(merchant_id=merchant.pk, external_id=new.external_id, order_id=order.pk)
        journal.add(key, refusal=_NUMBER_IS_TAKEN)
        journal.add(order)
        for line in _build_lines(order, new.lines):
            journal.add(line)
        if new.contact is not None:
            journal.add(OrderContact(order=order, sealed=_seal(new.contact)))
        ORDER.enter(order, actor=actor, state=order.status, action="place")
        outbox.record(
            "order.placed",
            subject=Ref("order", order.pk),
            merchant_id=merchant.pk,
            payload={"external_id": order.external_id},
            send=[TaskCall(call.name, (*call.args, order.pk)) for call in send],
        )
    return order


def approve_order(order: Order, *, actor: Actor, at: datetime, reason_codes: Sequence[str] = ()) -> None:
    """Let a received order go on to payment or acceptance, and lift a risk hold."""
    is_paid = order.payment_status in {PaymentStatus.PAID, PaymentStatus.AUTHORIZED}
    action = "await_acceptance" if is_paid else "await_payment"
    was_held = order.is_held
    with journal.unit():
        ORDER.move(
            order,
            action,
            actor=actor,
            reason_code=reason_codes[0] if reason_codes else "",
            hold_kind="",
            hold_reason="",
            hold_statement_id=None,
            decided_at=at,
        )
        event = "order.released" if was_held else "order.approved"
        _announce(event, order, reason_codes)


def hold_order(order: Order, *, actor: Actor, at: datetime, reason_codes: Sequence[str]) -> None:
    """Keep a received order where it is until a person has looked: it cannot ship."""
    with journal.unit():
        statement = give_reasons(about(order), Effect.HELD, reason_codes=reason_codes, actor=actor, at=at)
        changes = {
            "hold_statement_id": statement.pk,
            "hold_kind": "risk",
            "hold_reason": reason_codes[0] if reason_codes else "",
            "decided_at": at,
        }
        ORDER.mark(order, "hold", actor=actor, reason_code=str(changes["hold_reason"]), **changes)
        _announce("order.held", order, reason_codes)


def decline_order(
    order: Order, *, actor: Actor, at: datetime, reason_codes: Sequence[str], message: str = ""
) -> None:
    """End a received order, and tell its merchant why; `message` is a reviewer's word to them."""
    with journal.unit():
        statement = give_reasons(
            about(order), Effect.DECLINED, reason_codes=reason_codes, actor=actor, at=at, message=message
        )
        ORDER.move(
            order,
            "decline",
            actor=actor,
            reason_code=reason_codes[0] if reason_codes else "",
            hold_kind="",
            hold_reason="",
            hold_statement_id=None,
            decline_statement_id=statement.pk,
            decided_at=at,
        )
        _announce("order.declined", order, reason_codes)


def reinstate_order(order: Order, *, actor: Actor, at: datetime) -> None:
    """Undo a decline that an appeal proved wrong: the order goes on as if it had been approved."""
    with journal.unit():
        ORDER.move(order, "reinstate", actor=actor, decline_statement_id=None)
        approve_order(order, actor=actor, at=at)


def about(order: Order) -> About:
    """Return what a statement of reasons may tell the merchant of an order; no query."""
    return About(
        Ref("order", order.pk),
        order.merchant_id,
        title=order.external_id,
        facts=(
            Fact(gettext_lazy("Order number"), order.external_id),
            Fact(gettext_lazy("Total"), f"{to_text(order.total_minor, order.currency)} {order.currency}"),
            Fact(gettext_lazy("Placed"), f"{order.occurred_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"),
        ),
    )


def _build_order(merchant: Merchant, new: NewOrder, *, at: datetime) -> Order:
    rate = new.fx_rate if new.fx_rate is not None else get_rate(new.currency, at=new.placed_at)
    signals = new.signals
    return Order(
        merchant_id=merchant.pk,
        external_id=new.external_id,
        market_order_id=new.market_order_id,
        status=OrderStatus.RECEIVED,
        payment_status=new.payment_status,
        currency=new.currency,
        total_minor=new.total_minor,
        base_total_minor=convert(new.total_minor, new.currency, settings.BASE_CURRENCY, Decimal(rate)),
        fx_rate=rate,
        line_count=len(new.lines),
        item_count=sum(line.quantity for line in new.lines),
        buyer_ref=signals.buyer or "",
        buyer_signed_up_at=new.buyer_signed_up_at,
        buyer_key=fingerprint_or_none("buyer", signals.buyer),
        device_key=fingerprint_or_none("device", signals.device),
        card_key=fingerprint_or_none("card", signals.card),
        address_key=fingerprint_or_none("address", signals.address),
        ip_key=fingerprint_or_none("ip", signals.ip),
        card_country=new.card_country,
        shipping_country=new.shipping_country,
        billing_country=new.billing_country,
        occurred_at=new.placed_at,
        known_at=at,
    )


def _build_lines(order: Order, lines: Sequence[NewLine]) -> list[OrderLine]:
    skus = {line.sku for line in lines if line.sku}
    listed = (
        dict(Listing.objects.filter(merchant_id=order.merchant_id, sku__in=skus).values_list("sku", "pk"))
        if skus
        else {}
    )
    return [
        OrderLine(
            order_id=order.pk,
            number=number,
            listing_id=listed.get(line.sku),
            title=line.title,
            quantity=line.quantity,
            unit_price_minor=line.unit_price_minor,
        )
        for number, line in enumerate(lines, start=1)
    ]


def _seal(contact: Contact) -> bytes:
    return encrypt(json.dumps(asdict(contact), ensure_ascii=False))


def _announce(event: str, order: Order, reason_codes: Sequence[str]) -> None:
    outbox.record(
        event,
        subject=Ref("order", order.pk),
        merchant_id=order.merchant_id,
        payload={"status": order.status, "reason_codes": list(reason_codes)},
    )
