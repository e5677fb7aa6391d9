"""What hangs together with a subject: one and two steps, bounded, and never a fingerprint."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Role
from console.linked import Links, applications, orders
from console.linked.graph import FOLLOWED, PER_STEP
from console.subject_pages import pages_of
from core.actors import SYSTEM
from core.ids import encode
from core.refs import Ref
from merchants.services import submit_application
from orders.models import Order
from orders.placing import Signals
from risk.models import LabelSource
from risk.services import record_label
from tests.console.scenes import held_case, public
from tests.make import NOON, make_application, make_merchant, make_order, make_user

pytestmark = pytest.mark.django_db


def order_with(*, at: Any = NOON, **signals: str) -> Order:
    return make_order(at=at, signals=Signals(**signals))


def links_of_order(order: Order) -> Links:
    links = orders.gather(order.pk)
    assert links is not None
    return links


def steps_of(links: Links) -> list[tuple[int, int, list[tuple[str, int]]]]:
    return [
        (row.other.id, row.step, [(str(name), number) for name, number in row.through]) for row in links.rows
    ]


def test_the_second_step_goes_over_what_neighbours_used() -> None:
    order = order_with(device="phone", card="own")
    near = order_with(device="phone", card="other")
    far = order_with(card="other", device="tablet")
    order_with(device="tablet")  # three steps away
    assert steps_of(links_of_order(order)) == [
        (near.pk, 1, [("Device", 0)]),
        (far.pk, 2, [("Card", 1)]),
    ]


def test_one_neighbour_may_share_several_details() -> None:
    order = order_with(device="phone", card="card", address="home")
    near = order_with(device="phone", card="card", address="office")
    assert steps_of(links_of_order(order)) == [(near.pk, 1, [("Device", 0), ("Card", 0)])]


def test_network_and_buyer_do_not_link() -> None:
    order = order_with(device="phone", buyer="one", ip="192.0.2.1")
    order_with(device="tablet", buyer="one", ip="192.0.2.1")
    assert links_of_order(order).rows == []


def test_an_order_without_device_card_and_address_has_no_graph() -> None:
    assert orders.gather(order_with(buyer="one", ip="192.0.2.1").pk) is None


def test_thirty_days_to_both_sides_count() -> None:
    order = order_with(device="phone")
    inside = [order_with(device="phone", at=NOON + timedelta(days=days)).pk for days in (-29, 29)]
    order_with(device="phone", at=NOON - timedelta(days=31))
    order_with(device="phone", at=NOON + timedelta(days=31))
    assert {row.other.id for row in links_of_order(order).rows} == set(inside)


def test_what_an_order_proved_to_be_is_drawn_and_counted() -> None:
    order, near = order_with(device="phone"), order_with(device="phone")
    record_label(
        Ref("order", near.pk), is_bad=True, source=LabelSource.CHARGEBACK, occurred_at=NOON, known_at=NOON
    )
    links = links_of_order(order)
    assert links.bad_count == 1
    assert [node.is_bad for node in links.nodes if node.number] == [True]


def test_a_hub_is_cut_to_the_newest_and_says_so() -> None:
    order = order_with(device="shop", at=NOON + timedelta(days=1))
    made = [order_with(device="shop", at=NOON + timedelta(minutes=n)).pk for n in range(PER_STEP + 3)]
    links = links_of_order(order)
    assert [row.other.id for row in links.rows] == made[::-1][:PER_STEP]
    assert links.is_capped


@pytest.mark.parametrize("size", [1, 12])
def test_an_order_costs_a_bounded_number_of_queries(size: int, django_assert_max_num_queries: Any) -> None:
    order = order_with(device="phone", card="card", address="home")
    for number in range(size):
        order_with(device="phone", card=f"card-{number}", address=f"street-{number}")
        order_with(card=f"card-{number}")
    with django_assert_max_num_queries(1 + 3 + FOLLOWED + 1):
        assert links_of_order(order).rows


def test_applications_link_by_what_they_gave_over_two_steps() -> None:
    first, second, third = (
        make_application(bank_account=account, contact_phone=phone, registration_number=f"{number}")
        for number, (account, phone) in enumerate(
            [
                ("111122223333", "+86 10 6552 0001"),
                ("111122223333", "+86 10 6552 0002"),
                ("444455556666", "+86 10 6552 0002"),
            ]
        )
    )
    for one in (first, second, third):
        submit_application(one, actor=SYSTEM, at=NOON)
    links = applications.gather(first.pk)
    assert links is not None
    assert steps_of(links) == [(second.pk, 1, [("Bank account", 0)]), (third.pk, 2, [("Phone", 1)])]


def test_case_page_draws_links_names_each_in_a_table_and_shows_no_fingerprint(page: Client) -> None:
    other = held_case(external_id="LINKED-1")
    case = held_case()
    content = page.get(reverse("console:case", args=[public(case)])).content.decode()
    assert '<svg class="con-links"' in content
    assert f'<a href="{reverse("console:case", args=[public(other)])}">LINKED-1</a>' in content
    order = Order.objects.get(pk=case.subject_id)
    for key in (order.device_key, order.card_key, order.buyer_key):
        assert str(key) not in content


def test_a_listing_is_linked_by_what_its_merchant_applied_with(page: Client) -> None:
    from tests.make import make_revision

    merchant = make_merchant()
    for company, owner in (("Own Shop", merchant), ("Other Shop", make_merchant())):
        application = make_application(owner, company_name=company, bank_account="999988887777")
        submit_application(application, actor=SYSTEM, at=timezone.now())
    from tests.cases.builders import make_case, make_queue

    revision = make_revision(merchant)
    case = make_case(queue=make_queue("listings", subject="listing"), subject_id=revision.pk)
    content = page.get(reverse("console:case", args=[public(case)])).content.decode()
    assert "Other Shop" in content
    assert "Linked within two steps" in content


def test_a_subject_leads_to_its_case_or_else_its_decision_and_to_none_that_is_hidden() -> None:
    case = held_case()
    ids = [case.subject_id, 1]
    reviewer, analyst = make_user(Role.REVIEWER), make_user(Role.RISK_ANALYST)
    assert pages_of(reviewer, "order", ids) == {case.subject_id: reverse("console:case", args=[public(case)])}
    assert case.decision_id is not None
    decision = reverse("console:decision", args=[encode("dec", case.decision_id)])
    assert pages_of(analyst, "order", ids) == {case.subject_id: decision}
    assert pages_of(make_user(), "order", ids) == {}
