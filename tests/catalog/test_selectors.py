"""Merchants find their own listings in the right tabs, in a bounded number of queries."""

from collections.abc import Callable
from typing import Any

import pytest

from catalog import selectors, services
from catalog.selectors import Tab
from core.actors import SYSTEM
from core.errors import NotFound
from tests.make import NOON, make_listing, make_merchant, make_revision

pytestmark = pytest.mark.django_db


def test_stranger_finds_nothing() -> None:
    revision = make_revision()
    mine = {make_merchant().pk}
    for look_up in (
        lambda: selectors.get_listing(mine, revision.listing_id),
        lambda: selectors.get_revision(mine, revision.pk),
    ):
        with pytest.raises(NotFound):
            look_up()
    assert selectors.list_listings(mine).listings == []
    assert selectors.get_listing(None, revision.listing_id) == revision.listing


def test_tabs_and_their_counts() -> None:
    merchant = make_merchant()
    live, paused, archived = (make_listing(merchant) for _ in range(3))
    services.pause_listing(paused, actor=SYSTEM)
    services.archive_listing(archived, open_orders=0, actor=SYSTEM)
    draft, waiting, sent_back, refused = (make_revision(merchant, submitted=n > 0) for n in range(4))
    for revision in (sent_back, refused):
        services.begin_screening(revision)
    services.request_changes(sent_back, actor=SYSTEM, at=NOON, reason_codes=["banned_term"])
    services.reject_revision(refused, actor=SYSTEM, at=NOON, reason_codes=["prohibited_goods"])
    expected = {
        Tab.LIVE: {live.pk},
        Tab.PAUSED: {paused.pk},
        Tab.DRAFT: {draft.listing_id},
        Tab.REVIEW: {waiting.listing_id},
        Tab.ACTION: {sent_back.listing_id, refused.listing_id},
    }
    scope = {merchant.pk}
    for tab, listing_ids in expected.items():
        assert {one.pk for one in selectors.list_listings(scope, tab=tab).listings} == listing_ids, tab
    counts = selectors.count_by_tab(scope)
    assert counts == {**{tab: len(ids) for tab, ids in expected.items()}, Tab.ALL: 7}


def test_search_finds_sku_and_title() -> None:
    merchant = make_merchant()
    make_revision(merchant, sku="MUG-1", title="White mug")
    tea = make_revision(merchant, sku="T-1", title="绿茶 250克")
    scope = {merchant.pk}
    assert [one.sku for one in selectors.list_listings(scope, search="mug").listings] == ["MUG-1"]
    assert [one.pk for one in selectors.list_listings(scope, search="绿茶").listings] == [tea.listing_id]
    assert selectors.count_by_tab(scope, search="mug")[Tab.ALL] == 1


def test_pages_follow_each_other_without_gap_or_repeat() -> None:
    merchant = make_merchant()
    all_of_them = [make_revision(merchant).listing_id for _ in range(5)]
    seen: list[int] = []
    after = None
    while True:
        page = selectors.list_listings({merchant.pk}, after=after, limit=2)
        seen += [one.pk for one in page.listings]
        after = page.next_after
        if after is None:
            break
    newest_first = sorted(all_of_them, reverse=True)
    assert seen == newest_first
    last = selectors.list_listings({merchant.pk}, after=newest_first[3], limit=2)
    middle = selectors.list_listings({merchant.pk}, before=last.previous_before, limit=2)
    assert [one.pk for one in middle.listings] == newest_first[2:4]
    first = selectors.list_listings({merchant.pk}, before=middle.previous_before, limit=2)
    assert ([one.pk for one in first.listings], first.previous_before) == (newest_first[:2], None)
    assert first.next_after == newest_first[1]


def test_a_page_takes_two_queries(django_assert_num_queries: Callable[[int], Any]) -> None:
    merchant = make_merchant()
    for _ in range(6):
        make_listing(merchant)
    with django_assert_num_queries(2):
        page = selectors.list_listings({merchant.pk})
        assert [(one.live_revision.category.name, one.newest_first[0].title) for one in page.listings]  # type: ignore[union-attr, attr-defined]
    with django_assert_num_queries(1):
        selectors.count_by_tab({merchant.pk})
