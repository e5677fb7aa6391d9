"""From orders to stored lists to what is shown, on the database."""

from datetime import datetime, timedelta

import pytest
from pytest_django.fixtures import DjangoAssertNumQueries

from catalog.models import Listing
from catalog.services import pause_listing
from core.actors import SYSTEM
from orders.models import Order, OrderStatus
from orders.placing import NewLine, Signals
from recommendations.interactions import read_interactions
from recommendations.models import ItemNeighbours, RecommendationRun
from recommendations.selectors import Source, find_live_run, recommend_for_buyer, recommend_for_listing
from recommendations.services import refresh
from tests.make import NOON, make_listing, make_merchant, make_order, state_reasons

pytestmark = pytest.mark.django_db
NOW = NOON + timedelta(days=1)


def _buy(buyer: str, *listings: Listing, at: datetime = NOON) -> list[Order]:
    """Place one order per listing, because an order has one merchant."""
    return [
        make_order(
            listing.merchant,
            at=at + timedelta(minutes=number),
            lines=(NewLine("x", 1, 1_000, listing.sku),),
            signals=Signals(buyer=buyer),
        )
        for number, listing in enumerate(listings)
    ]


def _shelf(count: int) -> list[Listing]:
    merchant = make_merchant()
    return [make_listing(merchant) for _ in range(count)]


def test_buyers_of_a_listing_lead_to_what_they_also_bought() -> None:
    tea, pot, lamp = _shelf(3)
    for number in range(3):
        _buy(f"b{number}", tea, pot)
    for number in range(5):
        _buy(f"c{number}", lamp)
    refresh(as_of=NOW)
    found = recommend_for_listing(tea.pk)
    assert [(one.listing, one.source) for one in found] == [
        (pot, Source.BOUGHT_TOGETHER),
        (lamp, Source.POPULAR),
    ]


def test_a_buyer_is_shown_neighbours_but_nothing_already_bought() -> None:
    tea, pot, lamp, mat = _shelf(4)
    for number in range(3):
        _buy(f"b{number}", tea, pot, mat)
    _buy("ann", tea, pot)
    _buy("bob", lamp)
    refresh(as_of=NOW)
    assert [one.listing for one in recommend_for_buyer("ann")] == [mat, lamp]


def test_a_sellers_answer_rests_only_on_its_own_orders() -> None:
    tea, lamp = _shelf(2)
    (other,) = _shelf(1)
    for number in range(3):
        _buy(f"b{number}", other, lamp)
    _buy("ann", other)
    refresh(as_of=NOW)
    assert recommend_for_buyer("ann")[0].source is Source.BOUGHT_TOGETHER
    own = recommend_for_buyer("ann", merchant_ids={tea.merchant_id})
    assert {one.source for one in own} == {Source.POPULAR}


def test_an_unknown_buyer_or_listing_gets_what_is_popular() -> None:
    tea, pot = _shelf(2)
    _buy("ann", tea)
    _buy("bob", tea, pot)
    refresh(as_of=NOW)
    popular = [(tea, Source.POPULAR), (pot, Source.POPULAR)]
    assert [(one.listing, one.source) for one in recommend_for_buyer("nobody")] == popular
    assert [(one.listing, one.source) for one in recommend_for_listing(12345)] == popular


def test_nothing_is_recommended_before_the_first_run_or_without_orders() -> None:
    (tea,) = _shelf(1)
    assert recommend_for_listing(tea.pk) == []
    run = refresh(as_of=NOW)
    assert (run.interactions, run.items, run.metrics) == (0, 0, {})
    assert recommend_for_buyer("ann") == []


def test_a_paused_sold_out_or_suspended_listing_disappears_at_once() -> None:
    tea, paused, sold_out = _shelf(3)
    (suspended,) = _shelf(1)
    _buy("ann", tea, paused, sold_out, suspended)
    refresh(as_of=NOW)
    assert len(recommend_for_listing(tea.pk)) == 3
    pause_listing(paused, actor=SYSTEM)
    Listing.objects.filter(pk=sold_out.pk).update(stock=0)
    suspended.merchant.status = "suspended"
    state_reasons(suspended.merchant)
    suspended.merchant.save()
    assert recommend_for_listing(tea.pk) == []


def test_a_paused_listing_is_not_stored_as_a_neighbour() -> None:
    tea, paused = _shelf(2)
    _buy("ann", tea, paused)
    pause_listing(paused, actor=SYSTEM)
    refresh(as_of=NOW)
    stored = [id for ranked in ItemNeighbours.objects.values_list("ranked", flat=True) for id, _ in ranked]
    assert stored
    assert paused.pk not in stored


def test_declined_held_late_and_old_orders_do_not_count() -> None:
    tea, pot = _shelf(2)
    declined, held = _buy("ann", tea, pot)
    # Imported, as far as the database knows: it asks nobody for the reasons of another system.
    Order.objects.filter(pk=declined.pk).update(status=OrderStatus.DECLINED, import_batch_id=1)
    Order.objects.filter(pk=held.pk).update(hold_kind="risk", import_batch_id=1)
    _buy("bob", tea, at=NOW)
    _buy("eve", tea, at=NOW - timedelta(days=181))
    assert refresh(as_of=NOW).interactions == 0


def test_the_newest_lines_are_read_when_there_are_too_many() -> None:
    tea, pot, lamp = _shelf(3)
    _buy("ann", tea, pot, lamp)
    read = read_interactions(as_of=NOW, max_rows=2)
    assert read.listing_ids[read.items].tolist() == [pot.pk, lamp.pk]


def test_refreshing_again_as_of_the_same_moment_changes_nothing() -> None:
    _buy("ann", *_shelf(2))
    first = refresh(as_of=NOW)
    again = refresh(as_of=NOW)
    assert again == first
    assert refresh(as_of=NOW - timedelta(hours=1)) == first
    assert RecommendationRun.objects.count() == 1


def test_the_replaced_run_goes_with_the_next_refresh() -> None:
    _buy("ann", *_shelf(2))
    runs = [refresh(as_of=NOW + timedelta(hours=hour)) for hour in range(3)]
    assert find_live_run() == runs[2]
    assert set(RecommendationRun.objects.all()) == {runs[1], runs[2]}
    assert not ItemNeighbours.objects.filter(run_id=runs[0].pk).exists()


def test_a_refresh_that_fails_leaves_the_old_lists_live(monkeypatch: pytest.MonkeyPatch) -> None:
    tea, pot = _shelf(2)
    _buy("ann", tea, pot)
    first = refresh(as_of=NOW)

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("recommendations.services.audit.record", fail)
    with pytest.raises(RuntimeError):
        refresh(as_of=NOW + timedelta(hours=1))
    assert find_live_run() == first
    assert RecommendationRun.objects.count() == 1
    assert recommend_for_listing(tea.pk)[0].listing == pot


def test_a_run_keeps_its_hit_rate_beside_popularity() -> None:
    tea, pot, lamp = _shelf(3)
    for number in range(4):
        _buy(f"b{number}", tea, pot)
        _buy(f"c{number}", lamp)
    metrics = refresh(as_of=NOW).metrics
    assert metrics["buyers"] == 4
    assert {"neighbourhood_hit_rate_10", "popularity_hit_rate_10"} < metrics.keys()


def test_reading_takes_two_queries_for_a_listing_and_three_for_a_buyer(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    shelf = _shelf(6)
    for number in range(4):
        _buy(f"b{number}", *shelf[number:])
    refresh(as_of=NOW)
    with django_assert_num_queries(2):
        found = recommend_for_listing(shelf[0].pk)
        revision = found[0].listing.live_revision
        assert revision is not None
        assert revision.category.code == "tea"
    with django_assert_num_queries(3):
        assert [one.listing for one in recommend_for_buyer("b1")] == [shelf[0]]
