"""What is only read: decisions, recommendations, events, merchants, usage."""

from datetime import timedelta
from typing import Any

import pytest

from core.actors import SYSTEM
from core.ids import encode
from core.models import OutboxEvent
from delivery.sequencer import sequence
from orders.placing import NewLine, Signals
from orders.services import hold_order
from recommendations.services import refresh
from risk.models import Decision
from tests.api.calls import Partner, fields, problem
from tests.api.conftest import Market
from tests.make import NOON, make_application, make_key, make_listing, make_order

pytestmark = pytest.mark.django_db


def make_decision(market: Market, **changes: Any) -> Decision:
    return Decision.objects.create(
        **{
            "subject_kind": "order",
            "subject_id": 1_780_000_000_000_000_000,
            "merchant_id": market.merchant.pk,
            "as_of": NOON,
            "outcome": "review",
            "score": 0.31,
            "reason_codes": ["velocity_device", "velocity_card"],
            "tags": ["secret_tag"],
            "features": b"\0" * 8,
            "feature_hash": "secret",
            "snapshot": {"secret": 1},
            "code_version": "1",
            "created_at": NOON,
            **changes,
        }
    )


# ── Decisions ────────────────────────────────────────────────────────────────────────────────────
def test_a_decision_shows_its_outcome_and_nothing_of_how_it_was_found(market: Market) -> None:
    decision = make_decision(market)
    shown = market.seller.get(f"decisions/{encode('dec', decision.pk)}").json()
    assert shown == {
        "id": encode("dec", decision.pk),
        "subject": {"kind": "order", "id": encode("ord", decision.subject_id)},
        "merchant": encode("mer", market.merchant.pk),
        "outcome": "review",
        "score_band": "medium",
        "reasons": ["We are checking this order before it goes on."],
        "next_step": "Please do not ship yet. You need not do anything: we will tell you.",
        "decided_at": "2026-03-02T12:00:00Z",
    }


@pytest.mark.parametrize(
    ("score", "band"), [(None, None), (0.0, "low"), (0.2, "medium"), (0.6, "high"), (1.0, "high")]
)
def test_a_score_is_told_as_a_band(market: Market, score: float | None, band: str | None) -> None:
    make_decision(market, score=score)
    assert market.seller.get("decisions").json()["data"][0]["score_band"] == band


def test_reasons_are_told_in_the_callers_language(market: Market) -> None:
    make_decision(market)
    chinese = market.seller.get("decisions", Accept_Language="zh-hans").json()["data"][0]["reasons"]
    english = market.seller.get("decisions").json()["data"][0]["reasons"]
    assert chinese != english
    assert len(chinese) == len(english) == 1


def test_decisions_are_filtered(market: Market) -> None:
    order = make_decision(market)
    listing = make_decision(market, subject_kind="listing", subject_id=2, outcome="decline")

    def ids(**query: str) -> list[str]:
        query = {f"filter[{name}]": text for name, text in query.items()}
        return [row["id"] for row in market.seller.get("decisions", query).json()["data"]]

    assert ids() == [encode("dec", listing.pk), encode("dec", order.pk)]
    assert ids(subject="listing") == ids(outcome="decline") == [encode("dec", listing.pk)]
    assert ids(order=encode("ord", order.subject_id)) == [encode("dec", order.pk)]
    wrong = market.seller.get("decisions", {"filter[outcome]": "maybe"})
    assert fields(wrong) == {"/filter[outcome]": "invalid_filter"}


def test_somebody_elses_decision_looks_like_none(market: Market) -> None:
    decision = make_decision(market)
    for id in (encode("dec", decision.pk), "dec_1hcymj6t34000", "nonsense"):
        assert problem(market.stranger.get(f"decisions/{id}")) == (404, "not_found")
    assert market.stranger.get("decisions").json()["data"] == []


@pytest.mark.parametrize("count", [1, 20])
def test_decisions_take_three_queries_however_many(
    market: Market, count: int, django_assert_num_queries: Any
) -> None:
    for _ in range(count):
        make_decision(market)
    market.seller.get("decisions")
    with django_assert_num_queries(3) as queries:
        assert len(market.seller.get("decisions").json()["data"]) == count
    assert "snapshot" not in queries[-1]["sql"], "heavy columns stay in the table"


# ── Recommendations ──────────────────────────────────────────────────────────────────────────────
@pytest.fixture
def bought(market: Market) -> list[str]:
    """Three listings of which buyers of the first also buy the second; return their ids."""
    shelf = [make_listing(market.merchant) for _ in range(3)]
    for number in range(3):
        for listing in shelf[:2]:
            lines = (NewLine("x", 1, 100, listing.sku),)
            make_order(market.merchant, lines=lines, signals=Signals(buyer=f"b{number}"))
    make_order(market.merchant, lines=(NewLine("x", 1, 100, shelf[2].sku),), signals=Signals(buyer="ann"))
    refresh(as_of=NOON + timedelta(days=1))
    return [encode("lst", listing.pk) for listing in shelf]


def test_a_products_neighbours_are_recommended(market: Market, bought: list[str]) -> None:
    rows = market.seller.get("recommendations", {"product": bought[0]}).json()["data"]
    assert [(row["listing"], row["source"]) for row in rows] == [
        (bought[1], "bought_together"),
        (bought[2], "popular"),
    ]
    assert rows[0]["price"] == {"amount": "99.00", "currency": "CNY"}


def test_a_buyer_is_recommended_what_they_lack(market: Market, bought: list[str]) -> None:
    rows = market.seller.get("recommendations", {"buyer": "b1", "limit": 1}).json()["data"]
    assert [row["listing"] for row in rows] == [bought[2]]
    unknown = market.seller.get("recommendations", {"buyer": "nobody"}).json()["data"]
    assert {row["source"] for row in unknown} == {"popular"}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, {"/product": "product_or_buyer"}),
        ({"product": "lst_1", "buyer": "b"}, {"/product": "product_or_buyer"}),
        ({"buyer": "b", "limit": "51"}, {"/limit": "invalid_limit"}),
    ],
    ids=str,
)
def test_a_bad_recommendation_request_is_refused(
    market: Market, query: dict[str, str], expected: dict[str, str]
) -> None:
    assert fields(market.seller.get("recommendations", query)) == expected


def test_recommendations_for_somebody_elses_product_are_not_found(market: Market, bought: list[str]) -> None:
    for product in (bought[0], "lst_1hcymj6t34000"):
        answer = market.stranger.get("recommendations", {"product": product})
        assert problem(answer) == (404, "not_found")


def test_recommendations_take_five_queries(
    market: Market, bought: list[str], django_assert_num_queries: Any
) -> None:
    market.seller.get("recommendations", {"product": bought[0]})
    with django_assert_num_queries(5):  # the key, its merchants, the listing, the lists, what is on sale
        market.seller.get("recommendations", {"product": bought[0]})


# ── Events ───────────────────────────────────────────────────────────────────────────────────────
def test_events_are_read_once_each_in_order(market: Market) -> None:
    for _ in range(5):
        make_order(market.merchant)
    make_order()
    assert market.seller.get("events").json() == {"data": [], "next_after": 0, "has_more": False}
    sequence()
    seen, after, has_more = [], 0, True
    while has_more:
        window = market.seller.get("events", {"after": after, "limit": 2}).json()
        seen += window["data"]
        after, has_more = window["next_after"], window["has_more"]
    assert len(seen) == len({event["id"] for event in seen}) == 5
    assert [event["sequence"] for event in seen] == sorted(event["sequence"] for event in seen)
    assert {event["merchant"] for event in seen} == {encode("mer", market.merchant.pk)}
    assert market.seller.get("events", {"after": after}).json()["next_after"] == after
    assert market.seller.get("events", {"after": seen[-2]["id"]}).json()["data"] == seen[-1:]


def test_an_event_speaks_of_public_ids_and_sentences(market: Market) -> None:
    order = make_order(market.merchant)
    hold_order(order, actor=SYSTEM, at=NOON, reason_codes=["velocity_device"])
    sequence()
    (event,) = market.seller.get("events", {"types": "order.held"}).json()["data"]
    assert event["subject"] == {"kind": "order", "id": encode("ord", order.pk)}
    assert event["payload"] == {
        "status": "received",
        "reasons": ["We are checking this order before it goes on."],
    }


def test_what_is_the_houses_own_is_in_no_feed(market: Market) -> None:
    make_application(market.merchant)
    OutboxEvent.objects.create(
        type="model.training_requested", subject_kind="training", subject_id=1, created_at=NOON
    )
    sequence()
    assert market.operator.get("events").json()["data"] == []


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"after": "-1"}, {"/after": "invalid_after"}),
        ({"after": "evt_1hcymj6t34000"}, {"/after": "invalid_after"}),
        ({"after": "9" * 30}, {"/after": "invalid_after"}),
        ({"types": "order.eaten"}, {"/types": "unknown_type"}),
        ({"limit": "201"}, {"/limit": "invalid_limit"}),
    ],
    ids=str,
)
def test_a_bad_feed_request_is_refused(
    market: Market, query: dict[str, str], expected: dict[str, str]
) -> None:
    assert fields(market.seller.get("events", query)) == expected


def test_somebody_elses_event_is_no_place_to_start_from(market: Market) -> None:
    make_order(market.merchant)
    sequence()
    event = encode("evt", OutboxEvent.objects.get(type="order.placed").pk)
    assert market.seller.get("events", {"after": event}).status_code == 200
    assert fields(market.stranger.get("events", {"after": event})) == {"/after": "invalid_after"}


def test_the_feed_takes_three_queries(market: Market, django_assert_num_queries: Any) -> None:
    for _ in range(10):
        make_order(market.merchant)
    sequence()
    market.seller.get("events")
    with django_assert_num_queries(3):
        assert len(market.seller.get("events").json()["data"]) == 10


# ── Merchants and usage ──────────────────────────────────────────────────────────────────────────
def test_a_key_reads_its_own_merchants(market: Market) -> None:
    (row,) = market.seller.get("merchants").json()["data"]
    assert (row["id"], row["name"]) == (encode("mer", market.merchant.pk), market.merchant.name)
    shown = market.seller.get(f"merchants/{row['id']}").json()
    assert shown["health"]["orders"] == 0
    assert problem(market.stranger.get(f"merchants/{row['id']}")) == (404, "not_found")
    assert len(market.operator.get("merchants").json()["data"]) == 2
    wrong = market.seller.get("merchants", {"filter[status]": "rich"})
    assert fields(wrong) == {"/filter[status]": "invalid_filter"}


def test_usage_tells_what_a_key_may_do_and_has_left(market: Market) -> None:
    partner = Partner(make_key(market.merchant, scopes=["orders:read"]))
    partner.get("usage")
    shown = partner.get("usage").json()
    assert (shown["scopes"], shown["audience"]) == (["orders:read"], "seller")
    assert shown["quota"]["calls"] == 600
    assert shown["quota"]["remaining"] in {598, 599}
