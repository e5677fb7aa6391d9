"""The order pages: what waits, what may be done by whom, and what a second click does."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from core.actors import SYSTEM
from core.ids import encode
from core.reasons import find_reason
from merchants.models import MemberRole, Membership, Merchant
from orders.models import Order, OrderStatus, PaymentStatus, Refund, Shipment
from orders.placing import Contact
from orders.services import decline_order, hold_order
from tests.make import NOON, make_merchant, make_order, make_user
from tests.orders.handled import lines_of, make_accepted, make_approved, refund, ship

pytestmark = pytest.mark.django_db
BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
# Session, user, memberships, application, two counts for the frame; then the page's own rows.
LIST_QUERIES = 7
DETAIL_QUERIES = 18
POSTS = ("order_accept", "order_refuse", "order_ship", "order_refund")
PARCEL = {"carrier": "SF Express", "tracking_number": "SF1234567890123"}


@pytest.fixture
def merchant(client: Client) -> Merchant:
    """A merchant whose owner is signed in."""
    owner = make_user()
    client.force_login(owner, backend=BACKEND)
    return make_merchant(owner=owner)


def sign_in_as(client: Client, merchant: Merchant, role: str) -> None:
    member = make_user()
    Membership.objects.create(user=member, merchant=merchant, role=role)
    client.force_login(member, backend=BACKEND)


def href(order: Order, name: str = "order") -> str:
    return reverse(f"portal:{name}", args=[encode("ord", order.pk)])


def pieces(order: Order, *counts: int) -> dict[str, str]:
    return {encode("lin", line.pk): str(count) for line, count in zip(lines_of(order), counts, strict=True)}


def refund_of(order: Order, *counts: int, newest_seen: int = 0) -> dict[str, str]:
    return {**pieces(order, *counts), "reason": "damaged", "newest_seen": str(newest_seen)}


def numbers_in(client: Client, **query: str) -> list[str]:
    page = client.get(reverse("portal:orders"), query)
    assert page.status_code == 200
    return [row.order.external_id for row in page.context["rows"]]


# ── The list ─────────────────────────────────────────────────────────────────────────────────────
def test_tabs_hold_what_is_next(client: Client, merchant: Merchant) -> None:
    to_accept, to_ship = make_approved(merchant), make_accepted(merchant)
    sent, held = make_accepted(merchant), make_order(merchant)
    ship(sent)
    hold_order(held, actor=SYSTEM, at=NOON, reason_codes=["velocity_card"])
    assert numbers_in(client, tab="accept") == [to_accept.external_id]
    assert numbers_in(client, tab="ship") == [to_ship.external_id]
    assert numbers_in(client, tab="sent") == [sent.external_id]
    assert numbers_in(client, tab="held") == [held.external_id]
    assert len(numbers_in(client)) == 4
    assert len(numbers_in(client, tab="no such tab")) == 4


def test_tabs_show_their_counts(client: Client, merchant: Merchant) -> None:
    make_approved(merchant)
    make_approved(merchant)
    tabs = client.get(reverse("portal:orders")).context["order_tabs"]
    assert {str(tab["label"]): tab["count"] for tab in tabs}["To accept"] == 2


def test_the_list_says_why_an_order_is_held(client: Client, merchant: Merchant) -> None:
    order = make_order(merchant)
    hold_order(order, actor=SYSTEM, at=NOON, reason_codes=["velocity_card"])
    body = client.get(reverse("portal:orders")).content.decode()
    assert "We are checking this order before it goes on." in body
    assert "card in a short time" not in body, "the staff's sentence would help to evade the checks"


def test_search_finds_by_the_beginning_of_the_number_and_by_id(client: Client, merchant: Merchant) -> None:
    wanted, _ = make_approved(merchant, external_id="A-100"), make_approved(merchant, external_id="B-100")
    assert numbers_in(client, q="A-1") == ["A-100"]
    assert numbers_in(client, q=encode("ord", wanted.pk)) == ["A-100"]
    assert numbers_in(client, q="100") == []
    assert numbers_in(client, q="ord_nonsense") == []


def test_other_merchants_orders_are_in_no_list(client: Client, merchant: Merchant) -> None:
    foreign = make_approved(external_id="F-1")
    assert numbers_in(client) == []
    assert numbers_in(client, q=encode("ord", foreign.pk)) == []


def test_pages_follow_each_other_without_gap_or_repeat(client: Client, merchant: Merchant) -> None:
    for _ in range(120):
        make_order(merchant)
    seen, address = [], reverse("portal:orders")
    for _ in range(3):
        page = client.get(address).context
        seen += [row.order.pk for row in page["rows"]]
        address = reverse("portal:orders") + page["page"].next_href
    assert page["page"].next_href == ""
    assert seen == sorted(seen, reverse=True)
    assert len(set(seen)) == 120
    back = client.get(reverse("portal:orders") + page["page"].previous_href).context
    assert [row.order.pk for row in back["rows"]] == seen[50:100]


def test_an_unreadable_cursor_shows_the_first_page(client: Client, merchant: Merchant) -> None:
    make_order(merchant)
    assert len(numbers_in(client, after="nonsense")) == 1


@pytest.mark.parametrize("count", [1, 30])
def test_the_list_costs_the_same_for_any_number_of_rows(
    client: Client, merchant: Merchant, django_assert_max_num_queries: Any, count: int
) -> None:
    for _ in range(count):
        make_approved(merchant)
    with django_assert_max_num_queries(LIST_QUERIES):
        client.get(reverse("portal:orders"))


# ── One order ────────────────────────────────────────────────────────────────────────────────────
def test_the_page_costs_the_same_for_any_number_of_parts(
    client: Client, merchant: Merchant, django_assert_max_num_queries: Any
) -> None:
    order = make_accepted(merchant)
    pots, _ = lines_of(order)
    for number in range(3):
        ship(order, f"SF{number:013}", quantities={pots.pk: 1})
        refund(order, 1)
    with django_assert_max_num_queries(DETAIL_QUERIES):
        assert client.get(href(order)).status_code == 200


def test_the_page_tells_what_happened(client: Client, merchant: Merchant) -> None:
    order = make_accepted(merchant)
    ship(order)
    events = [str(event["title"]) for event in client.get(href(order)).context["events"]]
    assert events[-1] == "Order received"
    assert "Order accepted" in events
    assert "Parcel handed over" in events


def test_only_the_newest_event_waits(client: Client, merchant: Merchant) -> None:
    events = client.get(href(make_accepted(merchant))).context["events"]
    tones = [str(event["tone"]) for event in events]
    assert tones[0] == "waits"
    assert len(tones) > 2
    assert {"waits", "progress"}.isdisjoint(tones[1:])


def test_a_declined_order_says_why_in_the_merchants_words(client: Client, merchant: Merchant) -> None:
    order = make_order(merchant)
    decline_order(order, actor=SYSTEM, at=NOON, reason_codes=["velocity_card"])
    body = client.get(href(order)).content.decode()
    callout = body.partition("The marketplace did not accept this order")[2].partition("</div>")[0]
    assert "We could not confirm this order as safe" in callout
    assert "We are checking" not in body, "nothing is being checked any more"
    assert str(find_reason("velocity_card").staff) not in body


def test_an_order_declined_elsewhere_still_says_not_to_ship(client: Client, merchant: Merchant) -> None:
    order = make_order(merchant)
    Order.objects.filter(pk=order.pk).update(status=OrderStatus.DECLINED, import_batch_id=1)
    body = client.get(href(order)).content.decode()
    assert "Please do not ship it." in body


def test_a_held_order_cannot_ship_and_says_so(client: Client, merchant: Merchant) -> None:
    order = make_accepted(merchant)
    hold_order(order, actor=SYSTEM, at=NOON, reason_codes=["account_takeover"])
    page = client.get(href(order))
    assert "This order is on hold and cannot ship" in page.content.decode()
    assert not page.context["offers"]["ship"]
    answer = client.post(href(order, "order_ship"), {**PARCEL, **pieces(order, 3, 2)}, follow=True)
    assert "on hold and cannot ship" in answer.content.decode()
    assert not Shipment.objects.exists()


def test_the_buyers_address_is_shown_only_while_it_is_needed(client: Client, merchant: Merchant) -> None:
    contact = Contact(name="王芳", address="Longjing Road 1")
    waiting, accepted = make_approved(merchant, contact=contact), make_accepted(merchant, contact=contact)
    assert "Longjing Road" not in client.get(href(waiting)).content.decode()
    assert "Longjing Road" in client.get(href(accepted)).content.decode()


def test_the_buyers_address_is_not_for_every_role(client: Client) -> None:
    merchant = make_merchant()
    order = make_accepted(merchant, contact=Contact(address="Longjing Road 1"))
    sign_in_as(client, merchant, MemberRole.CATALOGUE)
    assert "Longjing Road" not in client.get(href(order)).content.decode()


# ── Acting ───────────────────────────────────────────────────────────────────────────────────────
def test_accepting_twice_changes_nothing_more(client: Client, merchant: Merchant) -> None:
    order = make_approved(merchant)
    for _ in range(2):
        answer = client.post(href(order, "order_accept"), follow=True)
    assert Order.objects.get(pk=order.pk).status == OrderStatus.AWAITING_FULFILMENT
    assert "has moved on meanwhile" in answer.content.decode()


def test_several_orders_are_accepted_at_once(client: Client, merchant: Merchant) -> None:
    fresh, gone = make_approved(merchant), make_accepted(merchant)
    ids = [encode("ord", order.pk) for order in (fresh, gone)]
    body = client.post(reverse("portal:orders_accept"), {"ids": ids}, follow=True).content.decode()
    assert "1 order accepted." in body
    assert "1 had moved on already." in body


def test_a_foreign_order_in_the_selection_is_not_found(client: Client, merchant: Merchant) -> None:
    foreign = make_approved()
    ids = [encode("ord", foreign.pk)]
    assert client.post(reverse("portal:orders_accept"), {"ids": ids}).status_code == 404
    assert Order.objects.get(pk=foreign.pk).status == OrderStatus.AWAITING_ACCEPTANCE


def test_refusing_wants_a_reason(client: Client, merchant: Merchant) -> None:
    order = make_approved(merchant)
    assert client.get(href(order, "order_refuse")).status_code == 200
    assert client.post(href(order, "order_refuse"), {"reason": " "}).status_code == 422
    client.post(href(order, "order_refuse"), {"reason": "The kiln broke."})
    assert Order.objects.get(pk=order.pk).status == OrderStatus.REFUSED
    assert "The kiln broke." in client.get(href(order)).content.decode()


def test_a_part_of_an_order_ships_first(client: Client, merchant: Merchant) -> None:
    order = make_accepted(merchant)
    client.post(href(order, "order_ship"), {**PARCEL, **pieces(order, 1, 0)})
    assert Order.objects.get(pk=order.pk).status == OrderStatus.PARTIALLY_SHIPPED
    last = {"carrier": "SF Express", "tracking_number": "sf 2222222222222"}
    client.post(href(order, "order_ship"), {**last, **pieces(order, 2, 2)})
    assert Order.objects.get(pk=order.pk).status == OrderStatus.SHIPPED
    assert Shipment.objects.filter(tracking_number="SF2222222222222").exists()


def test_the_same_parcel_posted_twice_ships_once(client: Client, merchant: Merchant) -> None:
    order = make_accepted(merchant)
    for _ in range(2):
        client.post(href(order, "order_ship"), {**PARCEL, **pieces(order, 1, 0)})
    assert Shipment.objects.count() == 1


@pytest.mark.parametrize(
    "changes",
    [{"tracking_number": "12"}, {"carrier": ""}, {"pots": "4"}, {"pots": "-1"}, {"pots": "0", "cups": "0"}],
    ids=["not the carrier's number", "no carrier", "too many", "negative", "nothing"],
)
def test_a_wrong_parcel_comes_back_with_what_is_wrong(
    client: Client, merchant: Merchant, changes: dict[str, str]
) -> None:
    order = make_accepted(merchant)
    pots, cups = pieces(order, 3, 2)
    given = {**PARCEL, **changes, pots: changes.get("pots", "3"), cups: changes.get("cups", "2")}
    answer = client.post(href(order, "order_ship"), given)
    assert answer.status_code == 422
    assert answer.context["ship_form"].errors
    assert not Shipment.objects.exists()


def test_a_refund_waits_for_the_payment_provider(client: Client, merchant: Merchant) -> None:
    order = make_accepted(merchant)
    assert client.get(href(order, "order_refund")).status_code == 200
    client.post(href(order, "order_refund"), refund_of(order, 1, 0))
    assert Refund.objects.get().amount_minor == 4_000
    assert Order.objects.get(pk=order.pk).payment_status == PaymentStatus.PAID
    assert "Waiting for the payment provider" in client.get(href(order)).content.decode()


def test_the_same_refund_posted_twice_is_asked_once(client: Client, merchant: Merchant) -> None:
    order = make_accepted(merchant)
    for _ in range(2):
        answer = client.post(href(order, "order_refund"), refund_of(order, 1, 0), follow=True)
    assert Refund.objects.count() == 1
    assert "Another refund of this order was requested meanwhile." in answer.content.decode()


def test_the_refund_form_remembers_what_its_reader_saw(client: Client, merchant: Merchant) -> None:
    order = make_accepted(merchant)
    first = refund(order, 1)
    form = client.get(href(order, "order_refund")).context["form"]
    assert form["newest_seen"].value() == first.pk
    client.post(href(order, "order_refund"), refund_of(order, 1, 0, newest_seen=first.pk))
    assert Refund.objects.count() == 2


@pytest.mark.parametrize(
    ("counts", "reason"), [((0, 0), "damaged"), ((4, 0), "damaged"), ((1, 0), ""), ((1, 0), "because")]
)
def test_a_wrong_refund_comes_back(
    client: Client, merchant: Merchant, counts: tuple[int, int], reason: str
) -> None:
    order = make_accepted(merchant)
    answer = client.post(href(order, "order_refund"), refund_of(order, *counts) | {"reason": reason})
    assert answer.status_code == 422
    assert not Refund.objects.exists()


# ── Who may ──────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("name", ["order", *POSTS])
def test_another_merchants_order_is_not_found(client: Client, merchant: Merchant, name: str) -> None:
    foreign = make_approved()
    call = client.get if name == "order" else client.post
    assert call(href(foreign, name)).status_code == 404


@pytest.mark.parametrize("name", ["order", *POSTS])
def test_strangers_are_asked_to_sign_in(client: Client, name: str) -> None:
    call = client.get if name == "order" else client.post
    assert call(href(make_approved(), name))["Location"].startswith(reverse("account_login"))


@pytest.mark.parametrize("name", ["order_accept", "order_ship"])
def test_nothing_changes_by_looking(client: Client, merchant: Merchant, name: str) -> None:
    order = make_accepted(merchant)
    assert client.get(href(order, name)).status_code == 405


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        (MemberRole.OWNER, {"order_accept", "order_refuse", "order_ship", "order_refund"}),
        (MemberRole.ADMIN, {"order_accept", "order_refuse", "order_ship", "order_refund"}),
        (MemberRole.ORDERS, {"order_accept", "order_refuse", "order_ship"}),
        (MemberRole.FINANCE, {"order_refund"}),
        (MemberRole.SUPPORT, set()),
        (MemberRole.CATALOGUE, set()),
        (MemberRole.READ_ONLY, set()),
    ],
)
def test_roles_do_what_the_table_says(client: Client, role: str, allowed: set[str]) -> None:
    merchant = make_merchant()
    order = make_approved(merchant)
    sign_in_as(client, merchant, role)
    page = client.get(href(order))
    offered = {f"order_{name}" for name, is_offered in page.context["offers"].items() if is_offered}
    assert offered <= allowed
    for name in POSTS:
        is_refused = client.post(href(order, name)).status_code == 403
        assert is_refused == (name not in allowed), name


def test_refunds_are_not_for_every_reader(client: Client) -> None:
    merchant = make_merchant()
    order = make_accepted(merchant)
    refund(order, 1)
    sign_in_as(client, merchant, MemberRole.SUPPORT)
    assert "Waiting for the payment provider" not in client.get(href(order)).content.decode()


def test_the_pages_speak_chinese(client: Client, merchant: Merchant) -> None:
    order = make_order(merchant)
    hold_order(order, actor=SYSTEM, at=NOON, reason_codes=["velocity_card"])
    client.cookies["django_language"] = "zh-hans"
    body = client.get(href(order)).content.decode()
    assert "该订单已暂扣，不能发货" in body
    assert "暂扣核查" in body
