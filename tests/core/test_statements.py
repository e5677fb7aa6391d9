"""Statements of reasons: complete, in both languages, safe to read, and impossible to leave out."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.conf import settings
from django.db import IntegrityError, connection, models, transaction
from django.utils import translation

from catalog import services as catalog
from catalog.models import ListingRevision
from core import journal
from core.actors import SYSTEM, Actor
from core.errors import InvalidTransition, ValidationFailed
from core.models import Effect, Statement
from core.statements import add_months, read
from merchants import services as merchants
from merchants.models import Merchant, MerchantApplication
from merchants.services import RequestedItem
from orders import services as orders
from orders.handling import cancel_order
from orders.models import Order
from tests.make import NOON, make_application, make_merchant, make_order, make_revision

pytestmark = pytest.mark.django_db

REVIEWER = Actor("user", "7")


def run_sql(sql: str, *parameters: str | int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)


def screened_revision() -> ListingRevision:
    revision = make_revision(submitted=True)
    catalog.begin_screening(revision)
    return revision


def screened_application() -> MerchantApplication:
    application = make_application()
    merchants.submit_application(application, actor=SYSTEM, at=NOON)
    merchants.begin_screening(application)
    return application


# What may go against a merchant: a fresh row, the service, the columns that say so, the statement's column.
Row = Order | ListingRevision | MerchantApplication | Merchant
ITEM = RequestedItem("registration_number", "registration_invalid")
CASES: dict[str, tuple[Callable[[], Row], Callable[..., None], dict[str, str], str, Effect]] = {
    "declined order": (
        make_order, orders.decline_order, {"status": "declined"}, "decline_statement", Effect.DECLINED,
    ),
    "held order": (
        make_order, orders.hold_order, {"hold_kind": "risk"}, "hold_statement", Effect.HELD,
    ),
    "rejected revision": (
        screened_revision, catalog.reject_revision, {"status": "rejected"}, "rejection_statement",
        Effect.REJECTED,
    ),
    "returned revision": (
        screened_revision, catalog.request_changes, {"status": "changes_requested"},
        "request_statement", Effect.CHANGES_REQUESTED,
    ),
    "rejected application": (
        screened_application, merchants.reject_application, {"status": "rejected"}, "rejection_statement",
        Effect.REJECTED,
    ),
    "returned application": (
        screened_application,
        lambda row, reason_codes, **by: merchants.request_information(
            row, [RequestedItem(ITEM.requirement, code) for code in reason_codes], **by
        ),
        {"status": "info_requested"}, "request_statement", Effect.INFO_REQUESTED,
    ),
    "restricted merchant": (
        make_merchant, merchants.restrict_merchant, {"status": "restricted"}, "restriction_statement",
        Effect.RESTRICTED,
    ),
}  # fmt: skip
every_decision = pytest.mark.parametrize(
    ("make", "decide", "against", "column", "effect"), list(CASES.values()), ids=list(CASES)
)


@every_decision
@pytest.mark.parametrize("actor", [SYSTEM, REVIEWER], ids=["machine", "person"])
def test_every_decision_against_a_merchant_leaves_one_statement(
    make: Any, decide: Any, against: Any, column: str, effect: Effect, actor: Actor
) -> None:
    row = make()
    decide(row, actor=actor, at=NOON, reason_codes=["policy_violation"])
    row.refresh_from_db()
    statement = Statement.objects.get()
    assert getattr(row, column) == statement
    assert (statement.effect, statement.subject_id) == (effect, row.pk)
    assert (statement.is_automated, statement.reason_codes) == (actor == SYSTEM, ["policy_violation"])
    assert statement.texts.keys() == {"en", "zh-hans"}
    for text in statement.texts.values():
        assert all(
            text[name] for name in ("heading", "reasons", "facts", "decided", "basis", "cure", "appeal")
        )


@every_decision
def test_a_decision_without_a_reason_is_refused(
    make: Any, decide: Any, against: Any, column: str, effect: Effect
) -> None:
    row = make()
    with pytest.raises(ValidationFailed):
        decide(row, actor=REVIEWER, at=NOON, reason_codes=[])
    row.refresh_from_db()
    assert getattr(row, column) is None
    assert not Statement.objects.exists()


@every_decision
def test_the_statement_cannot_be_left_out(
    make: Any, decide: Any, against: dict[str, str], column: str, effect: Effect
) -> None:
    """Not by saving, not by the ORM's update, not in SQL, not by an insert."""
    row = make()
    for name, value in against.items():
        setattr(row, name, value)
    with pytest.raises(IntegrityError), transaction.atomic():
        row.save()
    with pytest.raises(IntegrityError), transaction.atomic():
        type(row).objects.filter(pk=row.pk).update(**against)
    ((name, value),) = against.items()
    with pytest.raises(IntegrityError), transaction.atomic():
        run_sql(f"UPDATE {row._meta.db_table} SET {name} = %s WHERE id = %s", value, row.pk)
    fresh = type(row).objects.get(pk=row.pk)
    fresh.pk, fresh._state.adding = None, True
    for name, value in against.items():
        setattr(fresh, name, value)
    with pytest.raises(IntegrityError), transaction.atomic():
        type(row).objects.bulk_create([fresh])


@every_decision
def test_the_statement_cannot_be_taken_away(
    make: Any, decide: Any, against: Any, column: str, effect: Effect
) -> None:
    row = make()
    decide(row, actor=SYSTEM, at=NOON, reason_codes=["policy_violation"])
    with pytest.raises(IntegrityError), transaction.atomic():
        type(row).objects.filter(pk=row.pk).update(**{column: None})
    with pytest.raises(IntegrityError, match="statement_is_immutable"), transaction.atomic():
        Statement.objects.update(texts={"en": {}})
    with (
        pytest.raises(IntegrityError, match="statement_is_kept"),
        transaction.atomic(),
        connection.cursor() as c,
    ):
        c.execute("DELETE FROM core_statement")
    with pytest.raises(models.ProtectedError):
        Statement.objects.get().delete()


def test_an_old_statement_does_not_serve_a_new_decision() -> None:
    """A hold's statement is given back when the hold ends, and is no reason to decline."""
    order = make_order()
    orders.hold_order(order, actor=SYSTEM, at=NOON, reason_codes=["velocity_card"])
    with pytest.raises(IntegrityError), transaction.atomic():
        Order.objects.filter(pk=order.pk).update(status="declined", hold_kind="")
    orders.approve_order(order, actor=REVIEWER, at=NOON)
    assert order.hold_statement_id is None
    with pytest.raises(IntegrityError), transaction.atomic():
        Order.objects.filter(pk=order.pk).update(hold_kind="risk")
    assert Statement.objects.count() == 1


def test_one_statement_speaks_for_one_order() -> None:
    first, second = make_order(), make_order()
    orders.decline_order(first, actor=SYSTEM, at=NOON, reason_codes=["other"])
    with pytest.raises(IntegrityError), transaction.atomic():
        Order.objects.filter(pk=second.pk).update(
            status="declined", decline_statement=first.decline_statement_id
        )


def test_an_answered_request_gives_its_statement_back() -> None:
    revision = screened_revision()
    catalog.request_changes(revision, actor=SYSTEM, at=NOON, reason_codes=["banned_term"])
    catalog.submit_revision(revision, actor=SYSTEM, at=NOON)
    revision.refresh_from_db()
    assert (revision.status, revision.request_statement_id) == ("submitted", None)


def test_what_ends_while_it_waits_gives_its_statement_back() -> None:
    order, revision, application = make_order(), screened_revision(), screened_application()
    orders.hold_order(order, actor=SYSTEM, at=NOON, reason_codes=["velocity_card"])
    cancel_order(order, actor=REVIEWER, at=NOON, reason="Sold out")
    catalog.request_changes(revision, actor=SYSTEM, at=NOON, reason_codes=["banned_term"])
    catalog.withdraw_revision(revision, actor=REVIEWER)
    merchants.request_information(application, [ITEM], actor=SYSTEM, at=NOON)
    merchants.withdraw_application(application, actor=REVIEWER)
    assert (
        order.hold_statement_id is revision.request_statement_id is application.request_statement_id is None
    )


def test_a_lifted_restriction_gives_its_statement_back() -> None:
    merchant = make_merchant()
    merchants.restrict_merchant(merchant, actor=REVIEWER, at=NOON, reason_codes=["chargebacks_high"])
    merchants.lift_restriction(merchant, actor=REVIEWER)
    merchant.refresh_from_db()
    assert (merchant.status, merchant.restriction_statement_id) == ("active", None)


def test_history_that_another_system_decided_needs_no_statement() -> None:
    order = make_order()
    Order.objects.filter(pk=order.pk).update(status="declined", import_batch_id=1)
    order.refresh_from_db()
    assert (order.status, order.decline_statement_id) == ("declined", None)


def test_an_approval_writes_no_statement() -> None:
    orders.approve_order(make_order(), actor=SYSTEM, at=NOON)
    assert not Statement.objects.exists()


def test_a_decision_that_is_taken_back_leaves_no_statement() -> None:
    order = make_order()

    def decline_and_approve() -> None:
        with journal.unit():
            orders.decline_order(order, actor=SYSTEM, at=NOON, reason_codes=["other"])
            orders.approve_order(order, actor=SYSTEM, at=NOON)

    with pytest.raises(InvalidTransition):
        decline_and_approve()
    order = Order.objects.get()
    assert (order.status, Statement.objects.count()) == ("received", 0)


def test_it_reads_in_the_language_of_its_reader_and_stays_as_it_was_given() -> None:
    order = make_order(external_id="A-17", total="49.90")
    orders.decline_order(
        order, actor=REVIEWER, at=NOON, reason_codes=["stolen_card", "velocity_card"], message="Call us."
    )
    statement = Statement.objects.get()
    with translation.override("en"):
        text = read(statement)
    assert text["heading"] == "Order A-17 was declined. Please do not ship it."
    # Which check found it stays inside: both reasons read the same, once.
    assert text["reasons"] == ["We could not confirm this order as safe, so it was not accepted."]
    assert text["facts"][:2] == [["Order number", "A-17"], ["Total", "49.90 CNY"]]
    assert text["decided"] == "A person decided this."
    assert "Sept. 2, 2026" in text["appeal"]
    assert statement.message == "Call us."
    with translation.override("zh-hans"):
        assert "A-17" in read(statement)["heading"]
        assert "2026年9月2日" in read(statement)["appeal"]
    with translation.override("fr"):
        assert read(statement) == text


@pytest.mark.parametrize("language", [code for code, _name in settings.LANGUAGES])
def test_nothing_internal_is_in_it(language: str) -> None:
    order = make_order()
    orders.decline_order(
        order, actor=SYSTEM, at=NOON, reason_codes=["card_testing", "score_high", "shared_device"]
    )
    words = str(Statement.objects.get().texts[language]).lower()
    for internal in ("card_testing", "score_high", "score:", "rule", "device", "threshold", "buyer-1"):
        assert internal not in words


def test_only_what_is_final_can_be_appealed_for_six_months() -> None:
    order, other = make_order(), make_order()
    orders.decline_order(order, actor=SYSTEM, at=NOON, reason_codes=["other"])
    orders.hold_order(other, actor=SYSTEM, at=NOON, reason_codes=["other"])
    declined, held = Statement.objects.order_by("pk")
    assert declined.appeal_until == datetime(2026, 9, 2, 12, tzinfo=UTC)
    assert held.appeal_until is None


def test_months_end_where_they_end() -> None:
    assert add_months(datetime(2025, 8, 31, tzinfo=UTC), 6) == datetime(2026, 2, 28, tzinfo=UTC)
    assert add_months(datetime(2025, 12, 15, tzinfo=UTC), 1) == datetime(2026, 1, 15, tzinfo=UTC)
