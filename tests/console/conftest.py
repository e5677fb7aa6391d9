"""Signed-in browsers, one per role."""

from collections.abc import Callable

import pytest
from django.test import Client

from accounts.models import Role, User
from tests.make import make_user

SignIn = Callable[..., Client]


@pytest.fixture
def sign_in() -> SignIn:
    """Return a client signed in as a new user with these roles, or as the given user."""

    def sign_in(*roles: Role, user: User | None = None) -> Client:
        client = Client()
        client.force_login(
            user or make_user(*roles), backend="allauth.account.auth_backends.AuthenticationBackend"
        )
        return client

    return sign_in


@pytest.fixture
def reviewer() -> User:
    return make_user(Role.REVIEWER, name="Lin Wei")


@pytest.fixture
def page(sign_in: SignIn, reviewer: User) -> Client:
    """A reviewer's browser."""
    return sign_in(user=reviewer)


@pytest.fixture
def author() -> User:
    return make_user(Role.RISK_ANALYST, name="Ana Ruiz")


@pytest.fixture
def analyst(sign_in: SignIn, author: User) -> Client:
    return sign_in(user=author)


@pytest.fixture
def second(sign_in: SignIn) -> Client:
    return sign_in(user=make_user(Role.RISK_ANALYST, name="Sam Osei"))
