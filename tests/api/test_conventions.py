"""What holds for every endpoint: keys, scopes, methods, problems, quotas, headers."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from django.core.cache import cache
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern
from django.utils import timezone
from redis.exceptions import RedisError

from accounts.models import APIKey, Role
from accounts.services import revoke_api_key
from api import limits
from api.authentication import Caller, find_caller
from api.endpoint import Endpoint
from api.v1.urls import urlpatterns
from core.actors import SYSTEM
from core.ids import encode, new_id
from merchants.keys import grant_key
from tests.api.calls import Partner, fields, problem
from tests.api.conftest import Market
from tests.make import NOON, make_key, make_merchant, make_review_key, make_user

pytestmark = pytest.mark.django_db
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def endpoints() -> Iterator[tuple[str, type[Endpoint]]]:
    for pattern in urlpatterns:
        assert isinstance(pattern, URLPattern)
        view: type[Endpoint] = pattern.callback.view_class  # type: ignore[attr-defined]
        yield str(pattern.pattern).replace("<str:id>", "ord_1hcymj6t34000"), view


ENDPOINTS = list(endpoints())
OFFERED = [(path, method, view.scopes[method]) for path, view in ENDPOINTS for method in view.scopes]
REFUSED = [(path, method) for path, view in ENDPOINTS for method in METHODS if method not in view.scopes]


def call(partner: Partner, method: str, path: str, **headers: str) -> Any:
    headers = {"Idempotency_Key": "k", "If_Match": "*"} | headers
    return partner.send(method, f"/api/v1/{path}", b"{}", "application/json", **headers)


# ── Who calls ────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(("path", "method", "scope"), OFFERED)
def test_every_endpoint_needs_a_key(path: str, method: str, scope: str) -> None:
    answer = call(Partner(None), method, path)
    assert problem(answer) == (401, "not_authenticated")
    assert answer["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize(("path", "method", "scope"), [one for one in OFFERED if one[2]])
def test_every_endpoint_needs_its_scope(path: str, method: str, scope: str) -> None:
    reader = Partner(make_key(make_merchant(), scopes=[]))
    answer = call(reader, method, path)
    assert problem(answer) == (403, "insufficient_scope")
    assert answer.json()["scope"] == scope


@pytest.mark.parametrize(("path", "method"), REFUSED)
def test_every_other_method_is_refused(market: Market, path: str, method: str) -> None:
    answer = call(market.operator, method, path)
    assert problem(answer) == (405, "method_not_allowed")
    assert method not in answer["Allow"].split(", ")


CREATING = [path for path, view in ENDPOINTS if "POST" in view.once]


@pytest.mark.parametrize("path", CREATING)
def test_every_creating_post_needs_an_idempotency_key(market: Market, path: str) -> None:
    is_review = path.startswith(("cases/", "verdicts/"))
    caller = Partner(make_review_key(make_user(Role.REVIEWER))) if is_review else market.operator
    answer = caller.post(path, {}, key=None)
    assert problem(answer) == (400, "idempotency_key_required")


def test_all_failures_of_a_key_read_the_same(market: Market) -> None:
    merchant = market.merchant
    token = make_key(merchant)
    prefix = token.split("_")[2]
    expired = make_key(merchant, expires_at=timezone.now() - timedelta(seconds=1))
    revoked = make_key(merchant)
    revoke_api_key(APIKey.objects.get(prefix=revoked.split("_")[2]), actor=SYSTEM, at=timezone.now())
    wrong = [f"mk_live_{prefix}_wrong", expired, revoked, "nonsense", "mk_live_a", "ключ"]
    answers = {Partner(token).get("orders").json().get("detail") for token in wrong}
    assert len(answers) == 1
    assert all(problem(Partner(token).get("orders")) == (401, "authentication_failed") for token in wrong)


def test_a_key_is_bound_to_its_networks(market: Market) -> None:
    token = make_key(market.merchant)
    key = APIKey.objects.get(prefix=token.split("_")[2])
    key.allowed_networks = ["10.0.0.0/8"]
    key.save()
    assert problem(Partner(token).get("orders"))[0] == 401
    assert Partner(token, Client(REMOTE_ADDR="10.1.2.3")).get("orders").status_code == 200


class TestRememberedKeys:
    @pytest.fixture(autouse=True)
    def _memory(self, settings: Any) -> None:
        settings.API_KEY_MEMORY_SECONDS = 2

    def find(self, token: str, *, seconds: float = 0, address: str = "192.0.2.1") -> Caller | None:
        return find_caller(token, address=address, at=NOON + timedelta(seconds=seconds))

    def row(self, token: str) -> APIKey:
        return APIKey.objects.get(prefix=token.split("_")[2])

    def test_a_key_seen_a_moment_ago_is_not_read_again(self, django_assert_num_queries: Any) -> None:
        token = make_key()
        self.find(token)
        with django_assert_num_queries(0):
            assert self.find(token, seconds=1.9) is not None

    def test_a_revoked_key_opens_no_longer_than_it_is_remembered(self) -> None:
        token = make_key()
        self.find(token)
        revoke_api_key(self.row(token), actor=SYSTEM, at=NOON)
        assert self.find(token, seconds=1.9) is not None
        assert self.find(token, seconds=2) is None
        assert self.find(token) is None

    def test_a_remembered_key_expires_to_the_moment(self) -> None:
        token = make_key(expires_at=NOON + timedelta(seconds=1))
        assert self.find(token) is not None
        assert self.find(token, seconds=1) is None

    def test_a_remembered_key_opens_from_its_networks_only(self) -> None:
        token = make_key(allowed_networks=["192.0.2.0/24"])
        assert self.find(token) is not None
        assert self.find(token, address="198.51.100.7") is None

    def test_a_merchant_granted_meanwhile_is_seen_at_once(self) -> None:
        mine, another = make_merchant(), make_merchant()
        token = make_key(mine)
        self.find(token)
        grant_key(self.row(token), another, actor=SYSTEM)
        caller = self.find(token)
        assert caller is not None
        assert caller.merchant_ids == frozenset({mine.pk, another.pk})

    def test_another_secret_under_the_same_prefix_is_another_key(self) -> None:
        token = make_key()
        self.find(token)
        assert self.find(f"{token}x") is None

    def test_a_key_in_steady_use_is_noted_once_a_minute(self, market: Market) -> None:
        with CaptureQueriesContext(connection) as queries:
            for _ in range(3):
                market.operator.get("orders")
        assert sum("UPDATE" in query["sql"] for query in queries) == 1


# ── What is sent ─────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("raw", "content_type", "expected"),
    [
        (b"{", "application/json", (400, "parse_error")),
        (b"[]", "application/json", (400, "parse_error")),
        (b'"order"', "application/json", (400, "parse_error")),
        (b'{"a": NaN}', "application/json", (400, "parse_error")),
        (b'{"a": "\xff"}', "application/json", (400, "parse_error")),
        (b'{"a": "\\ud800"}', "application/json", (400, "parse_error")),
        (b'{"a":' * 5_000, "application/json", (400, "parse_error")),
        (b"a=1", "application/x-www-form-urlencoded", (415, "unsupported_media_type")),
        (b"<order/>", "application/xml", (415, "unsupported_media_type")),
        (b'{"a": "' + b"x" * 2_100_000 + b'"}', "application/json", (413, "body_too_large")),
    ],
    ids=["cut", "list", "text", "NaN", "not UTF-8", "half a letter", "deep", "form", "XML", "large"],
)
def test_a_malformed_body_is_a_problem(
    market: Market, raw: bytes, content_type: str, expected: tuple[int, str]
) -> None:
    answer = market.seller.send("POST", "/api/v1/orders", raw, content_type, Idempotency_Key="k")
    assert problem(answer) == expected


def test_an_empty_body_lacks_its_fields(market: Market) -> None:
    answer = market.seller.post("orders")
    assert fields(answer) == dict.fromkeys(("/merchant", "/external_id", "/currency", "/lines"), "required")


def test_what_is_no_json_cannot_be_had(market: Market) -> None:
    assert problem(market.seller.get("orders", Accept="text/csv")) == (406, "not_acceptable")


@pytest.mark.parametrize(
    "path", ["/api/", "/api/v1/", "/api/v1/nothing", "/api/v2/orders", "/api/v1/orders/"]
)
@pytest.mark.parametrize("method", ["get", "post", "delete"])
def test_an_unknown_path_is_a_problem_and_no_page(path: str, method: str) -> None:
    answer = getattr(Client(), method)(path)
    assert problem(answer) == (404, "unknown_resource")


# ── What is answered ─────────────────────────────────────────────────────────────────────────────
def test_every_answer_carries_the_house_headers(market: Market) -> None:
    for answer in (
        market.seller.get("orders"),
        market.seller.post("orders", {}),
        market.seller.get("orders/nonsense"),
        Partner(None).get("orders"),
    ):
        assert answer["Cache-Control"] == "no-store"
        assert answer["RateLimit-Policy"] == '"default";q=600;w=60'
        assert answer["RateLimit"].startswith('"default";r=')
        assert answer["X-Request-Id"]


def test_a_request_id_is_echoed(market: Market) -> None:
    answer = market.seller.get("orders/nonsense", X_Request_Id="partner-0001")
    assert answer["X-Request-Id"] == answer.json()["request_id"] == "partner-0001"


def test_problems_are_told_in_the_callers_language(market: Market) -> None:
    english = market.seller.get("orders/nonsense").json()
    chinese = market.seller.get("orders/nonsense", Accept_Language="zh-hans").json()
    assert english["code"] == chinese["code"]
    assert english["title"] != chinese["title"]


def test_a_failure_inside_is_a_problem_without_its_cause(market: Market) -> None:
    with patch("api.v1.orders.views.list_orders", side_effect=RuntimeError("secret")):
        answer = market.seller.get("orders")
    assert problem(answer) == (500, "internal_error")
    assert b"secret" not in answer.content


def test_a_busy_database_asks_for_patience(market: Market) -> None:
    with patch("api.v1.orders.views.list_orders", side_effect=OperationalError("database is locked")):
        answer = market.seller.get("orders")
    assert problem(answer) == (503, "unavailable")
    assert int(answer["Retry-After"]) > 0


# ── Quotas ───────────────────────────────────────────────────────────────────────────────────────
@pytest.fixture(params=["memory", "files", "configured"])
def _cache(request: pytest.FixtureRequest, settings: Any, tmp_path: Path) -> None:
    backends = {
        "memory": ("locmem.LocMemCache", str(tmp_path)),
        "files": ("filebased.FileBasedCache", tmp_path / "cache"),
    }
    if request.param in backends:
        name, location = backends[request.param]
        settings.CACHES = {"default": {"BACKEND": f"django.core.cache.backends.{name}", "LOCATION": location}}
    elif settings.REDIS_URL:
        settings.CACHES = {
            "default": {
                "BACKEND": "django.core.cache.backends.redis.RedisCache",
                "LOCATION": settings.REDIS_URL,
                "KEY_PREFIX": f"test-{new_id()}",  # nothing of an earlier run
            }
        }
    else:
        pytest.skip("needs REDIS_URL")


@pytest.fixture
def _small_quota(settings: Any) -> None:
    settings.API_QUOTA, settings.API_QUOTA_SECONDS = 5, 10


@pytest.mark.usefixtures("_cache", "_small_quota")
def test_a_bucket_empties_and_fills_again() -> None:
    now = 1_780_000_000_000
    left = [limits.spend("key:1", now_ms=now).remaining for _ in range(5)]
    assert left == [4, 3, 2, 1, 0]
    empty = limits.spend("key:1", now_ms=now)
    assert (empty.remaining, empty.retry_seconds, empty.reset_seconds) == (0, 2, 12)
    assert limits.spend("key:2", now_ms=now).remaining == 4, "each key has its own"
    assert limits.spend("key:1", now_ms=now + 2_000).remaining == 0, "one came back"
    assert limits.spend("key:1", now_ms=now + 2_000).retry_seconds == 2, "being refused costs nothing"
    assert limits.spend("key:1", now_ms=now + 60_000).remaining == 4, "full again"


@pytest.mark.usefixtures("_small_quota")
def test_too_many_calls_are_refused_until_later(market: Market) -> None:
    for _ in range(5):
        assert market.seller.get("orders").status_code == 200
    answer = market.seller.get("orders")
    assert problem(answer) == (429, "quota_exceeded")
    assert answer["Retry-After"] == "2"
    assert answer["RateLimit"].startswith('"default";r=0;')
    assert market.stranger.get("orders").status_code == 200


@pytest.mark.usefixtures("_small_quota")
def test_probing_without_the_scope_is_counted_too(market: Market) -> None:
    reader = Partner(make_key(market.merchant, scopes=["orders:read"]))
    answers = [reader.get("listings").status_code for _ in range(6)]
    assert answers == [403] * 5 + [429]


def test_a_cache_that_is_down_lets_calls_pass(market: Market) -> None:
    with patch.object(cache._connections["default"].__class__, "get", side_effect=RedisError):  # type: ignore[attr-defined]
        assert market.seller.get("orders").status_code == 200


def test_a_redis_that_is_down_lets_calls_pass(market: Market, settings: Any) -> None:
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "redis://127.0.0.1:1/0",  # nobody listens there
        }
    }
    answer = market.seller.get("orders")
    assert answer.status_code == 200
    assert answer["RateLimit"] == '"default";r=600;t=0'


@pytest.mark.parametrize("_cache", ["configured"], indirect=True)
@pytest.mark.usefixtures("_cache", "_small_quota")
def test_calls_that_find_a_full_bucket_at_once_are_all_counted() -> None:
    with ThreadPoolExecutor(8) as pool:
        quotas = list(pool.map(lambda _: limits.spend("key:1", now_ms=1_780_000_000_000), range(8)))
    assert sorted(quota.remaining for quota in quotas if not quota.retry_seconds) == [0, 1, 2, 3, 4]


def test_ids_of_another_kind_are_not_found(market: Market) -> None:
    id = encode("lst", market.merchant.pk)
    assert problem(market.seller.get(f"orders/{id}")) == (404, "not_found")
