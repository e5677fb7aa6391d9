"""Signing in: each person lands at their own door, and strangers at none."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Role, User
from tests.make import make_merchant, make_user

pytestmark = pytest.mark.django_db
PASSWORD = "a long enough passphrase"


def sign_in(client: Client, user: User, **fields: Any) -> Any:
    return client.post(reverse("account_login"), {"login": user.email, "password": PASSWORD, **fields})


@pytest.mark.parametrize(
    ("roles", "fields", "door"),
    [
        ((), {}, "portal:home"),
        ((Role.REVIEWER,), {}, "console:home"),
        ((Role.OPERATIONS,), {}, "console:home"),
        ((Role.REVIEWER,), {"is_staff": True}, "console:home"),
        ((), {"is_staff": True}, "admin:index"),
        ((), {"is_staff": True, "is_superuser": True}, "admin:index"),
    ],
    ids=["merchant", "reviewer", "operations", "reviewer with admin", "staff", "superuser"],
)
def test_everybody_lands_at_their_own_door(
    client: Client, roles: tuple[Role, ...], fields: dict[str, Any], door: str
) -> None:
    user = make_user(*roles, password=PASSWORD, **fields)
    answer = sign_in(client, user)
    assert (answer.status_code, answer.url) == (302, reverse(door))


def test_who_was_on_the_way_somewhere_goes_on_there(client: Client) -> None:
    user = make_user(password=PASSWORD)
    make_merchant(owner=user)
    assert sign_in(client, user, next="/portal/listings/").url == "/portal/listings/"


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example/", "javascript:alert(1)"])
def test_nobody_is_sent_to_another_site(client: Client, elsewhere: str) -> None:
    answer = sign_in(client, make_user(password=PASSWORD), next=elsewhere)
    assert answer.url == reverse("portal:home")


def test_a_wrong_password_and_an_unknown_address_get_the_same_answer(client: Client) -> None:
    known = make_user(password="another passphrase")
    pages = [sign_in(client, user) for user in (known, User(email="nobody@example.com"))]
    assert {page.status_code for page in pages} == {200}
    errors = [page.context["form"].errors.as_json() for page in pages]
    assert errors[0] == errors[1]
    assert "_auth_user_id" not in client.session


def test_who_was_deactivated_does_not_get_in(client: Client) -> None:
    sign_in(client, make_user(password=PASSWORD, is_active=False))
    assert "_auth_user_id" not in client.session
