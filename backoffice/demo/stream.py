"""The last days, as they would have come in: applications, listings and orders through the pipeline.

Each carries its own moment, so that features see what was known then. Orders
are not waited for, except every WAITED_FOR-th, which measures the whole walk.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import polars as pl

from catalog import services as catalog
from catalog.content import RevisionFields
from catalog.models import Category, ListingRevision, RevisionStatus
from core.actors import SYSTEM
from core.errors import DomainError
from intake import pipeline
from merchants import services as merchants
from merchants.models import ApplicationStatus, DocumentKind, Merchant, MerchantApplication
from orders.models import Order, OrderStatus
from orders.placing import NewLine, NewOrder, Signals
from simulation.loading import answers_of

from . import pictures
from .history import Streamed

Progress = Callable[[int, int], None]
WAITED_FOR = 10
_TIMEOUT_S = 120.0


@dataclass
class Submitted:
    """What was handed to the pipeline. `refused` counts input that a service turned down with a reason."""

    applications: list[int] = field(default_factory=list)
    revisions: list[int] = field(default_factory=list)
    orders: list[int] = field(default_factory=list)
    refused: dict[str, int] = field(default_factory=dict)
    walk_ms: list[float] = field(default_factory=list)

    def refuse(self, error: DomainError) -> None:
        self.refused[error.code] = self.refused.get(error.code, 0) + 1


def stream_everything(streamed: Streamed, progress: Progress) -> Submitted:
    """Submit all of it, oldest first of each kind, and return when the workers have decided it."""
    submitted = Submitted()
    in_all = streamed.applications.height + streamed.listings.height + streamed.orders.height
    done = 0
    lines = _lines_by_order(streamed)
    steps: tuple[tuple[pl.DataFrame, Callable[[Mapping[str, Any]], None]], ...] = (
        (streamed.applications, lambda row: _apply(row, submitted)),
        (streamed.listings, lambda row: _list(row, submitted)),
        (streamed.orders, lambda row: _order(row, lines[row["external_id"]], submitted)),
    )
    for frame, submit in steps:
        for row in frame.iter_rows(named=True):
            try:
                submit(row)
            except DomainError as error:
                submitted.refuse(error)
            done += 1
            progress(done, in_all)
    _wait_until_decided(submitted)
    return submitted


# ── One of each ──────────────────────────────────────────────────────────────────────────────────
def _apply(row: Mapping[str, Any], submitted: Submitted) -> None:
    at = row["submitted_at"]
    application = merchants.start_application(None, at=at, actor=SYSTEM, external_ref=row["application_ref"])
    category = Category.objects.filter(children=None).order_by("code").values_list("code", flat=True)[0]
    answers = replace(answers_of(row), category_code=category)
    merchants.save_application(application, answers, actor=SYSTEM)
    for kind in (DocumentKind.LICENCE, DocumentKind.IDENTITY):
        lines = (kind.name.capitalize(), row["application_ref"], row["registration_number"], row["country"])
        file = pictures.draw_document(*lines)
        merchants.add_document(application, file, kind, actor=SYSTEM)
    pipeline.submit_application(application, actor=SYSTEM, at=at, wait=False)
    submitted.applications.append(application.pk)


def _list(row: Mapping[str, Any], submitted: Submitted) -> None:
    at = row["submitted_at"]
    fields = RevisionFields(
        category_code=row["category_code"],
        title=row["title"],
        description=row["description"],
        price_minor=row["price_minor"],
        currency=row["currency"],
        image=pictures.draw_product(row["listing_ref"]),
    )
    merchant = Merchant.objects.get(external_ref=row["merchant_ref"])
    revision = catalog.create_listing(
        merchant, fields, sku=row["listing_ref"], stock=row["stock"], actor=SYSTEM, at=at
    )
    pipeline.submit_revision(revision, actor=SYSTEM, at=at, wait=False)
    submitted.revisions.append(revision.pk)


def _order(row: Mapping[str, Any], lines: list[NewLine], submitted: Submitted) -> None:
    merchant = Merchant.objects.get(external_ref=row["merchant_ref"])
    new = NewOrder(
        external_id=row["external_id"],
        market_order_id=row["market_order_id"],
        currency=row["currency"],
        fx_rate=Decimal(str(row["fx_rate"])),
        lines=tuple(lines),
        placed_at=row["placed_at"],
        signals=Signals(row["buyer_ref"], row["device_ref"], row["card_ref"], row["address_ref"], row["ip"]),
        buyer_signed_up_at=row["buyer_signed_up_at"],
        card_country=row["card_country"] or "",
        shipping_country=row["shipping_country"] or "",
        billing_country=row["billing_country"] or "",
        payment_status="unpaid" if row["payment_status"] == "unpaid" else "paid",
    )
    wait = len(submitted.orders) % WAITED_FOR == 0
    started = time.perf_counter()
    done = pipeline.submit_order(merchant, new, actor=SYSTEM, at=row["known_at"], wait=wait)
    if wait:
        submitted.walk_ms.append((time.perf_counter() - started) * 1_000)
    submitted.orders.append(done.order.pk)


def _lines_by_order(streamed: Streamed) -> dict[str, list[NewLine]]:
    wanted = streamed.orders.select("external_id")
    lines = streamed.lines.join(wanted, left_on="order_external_id", right_on="external_id", how="semi")
    found: dict[str, list[NewLine]] = {}
    for row in lines.sort("order_external_id", "line_no").iter_rows(named=True):
        line = NewLine(row["title"], row["quantity"], row["unit_price_minor"], row["listing_ref"] or "")
        found.setdefault(row["order_external_id"], []).append(line)
    return found


# ── Waiting for the workers ──────────────────────────────────────────────────────────────────────
def _wait_until_decided(submitted: Submitted) -> None:
    deadline = time.monotonic() + _TIMEOUT_S
    while (waiting := count_undecided(submitted)) and time.monotonic() < deadline:
        time.sleep(0.3)
    if waiting:
        raise TimeoutError(f"{waiting} submissions were not decided within {_TIMEOUT_S:.0f} seconds.")


def count_undecided(submitted: Submitted) -> int:
    """Return how much of what was submitted no worker has decided yet."""
    orders = Order.objects.filter(pk__in=submitted.orders, status=OrderStatus.RECEIVED, decided_at=None)
    applications = MerchantApplication.objects.filter(
        pk__in=submitted.applications, status=ApplicationStatus.SUBMITTED
    )
    revisions = ListingRevision.objects.filter(pk__in=submitted.revisions, status=RevisionStatus.SUBMITTED)
    return orders.count() + applications.count() + revisions.count()
