"""Paths: every door opens, every name can be reversed, and no two patterns shadow each other."""

import re
from collections.abc import Iterator

import pytest
from django.conf import settings
from django.contrib.staticfiles import finders
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, resolve, reverse

from tests.make import make_merchant, make_user

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore:No directory at")]
DOORS = ("portal", "console")
# What each converter accepts, so that a pattern can be filled and read back.
SAMPLES = {"str": "ord_1hcymj6t34000", "slug": "ord_1hcymj6t34000", "int": 7}


def _patterns(resolver: URLResolver, space: str = "") -> Iterator[tuple[str, URLPattern]]:
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLResolver):
            yield from _patterns(pattern, f"{pattern.namespace}:" if pattern.namespace else space)
        elif pattern.name:
            yield f"{space}{pattern.name}", pattern


OURS = [
    pytest.param(name, pattern, id=name)
    for name, pattern in _patterns(get_resolver())
    if name.split(":")[0] in (*DOORS, "api")
]


@pytest.mark.parametrize(("name", "pattern"), OURS)
def test_a_path_leads_to_the_view_it_was_made_for(name: str, pattern: URLPattern) -> None:
    """An earlier pattern that also fits, like `<slug>` before `new/`, would take it."""
    kinds = re.findall(r"<(\w+):(\w+)>", str(pattern.pattern))
    url = reverse(name, kwargs={word: SAMPLES[kind] for kind, word in kinds})
    assert resolve(url).view_name == name


@pytest.mark.parametrize("path", ["/", "/accounts/login/", "/accounts/signup/", "/api/docs", "/api/errors"])
@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_public_pages_open_in_both_languages(client: Client, path: str, language: str) -> None:
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = language
    answer = client.get(path)
    assert answer.status_code == 200
    assert f'lang="{language}"' in answer.content.decode().lower()


@pytest.mark.parametrize(
    ("path", "status"),
    [("/no/such/page", 404), ("/portal/no/such/page", 404), ("/console/no-such-page", 404)],
)
def test_a_path_that_does_not_exist_is_a_page_of_ours(client: Client, path: str, status: int) -> None:
    answer = client.get(path)
    assert answer.status_code == status
    assert b"<html" in answer.content


def test_the_front_page_only_shows(client: Client) -> None:
    assert client.post("/").status_code == 405


def test_every_page_says_what_browsers_may_do(client: Client) -> None:
    answer = client.get("/")
    assert "script-src 'self'" in answer["Content-Security-Policy"]
    assert "unsafe" not in answer["Content-Security-Policy"]
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["Referrer-Policy"] == "same-origin"


def test_a_signed_in_page_is_not_kept_by_the_browser(client: Client) -> None:
    user = make_user()
    make_merchant(owner=user)
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    assert "no-store" in client.get(reverse("portal:home"))["Cache-Control"]


def test_a_form_without_its_token_is_refused() -> None:
    answer = Client(enforce_csrf_checks=True).post(reverse("account_login"), {"login": "a@example.com"})
    assert answer.status_code == 403


def test_the_language_is_switched_and_kept(client: Client) -> None:
    answer = client.post(reverse("set_language"), {"language": "zh-hans", "next": "/"})
    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert 'lang="zh-hans"' in client.get("/").content.decode().lower()


def test_what_pages_load_is_there(client: Client) -> None:
    html = client.get("/").content.decode()
    files = re.findall(r'(?:src|href)="/static/([^"?#]+)', html)
    assert len(files) > 3
    assert [name for name in files if finders.find(name) is None] == []


def test_nothing_is_loaded_from_elsewhere(client: Client) -> None:
    for path in ("/", "/accounts/login/", "/api/docs"):
        html = client.get(path).content.decode()
        assert re.findall(r'<(?:script|link|img)[^>]+(?:src|href)="(?:https?:)?//[^"]+', html) == []
