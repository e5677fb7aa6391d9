"""Nothing internal of a decision leaves by any door a merchant has."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.permissions import SCOPES
from catalog.models import ListingRevision
from core.actors import SYSTEM
from core.ids import encode
from delivery.sequencer import sequence
from intake.pipeline import submit_application, submit_revision
from merchants.models import Merchant, MerchantApplication
from orders.models import Order
from risk.models import Decision, ModelVersion, RuleSet
from risk.rules.engine import Effect, RuleDefinition
from tests.api.calls import Partner
from tests.make import (
    NOON,
    make_application,
    make_key,
    make_live_ruleset,
    make_merchant,
    make_revision,
    make_rule,
    make_user,
)
from tests.risk.versions import make_linear_model

pytestmark = pytest.mark.django_db

KEYS_OF_THE_HOUSE = {
    *("score", "probability", "points", "contributions", "flip", "thresholds", "band"),
    *("features", "feature_hash", "snapshot", "values", "probes", "muted", "evaluation", "results"),
    *("rules", "rule", "rule_codes", "hits", "reason_codes", "reason_code", "tags", "queue", "queue_code"),
    *("ruleset", "ruleset_id", "ruleset_hash", "model", "model_id", "model_hash", "code_version"),
    *("degraded", "latency_us", "is_sampled", "as_of"),
}


@pytest.fixture
def merchant() -> Merchant:
    return make_merchant()


@pytest.fixture
def seller(merchant: Merchant) -> Partner:
    return Partner(make_key(merchant, scopes=SCOPES))


def rules(subject: str) -> list[RuleDefinition]:
    always = "1 == 1"
    return [
        make_rule(
            always,
            Effect.REVIEW,
            code=f"R-SECRET-{subject}",
            name="Secret rule",
            reason_code="velocity_device",
            queue="secret_queue",
            tag="secret_tag",
        ),
        make_rule(always, Effect.POINTS, points=47, code=f"R-POINTS-{subject}", reason_code="shared_device"),
    ]


def judge_everything(merchant: Merchant, seller: Partner) -> list[Decision]:
    """Hold an order, a listing and an application of the merchant by rules with telling names."""
    for subject in ("order", "listing", "application"):
        make_live_ruleset(*rules(subject), subject=subject)
        make_linear_model({}, intercept=-0.731, subject=subject)
    placed = seller.post(
        "orders",
        {
            "merchant": encode("mer", merchant.pk),
            "external_id": "T-1",
            "currency": "CNY",
            "lines": [{"sku": "TP-01", "title": "Tea pot", "quantity": 1, "unit_price": "49.90"}],
            "buyer": {"id": "b-1", "device_id": "d-1"},
        },
    )
    assert placed.status_code == 201, placed.content
    revision = make_revision(merchant)
    submit_revision(revision, actor=SYSTEM, at=NOON)
    application = make_application(merchant)
    submit_application(MerchantApplication.objects.get(pk=application.pk), actor=SYSTEM, at=NOON)
    decisions = list(Decision.objects.order_by("id"))
    assert [(one.subject_kind, one.outcome) for one in decisions] == [
        ("order", "review"),
        ("listing", "review"),
        ("application", "review"),
    ]
    return decisions


def secrets_of(decisions: list[Decision]) -> set[str]:
    found = {"R-SECRET", "R-POINTS", "Secret rule", "secret_queue", "secret_tag"}
    found |= {"velocity_device", "shared_device", "order_amount_minor", "device_orders_24h_count"}
    for one in decisions:
        found |= {one.ruleset_hash, one.model_hash, one.feature_hash, one.code_version, f"{one.score:.4f}"}
    found |= {str(id) for id in RuleSet.objects.values_list("pk", flat=True)}
    return found | {str(id) for id in ModelVersion.objects.values_list("pk", flat=True)}


def keys_in(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from value
        for inner in value.values():
            yield from keys_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from keys_in(inner)


def test_no_internal_field_is_in_any_answer_to_a_merchants_key(merchant: Merchant, seller: Partner) -> None:
    decisions = judge_everything(merchant, seller)
    sequence()
    order = decisions[0]
    paths = [
        "decisions",
        *(f"decisions/{encode('dec', one.pk)}" for one in decisions),
        "orders",
        f"orders/{encode('ord', order.subject_id)}",
        "listings",
        "events",
        "merchants",
    ]
    secrets = secrets_of(decisions)
    for path in paths:
        answer = seller.get(path)
        assert answer.status_code == 200, (path, answer.content)
        assert answer.json(), path
        assert set(keys_in(answer.json())) & KEYS_OF_THE_HOUSE == set(), path
        assert [secret for secret in secrets if secret in answer.content.decode()] == [], path
    kinds = {row["subject"]["kind"] for row in seller.get("decisions").json()["data"]}
    assert kinds == {"order", "listing", "application"}


def test_no_internal_field_is_in_the_answer_to_a_placed_order(merchant: Merchant, seller: Partner) -> None:
    make_live_ruleset(*rules("order"))
    make_linear_model({}, intercept=-0.731)
    body = {
        "merchant": encode("mer", merchant.pk),
        "external_id": "T-9",
        "currency": "CNY",
        "lines": [{"sku": "TP-01", "title": "Tea pot", "quantity": 1, "unit_price": "49.90"}],
    }
    answer = seller.post("orders", body)
    assert answer.json()["decision"]["outcome"] == "review"
    assert set(keys_in(answer.json())) & KEYS_OF_THE_HOUSE == set()
    secrets = secrets_of(list(Decision.objects.all()))
    assert [secret for secret in secrets if secret in answer.content.decode()] == []


def test_no_internal_word_is_on_any_page_of_the_portal(client: Client) -> None:
    owner = make_user()
    merchant = make_merchant(owner=owner)
    decisions = judge_everything(merchant, Partner(make_key(merchant, scopes=SCOPES), Client()))
    client.force_login(owner, backend="allauth.account.auth_backends.AuthenticationBackend")
    order = Order.objects.get()
    revision = decisions[1].subject_id
    listing = ListingRevision.objects.get(pk=revision).listing
    hrefs = [
        reverse("portal:orders"),
        reverse("portal:order", args=[encode("ord", order.pk)]),
        reverse("portal:listings"),
        reverse("portal:listing", args=[encode("lst", listing.pk)]),
        reverse("portal:application"),
    ]
    secrets = secrets_of(decisions)
    for href in hrefs:
        page = client.get(href)
        assert page.status_code == 200, href
        assert [secret for secret in secrets if secret in page.content.decode()] == [], href
