"""What staff do in the admin goes through a service or leaves an audit row, and asks first."""

import re

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse

from accounts.models import APIKey, Audience, Role, RoleGrant, User
from accounts.selectors import find_api_key
from cases.models import Queue
from core.ids import encode
from core.models import AuditEntry
from merchants.models import Membership
from orders.models import Order, OrderStatus
from risk.models import Alert
from tests.make import NOON, make_merchant, make_order, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("root@example.com"))
    return client


def audited(action: str) -> AuditEntry:
    return AuditEntry.objects.get(action=action)


def test_a_merchant_is_told_that_the_door_is_for_staff(client: Client) -> None:
    client.force_login(make_user())
    assert client.get(reverse("admin:index"), follow=True).status_code == 403


def test_the_sign_in_page_of_the_kit_is_never_shown(client: Client) -> None:
    answer = client.get(reverse("admin:login"), {"next": "/admin/orders/order/"})
    assert answer["Location"] == "/accounts/login/?next=/admin/orders/order/"


def test_only_the_admin_relaxes_the_security_policy(staff: Client) -> None:
    assert "'unsafe-inline'" in staff.get(reverse("admin:index"))["Content-Security-Policy"]
    assert "unsafe" not in staff.get(reverse("account_login"))["Content-Security-Policy"]
    assert "unsafe" not in staff.get(reverse("home"))["Content-Security-Policy"]


def test_signing_out_takes_a_post(staff: Client) -> None:
    assert staff.get(reverse("admin:logout")).status_code == 405
    staff.post(reverse("admin:logout"))
    assert "_auth_user_id" not in staff.session


def test_the_admin_speaks_chinese(staff: Client) -> None:
    staff.cookies["django_language"] = "zh-hans"
    page = staff.get(reverse("admin:orders_order_changelist")).content.decode()
    assert "订单" in page
    assert "商家" in page


def test_a_public_id_finds_its_row(staff: Client) -> None:
    wanted, _other = make_order(), make_order()
    page = staff.get(reverse("admin:orders_order_changelist"), {"q": encode("ord", wanted.pk)})
    assert [row.pk for row in page.context["cl"].result_list] == [wanted.pk]
    found = staff.get(reverse("admin:search"), {"s": encode("ord", wanted.pk), "extended": "1"})
    assert reverse("admin:orders_order_change", args=[wanted.pk]) in found.content.decode()


def test_the_id_of_a_subject_finds_what_is_about_it(staff: Client) -> None:
    order = make_order()
    page = staff.get(reverse("admin:core_transitionrecord_changelist"), {"q": encode("ord", order.pk)})
    assert [row.subject_id for row in page.context["cl"].result_list] == [order.pk]
    lines = staff.get(reverse("admin:orders_orderline_changelist"), {"q": encode("ord", order.pk)})
    assert [row.order_id for row in lines.context["cl"].result_list] == [order.pk]


def test_an_operation_asks_first_and_wants_its_reason(staff: Client) -> None:
    order = make_order()
    address = reverse("admin:orders_order_operation", args=[order.pk, "cancel"])
    assert staff.get(address).status_code == 200
    assert staff.post(address, {"comment": " "}).status_code == 200
    assert Order.objects.get(pk=order.pk).status == OrderStatus.RECEIVED
    staff.post(address, {"comment": "The buyer called."})
    assert Order.objects.get(pk=order.pk).status == OrderStatus.CANCELLED


def test_an_operation_whose_moment_has_passed_says_so(staff: Client) -> None:
    order = make_order()
    address = reverse("admin:orders_order_operation", args=[order.pk, "cancel"])
    staff.post(address, {"comment": "Once."})
    again = staff.post(address, {"comment": "Twice."}, follow=True)
    assert "not possible" in again.content.decode()


def test_looking_does_not_include_operating(client: Client) -> None:
    client.force_login(make_user(Role.OPERATIONS, is_staff=True))
    order = make_order()
    address = reverse("admin:orders_order_operation", args=[order.pk, "cancel"])
    assert client.post(address, {"comment": "I may not."}).status_code == 404
    assert Order.objects.get(pk=order.pk).status == OrderStatus.RECEIVED


def test_an_unknown_operation_is_not_found(staff: Client) -> None:
    order = make_order()
    address = reverse("admin:orders_order_operation", args=[order.pk, "ship"])
    assert staff.post(address).status_code == 404


def test_an_alert_is_acknowledged_in_the_name_of_the_person(staff: Client) -> None:
    alert = Alert.objects.create(
        merchant=make_merchant(), code="x", from_band="low", to_band="high", score=0.7, created_at=NOON
    )
    staff.post(reverse("admin:risk_alert_operation", args=[alert.pk, "acknowledge"]))
    assert Alert.objects.get().acknowledged_by == f"user:{User.objects.get().pk}"


def test_a_key_is_made_by_the_service_and_its_secret_shown_once(staff: Client) -> None:
    answer = staff.post(
        reverse("admin:accounts_apikey_add"),
        {"name": "ERP", "audience": Audience.OPERATOR, "scopes": ["orders:read"], "is_test": "on"},
    )
    token = re.search(r"mk_test_[\w-]+", answer.content.decode())
    assert token is not None
    assert "no-store" in answer["Cache-Control"]
    key = find_api_key(token.group(), address="192.0.2.1", at=NOON)
    assert key is not None
    assert key.scopes == ["orders:read"]
    assert audited("api_key.created").subject_id == key.pk
    page = staff.get(reverse("admin:accounts_apikey_change", args=[key.pk])).content.decode()
    assert token.group() not in page
    assert key.secret_hash not in page


def test_a_reviewers_key_is_made_for_oneself_whoever_is_named(staff: Client) -> None:
    colleague = make_user(Role.REVIEWER)
    body = {"name": "Tool", "audience": Audience.REVIEWER, "scopes": ["cases:read", "cases:review"]}
    answer = staff.post(reverse("admin:accounts_apikey_add"), body | {"person": str(colleague.pk)})
    assert re.search(r"mk_live_[\w-]+", answer.content.decode())
    key = APIKey.objects.get()
    assert key.person != colleague
    assert key.person == key.created_by == User.objects.get(is_superuser=True)


@pytest.mark.parametrize(
    ("audience", "scopes"),
    [(Audience.OPERATOR, ["cases:review"]), (Audience.REVIEWER, ["cases:read", "orders:read"])],
)
def test_scopes_of_reviewers_and_partners_do_not_mix(staff: Client, audience: str, scopes: list[str]) -> None:
    body = {"name": "Tool", "audience": audience, "scopes": scopes}
    assert staff.post(reverse("admin:accounts_apikey_add"), body).status_code == 200
    assert not APIKey.objects.exists()


def test_a_revoked_key_opens_nothing(staff: Client) -> None:
    staff.post(
        reverse("admin:accounts_apikey_add"),
        {"name": "ERP", "audience": Audience.OPERATOR, "scopes": ["orders:read"]},
    )
    key = APIKey.objects.get()
    staff.post(reverse("admin:accounts_apikey_operation", args=[key.pk, "revoke"]))
    assert APIKey.objects.get().revoked_at is not None
    assert audited("api_key.revoked").actor_kind == "user"


@pytest.mark.parametrize(
    ("text", "stored"), [("192.0.2.0/24\n2001:db8::/32", ["192.0.2.0/24", "2001:db8::/32"]), ("office", [])]
)
def test_networks_of_a_key_are_networks(staff: Client, text: str, stored: list[str]) -> None:
    key = APIKey.objects.create(name="ERP", prefix="p", secret_hash="h", audience="operator")
    staff.post(
        reverse("admin:accounts_apikey_change", args=[key.pk]), {"name": "ERP", "allowed_networks": text}
    )
    assert APIKey.objects.get().allowed_networks == stored


def test_a_new_person_gets_a_link_and_no_password(staff: Client) -> None:
    staff.post(
        reverse("admin:accounts_user_add"),
        {"email": "Lin@Example.com", "name": "Lin", "is_active": "on", "role_grants-TOTAL_FORMS": 0,
         "role_grants-INITIAL_FORMS": 0},
    )  # fmt: skip
    person = User.objects.get(email="lin@example.com")
    assert not person.has_usable_password()
    assert audited("user.created").subject_id == person.pk
    staff.post(reverse("admin:accounts_user_operation", args=[person.pk, "password-link"]))
    assert [message.to for message in mail.outbox] == [["lin@example.com"]]


def test_roles_are_given_and_taken_through_the_services(staff: Client) -> None:
    person = make_user()
    staff.post(reverse("admin:accounts_rolegrant_add"), {"user": person.pk, "role": Role.REVIEWER})
    grant = RoleGrant.objects.get()
    assert audited("role.granted").subject_id == person.pk
    staff.post(reverse("admin:accounts_rolegrant_delete", args=[grant.pk]), {"post": "yes"})
    assert not RoleGrant.objects.exists()
    assert audited("role.revoked").detail == {"role": "reviewer"}


def test_a_changed_setting_leaves_who_and_what(staff: Client) -> None:
    queue = Queue.objects.create(code="tea", name_en="Tea", subject="order")
    staff.post(
        reverse("admin:cases_queue_change", args=[queue.pk]),
        {
            "name_en": "Tea and cups",
            "resolve_hours": 24,
            "head_start_hours": 0,
            "hidden_verdicts": "[]",
            "initial-hidden_verdicts": "[]",
            "position": 0,
            "blind_share": 0,
            "golden_share": 0,
            "code": "changed",
        },
    )
    queue.refresh_from_db()
    assert (queue.name_en, queue.code) == ("Tea and cups", "tea"), "a code is given once"
    entry = audited("queue.changed")
    assert entry.detail == {"fields": ["name_en"]}
    assert entry.actor_id == str(User.objects.get().pk)


def test_a_removed_member_is_audited(staff: Client) -> None:
    merchant = make_merchant(owner=make_user())
    member = Membership.objects.get()
    staff.post(reverse("admin:merchants_membership_delete", args=[member.pk]), {"post": "yes"})
    assert not merchant.memberships.exists()
    assert audited("membership.removed").subject_id == member.pk


def test_bulk_removal_is_refused_even_when_posted_by_hand(staff: Client) -> None:
    make_merchant(owner=make_user())
    member = Membership.objects.get()
    staff.post(
        reverse("admin:merchants_membership_changelist"),
        {"action": "delete_selected", "_selected_action": member.pk, "index": 0, "post": "yes"},
    )
    assert Membership.objects.exists()
