"""Nobody sees or touches what is not theirs: asked of every URL of every door, new ones included.

Every pattern of the resolver is called with ids of objects that exist. Where a pattern has a parameter
that nothing here can fill, the test fails and says which: add the object to `World`, or the word to WORDS.
"""

import json
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import pytest
from django.db import connection, transaction
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import URLResolver, get_resolver, reverse

from accounts.models import Role, User
from accounts.permissions import SCOPES
from api.endpoint import Unknown
from cases.services import ensure_default_queues
from core.ids import encode, new_id
from merchants.models import Merchant
from risk.models import TrainingRun
from risk.rules.engine import Effect
from tests.belongings import make_belongings, make_judgement
from tests.make import (
    make_key,
    make_live_ruleset,
    make_merchant,
    make_model,
    make_review_key,
    make_rule,
    make_user,
)

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore:No directory at")]

# Text before a parameter ("*" stands for one before it) → the object whose public id belongs there.
OBJECTS = {
    "portal/application/documents/": "doc",
    "portal/listings/images/": "rev",
    "portal/listings/": "lst",
    "portal/products/": "lst",
    "portal/orders/": "ord",
    "portal/statements/": "sta",
    "portal/appeals/files/": "apf",
    "console/cases/": "cas",
    "console/verdicts/": "ver",
    "console/bulk/": "sel",
    "console/documents/": "doc",
    "console/appeals/files/": "apf",
    "console/notes/": "not",
    "console/notes/files/": "nfl",
    "console/images/": "rev",
    "console/macros/": "mac",
    "console/alerts/": "alr",
    "console/quality/looks/": "lok",
    "console/quality/golden/": "gld",
    "console/decisions/": "dec",
    "console/rules/": "rst",
    "console/models/": "mod",
    "console/imports/": "imp",
    "console/backtests/": "bkt",
    "console/monitoring/brakes/": "brk",
    "console/monitoring/snoozes/": "snz",
    "api/v1/applications/": "app",
    "api/v1/listings/": "lst",
    "api/v1/orders/": "ord",
    "api/v1/decisions/": "dec",
    "api/v1/merchants/": "mer",
    "api/v1/statements/": "sta",
    "api/v1/appeals/": "apl",
    "api/v1/cases/": "cas",
    "api/v1/verdicts/": "ver",
}
# Parameters that name no object of a merchant.
WORDS = {
    "portal/application/": "company",
    "console/queues/": "orders",
    "console/quality/": "queues",
    "console/desk/": "queues",
    "console/rules/*/rule/": "R-DEAR",
    "console/rules/start/": "order",
    "console/models/of/": "order",
    "console/models/training/": "run",
    "console/backtests/*/": "flips",
    "console/lists/": "blocked_ips",
    "console/lists/*/remove/": "entry",
    "console/lists/*/restore/": "version",
}
# What the API wants to see before it looks for the object; whoever sends less learns nothing but that.
BODIES: dict[str, dict[str, Any]] = {
    "api/v1/applications/<str:id>/documents": {
        "kind": "licence",
        "content": b64encode(b"%PDF-1.7\n%%EOF\n").decode(),
    },
    "api/v1/listings/<str:id>": {"stock": 3},
    "api/v1/statements/<str:id>/appeals": {"text": "Look again."},
    "api/v1/listings/<str:id>/revisions": {
        "category": "tea",
        "title": "Tea pot, 600 ml",
        "description": "Fired by hand, glazed inside.",
        "price": {"amount": "98.00", "currency": "CNY"},
    },
    "api/v1/orders/<str:id>/refuse": {"reason": "Out of stock."},
    "api/v1/orders/<str:id>/cancel": {"reason": "Out of stock."},
    "api/v1/orders/<str:id>/shipments": {"carrier": "DHL", "tracking_number": "1234567890"},
    "api/v1/orders/<str:id>/refunds": {
        "reason": "damaged",
        "lines": [{"line": encode("lin", new_id()), "quantity": 1}],
    },
    "api/v1/orders/<str:id>/payment-events": {"id": "p-1", "kind": "paid", "amount": "49.90"},
    "api/v1/cases/<str:id>/heartbeat": {"claim_token": 0},
    "api/v1/cases/<str:id>/release": {"claim_token": 0},
    "api/v1/cases/<str:id>/verdict": {"claim_token": 0, "evidence_version": 1, "kind": "approve"},
    "api/v1/verdicts/<str:id>/refuse": {"note": "The buyer was reached."},
}
# Which object it is about stands in the query, so there is nothing to find without one.
NAMED_BY_QUERY = {"console:snooze-new"}
OPEN_TO_ALL = {"api:docs", "api:errors", "api:openapi", "portal:application_terms"}
# Cases are no merchant's: only reviewers' own keys reach them.
OF_REVIEWERS = ("api/v1/cases/", "api/v1/verdicts/")
# A key needs no scope to ask for whom it speaks.
WITHOUT_SCOPE = {"api:merchant"}
# What a page may write although it was only looked at: a session, when a key was used, who opened a document,
# and explanations, which are frozen by whoever needs them first.
WRITTEN_BY_READING = (
    "django_session",
    "accounts_apikey",
    "'document.opened'",
    "risk_explanation",
)
METHODS = ("GET", "POST", "PATCH", "PUT", "DELETE")


@dataclass(frozen=True)
class Route:
    """One pattern. `path` is its text from the root, parameters in angle brackets."""

    name: str
    path: str

    @property
    def door(self) -> str:
        return self.path.partition("/")[0]

    @property
    def parameters(self) -> list[str]:
        """The text before each parameter, earlier ones as "*"."""
        parts = re.split(r"<[^>]+>", self.path)
        return ["*".join(parts[: index + 1]) for index in range(len(parts) - 1)]

    @property
    def body(self) -> str:
        return json.dumps(BODIES.get(self.path, {}))

    @property
    def names_an_object(self) -> bool:
        return any(before in OBJECTS for before in self.parameters)

    def url(self, ids: Mapping[str, str]) -> str:
        values = iter(ids[OBJECTS.get(before) or WORDS[before]] for before in self.parameters)
        return "/" + re.sub(r"<[^>]+>", lambda _: next(values), self.path)


def _walk(resolver: URLResolver, before: str, space: str) -> Iterator[Route]:
    for pattern in resolver.url_patterns:
        path = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            inner = pattern.namespace or ""
            yield from _walk(pattern, path, f"{inner}:" if inner else space)
        elif getattr(pattern.callback, "cls", None) is not Unknown:
            yield Route(f"{space}{pattern.name}", path)


ROUTES = [
    route for route in _walk(get_resolver(), "", "") if route.door in {"portal", "console", "api"}
]  # fmt: skip


@dataclass(frozen=True)
class World:
    """Two merchants that know nothing of each other; everything in `ids` belongs to the first."""

    owner: User
    stranger: User
    staff: User
    own_key: str
    strange_key: str
    review_key: str
    ids: Mapping[str, str]


@pytest.fixture
def world(settings: Any, tmp_path: Any) -> World:
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": str(tmp_path)}
    }
    ensure_default_queues()
    ruleset = make_live_ruleset(make_rule("order.amount > 1", Effect.REVIEW, code="R-DEAR"))
    model = make_model()
    owner, stranger = make_user(), make_user()
    mine, other = make_merchant(owner=owner), make_merchant(owner=stranger)
    staff = make_user(*Role)
    return World(
        owner=owner,
        stranger=stranger,
        staff=staff,
        review_key=make_review_key(staff),
        own_key=make_key(mine, scopes=SCOPES),
        strange_key=make_key(other, scopes=SCOPES),
        ids={
            **_words(),
            "mod": encode("mod", model.pk),
            **make_belongings(mine),
            **make_judgement(make_user(Role.RISK_ANALYST), ruleset),
        },
    )


def _words() -> dict[str, str]:
    run = TrainingRun.objects.order_by("id").last()
    assert run is not None
    return {word: word for word in WORDS.values()} | {"run": str(run.pk)}


def _browser(user: User | None) -> Client:
    client = Client()
    if user is not None:
        client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


@dataclass(frozen=True)
class Caller:
    """A person with a browser or a program with a key, whichever the door is for."""

    browser: Client
    token: str | None = None

    def call(self, method: str, route: Route, ids: Mapping[str, str]) -> HttpResponse:
        """Call without leaving a trace, so that one world does for every URL."""
        body, content_type, headers = "", "", {}
        if route.door == "api":
            headers = {"Idempotency-Key": str(new_id()), "Authorization": f"Bearer {self.token}"}
            body, content_type = route.body, "application/json"
        with _rolled_back():
            answer = self.browser.generic(
                method, route.url(ids), body, content_type, headers=headers if self.token else {}
            )
            return cast("HttpResponse", answer)

    def answers(self, route: Route, ids: Mapping[str, str]) -> dict[str, HttpResponse]:
        """Return the answer to every method that the URL knows."""
        answers = {method: self.call(method, route, ids) for method in METHODS}
        return {method: answer for method, answer in answers.items() if answer.status_code != 405}


@contextmanager
def _rolled_back() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def _missing(ids: Mapping[str, str]) -> dict[str, str]:
    """Return ids of the same kinds that belong to nothing."""
    return {name: encode(name, new_id()) if name in OBJECTS.values() else text for name, text in ids.items()}


# ── The claims ───────────────────────────────────────────────────────────────────────────────────
def test_every_parameter_of_every_url_can_be_filled() -> None:
    unknown = {
        f"{route.path}: {before}"
        for route in ROUTES
        for before in route.parameters
        if before not in OBJECTS and before not in WORDS
    }
    assert unknown == set(), "say in OBJECTS or WORDS what belongs there"


def test_every_door_was_walked() -> None:
    assert {route.door for route in ROUTES} == {"portal", "console", "api"}
    assert len(ROUTES) == len({route.path for route in ROUTES}) > 60


def test_what_is_in_the_tables_is_used() -> None:
    used = {before for route in ROUTES for before in route.parameters}
    assert {*OBJECTS, *WORDS} - used == set()


def test_somebody_elses_object_is_not_found_and_not_told_from_one_that_does_not_exist(
    world: World, subtests: Any
) -> None:
    callers = {
        "portal": (Caller(_browser(world.owner)), Caller(_browser(world.stranger))),
        "api": (Caller(Client(), world.own_key), Caller(Client(), world.strange_key)),
    }
    for route in ROUTES:
        if route.door not in callers or not route.names_an_object:
            continue
        owner, stranger = callers[route.door]
        if route.path.startswith(OF_REVIEWERS):
            owner = Caller(Client(), world.review_key)
        for method, answer in stranger.answers(route, world.ids).items():
            with subtests.test(f"{method} {route.path}"):
                assert answer.status_code in {404, 403}, answer.content
                assert _told(stranger.call(method, route, _missing(world.ids))) == _told(answer)
        with subtests.test(f"the owner of {route.path}"):
            # Otherwise the id was no good, and a stranger's 404 would prove nothing.
            answers = owner.answers(route, world.ids)
            assert answers
            assert [m for m, answer in answers.items() if answer.status_code == 404] == []


def test_who_is_not_signed_in_is_asked_to_everywhere(world: World, subtests: Any) -> None:
    nobody = Caller(Client())
    for route in ROUTES:
        if route.name in OPEN_TO_ALL:
            continue
        for method, answer in nobody.answers(route, world.ids).items():
            with subtests.test(f"{method} {route.path}"):
                if route.door == "api":
                    assert answer.status_code == 401
                    assert answer["WWW-Authenticate"]
                else:
                    assert answer.status_code == 302
                    assert answer["Location"].startswith(reverse("account_login"))


def test_a_key_that_never_existed_opens_nothing(world: World, subtests: Any) -> None:
    guess = Caller(Client(), "mk_live_0123456789_guess")
    for route in ROUTES:
        if route.door == "api" and route.name not in OPEN_TO_ALL:
            with subtests.test(route.path):
                answers = guess.answers(route, world.ids)
                assert {answer.status_code for answer in answers.values()} == {401}


def test_a_key_without_any_scope_reaches_no_object(world: World, subtests: Any) -> None:
    bare = Caller(Client(), make_key(Merchant.objects.get(memberships__user=world.owner), scopes=()))
    for route in ROUTES:
        if route.door == "api" and route.names_an_object and route.name not in WITHOUT_SCOPE:
            for method, answer in bare.answers(route, world.ids).items():
                with subtests.test(f"{method} {route.path}"):
                    assert answer.status_code == 403


def test_the_console_does_not_exist_for_merchants(world: World, subtests: Any) -> None:
    owner, staff = Caller(_browser(world.owner)), Caller(_browser(world.staff))
    for route in ROUTES:
        if route.door != "console":
            continue
        for method, answer in owner.answers(route, world.ids).items():
            with subtests.test(f"{method} {route.path}"):
                assert answer.status_code == 404
        with subtests.test(f"staff at {route.path}"):
            answers = staff.answers(route, world.ids)
            if route.name not in NAMED_BY_QUERY:
                assert [m for m, answer in answers.items() if answer.status_code == 404] == []


def test_looking_changes_nothing(world: World, subtests: Any) -> None:
    callers = {
        "portal": Caller(_browser(world.owner)),
        "api": Caller(Client(), world.own_key),
        "console": Caller(_browser(world.staff)),
    }
    reviewer = Caller(Client(), world.review_key)
    for route in ROUTES:
        caller = reviewer if route.path.startswith(OF_REVIEWERS) else callers[route.door]
        with subtests.test(route.path), CaptureQueriesContext(connection) as queries:
            caller.call("GET", route, world.ids)
            assert _writes(queries) == []


def test_a_list_names_nothing_of_another_merchant(world: World, subtests: Any) -> None:
    callers = {
        "portal": Caller(_browser(world.stranger)),
        "api": Caller(Client(), world.strange_key),
    }
    for route in ROUTES:
        if route.door not in callers or route.parameters:
            continue
        answer = callers[route.door].call("GET", route, world.ids)
        if answer.status_code == 200 and route.name not in OPEN_TO_ALL:
            with subtests.test(route.path):
                text = answer.content.decode()
                assert [public for public in world.ids.values() if "_" in public and public in text] == []


def _told(answer: HttpResponse) -> tuple[int, str]:
    """Return what an answer says, without what differs from call to call."""
    if answer.headers.get("Content-Type") == "application/problem+json":
        problem = json.loads(answer.content)
        return answer.status_code, json.dumps({key: problem.get(key) for key in ("code", "title", "detail")})
    text = re.sub(r'csrf[^"]*"[^>]*>|"X-CSRFToken": *"[^"]*"', "", answer.content.decode())
    return answer.status_code, re.sub(r"(?:ord|lst|rev|doc|sta|apf)_[0-9a-z]{13}|[0-9a-f]{16}", "", text)


def _writes(queries: CaptureQueriesContext) -> list[str]:
    statements = [query["sql"] for query in queries.captured_queries]
    return [
        sql
        for sql in statements
        if re.match(r"\s*(INSERT|UPDATE|DELETE|REPLACE)\b", sql)
        and not any(name in sql for name in WRITTEN_BY_READING)
    ]
