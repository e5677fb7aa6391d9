"""The OpenAPI document: valid, committed, true to the answers; the pages about it."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from api.codes import FIELD_CODES, PROBLEM_CODES
from core.actors import SYSTEM
from core.ids import encode
from delivery.sequencer import sequence
from orders.services import approve_order
from tests.api.conftest import Market
from tests.api.test_applications import body as application_body
from tests.api.test_orders import body as order_body
from tests.make import NOON, make_listing, make_order

COMMITTED = Path(__file__).parents[2] / "docs" / "openapi.json"
DOCUMENT: dict[str, Any] = json.loads(COMMITTED.read_text())
OPERATIONS = [
    pytest.param(path, method, operation, id=operation["operationId"])
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
]


def validator(schema: dict[str, Any]) -> Draft202012Validator:
    return Draft202012Validator({**schema, "components": DOCUMENT["components"]})


def answer_schema(path: str, method: str, status: int) -> dict[str, Any]:
    answer = DOCUMENT["paths"][path][method]["responses"][str(status)]
    schema: dict[str, Any] = answer["content"]["application/json"]["schema"]
    return schema


def test_the_committed_document_is_valid_and_current(tmp_path: Path) -> None:
    fresh = tmp_path / "openapi.json"
    call_command(
        "spectacular", "--format", "openapi-json", "--file", str(fresh), "--validate", "--fail-on-warn"
    )
    assert json.loads(fresh.read_text()) == DOCUMENT, (
        "Run manage.py spectacular --format openapi-json --file docs/openapi.json."
    )


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS)
def test_every_operation_tells_scope_errors_and_example(
    path: str, method: str, operation: dict[str, Any]
) -> None:
    assert operation["summary"]
    (scopes,) = (entry["apiKey"] for entry in operation["security"])
    assert all(f"`{scope}`" in operation["description"] for scope in scopes)
    assert {"401", "403", "429", "503"} <= operation["responses"].keys()
    assert ("{id}" in path) <= ("404" in operation["responses"])
    success = next(operation["responses"][code] for code in ("200", "201") if code in operation["responses"])
    content = success["content"]["application/json"]
    assert content["examples"]
    sent = operation.get("requestBody", {}).get("content", {}).get("application/json")
    for part in filter(None, (content, sent)):
        for example in part["examples"].values():
            validator(part["schema"]).validate(example["value"])


@pytest.mark.django_db
def test_answers_are_what_the_document_says(market: Market, judged: None) -> None:
    market.seller.post("applications?wait=false", application_body())
    listing, order = make_listing(market.merchant), make_order(market.merchant)
    approve_order(order, actor=SYSTEM, at=NOON)
    placed = market.seller.post("orders", order_body(market.merchant))
    validator(answer_schema("/api/v1/orders", "post", 201)).validate(placed.json())
    decision = placed.json()["decision"]["id"]
    application = market.seller.get("applications").json()["data"][0]["id"]
    sequence()
    ids = {
        "applications": application,
        "listings": encode("lst", listing.pk),
        "orders": encode("ord", order.pk),
        "decisions": decision,
        "merchants": encode("mer", market.merchant.pk),
    }
    for noun, id in ids.items():
        for path, url in ((f"/api/v1/{noun}", noun), (f"/api/v1/{noun}/{{id}}", f"{noun}/{id}")):
            shown = market.seller.get(url).json()
            validator(answer_schema(path, "get", 200)).validate(shown)
    for noun, query in (("events", {}), ("usage", {}), ("recommendations", {"buyer": "b-1"})):
        shown = market.seller.get(noun, query).json()
        validator(answer_schema(f"/api/v1/{noun}", "get", 200)).validate(shown)
    assert market.seller.get("events").json()["data"]
    problem = market.seller.post("orders", {}).json()
    validator({"$ref": "#/components/schemas/Problem"}).validate(problem)


@pytest.mark.django_db
def test_the_document_is_served_without_a_key() -> None:
    answer = Client().get("/api/v1/openapi.json")
    assert answer.status_code == 200
    assert answer.json()["openapi"].startswith("3.1")


@pytest.mark.django_db
def test_the_page_to_try_calls_needs_no_inline_script() -> None:
    answer = Client().get("/api/docs")
    policy = answer["Content-Security-Policy"]
    scripts = next(part for part in policy.split(";") if "script-src" in part)
    assert answer.status_code == 200
    assert "unsafe" not in scripts
    assert "style-src 'self' 'unsafe-inline'" in policy
    assert b'data-schema="/api/v1/openapi.json"' in answer.content
    assert Client().post("/api/docs").status_code == 405


@pytest.mark.django_db
@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_the_errors_page_explains_every_code(language: str) -> None:
    page = Client().get("/api/errors", headers={"Accept-Language": language}).content.decode()
    for code in PROBLEM_CODES:
        assert f'id="{code.code}"' in page
    for field in FIELD_CODES:
        assert f'id="field-{field}"' in page
    assert "unsafe-inline" not in Client().get("/api/errors")["Content-Security-Policy"]
