"""Pure: fitting, ranking and measuring on small planted structures."""

import numpy as np
import numpy.typing as npt
import pytest

from recommendations.evaluation import hit_rates
from recommendations.interactions import Interactions, from_pairs
from recommendations.ranking import combine
from recommendations.recommenders import LIST_LENGTH
from recommendations.recommenders.neighbourhood import MAX_ITEMS_PER_BUYER, Neighbourhood
from recommendations.recommenders.popularity import Popularity


def _planted(*, groups: int = 12, group_size: int = 4, buyers: int = 600, seed: int = 7) -> Interactions:
    """Return purchases of buyers who each buy three listings of one group; group 0 is the favourite."""
    rng = np.random.default_rng(seed)
    weights = np.arange(groups, 0, -1) / np.arange(groups, 0, -1).sum()
    pairs = [
        (buyer, 1_000 + group * group_size + item)
        for buyer in range(buyers)
        for group in [rng.choice(groups, p=weights)]
        for item in rng.choice(group_size, 3, replace=False)
    ]
    return from_pairs(*(np.array(column, dtype=np.int64) for column in zip(*pairs, strict=True)))


def _all(interactions: Interactions) -> npt.NDArray[np.bool_]:
    return np.ones(interactions.n_items, dtype=np.bool_)


def test_neighbours_beat_popularity_where_buyers_have_a_taste() -> None:
    rates = hit_rates(_planted(), Neighbourhood(), Popularity())
    assert rates["buyers"] == 600
    assert rates["neighbourhood_hit_rate_10"] > 0.95
    assert rates["popularity_hit_rate_10"] < 0.5


def test_neighbours_of_a_listing_are_its_group() -> None:
    bought = _planted()
    similar = Neighbourhood().fit(bought, _all(bought)).similar
    for listing_id, ranked in similar.items():
        group = (listing_id - 1_000) // 4
        assert {(other - 1_000) // 4 for other, _ in ranked} == {group}
        assert listing_id not in dict(ranked)


def test_the_same_purchases_give_the_same_lists() -> None:
    bought = _planted()
    assert Neighbourhood().fit(bought, _all(bought)) == Neighbourhood().fit(bought, _all(bought))


def test_similarity_is_the_shrunk_cosine() -> None:
    bought = from_pairs(np.array([1, 1, 2, 2, 3]), np.array([10, 11, 10, 11, 10]))
    similar = Neighbourhood().fit(bought, _all(bought)).similar
    ((other, score),) = similar[11]
    assert other == 10
    assert score == pytest.approx(2 / (np.sqrt(2 * 3) + 10), abs=1e-6)


def test_only_candidates_are_recommended() -> None:
    bought = _planted()
    candidates = bought.listing_ids % 2 == 0
    learnt = Neighbourhood().fit(bought, candidates)
    shown = {other for ranked in learnt.similar.values() for other, _ in ranked} | dict(learnt.popular).keys()
    assert shown
    assert all(listing_id % 2 == 0 for listing_id in shown)


def test_blocks_do_not_change_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    bought = _planted()
    whole = Neighbourhood().fit(bought, _all(bought))
    monkeypatch.setattr("recommendations.recommenders.neighbourhood._BLOCK_ITEMS", 7)
    assert Neighbourhood().fit(bought, _all(bought)) == whole


def test_of_a_resellers_purchases_only_the_newest_count() -> None:
    many = MAX_ITEMS_PER_BUYER + 30
    bought = from_pairs(np.zeros(many, dtype=np.int64), np.arange(many, dtype=np.int64))
    similar = Neighbourhood().fit(bought, _all(bought)).similar
    assert set(similar) == set(range(30, many))
    assert all(len(ranked) == LIST_LENGTH for ranked in similar.values())


def test_no_purchases_teach_nothing() -> None:
    nothing = from_pairs(np.array([], dtype=np.int64), np.array([], dtype=np.int64))
    learnt = Neighbourhood().fit(nothing, _all(nothing))
    assert learnt.recommend([1, 2], limit=5) == []
    assert hit_rates(nothing, Neighbourhood()) == {}


def test_an_unknown_history_gets_what_is_popular() -> None:
    bought = _planted()
    learnt = Neighbourhood().fit(bought, _all(bought))
    assert learnt.recommend([99], limit=3) == list(learnt.popular[:3])


def test_what_was_bought_is_never_recommended() -> None:
    bought = _planted()
    learnt = Neighbourhood().fit(bought, _all(bought))
    history = [1_000, 1_001]
    shown = [listing_id for listing_id, _ in learnt.recommend(history, limit=40)]
    assert len(shown) == len(set(shown)) == 40
    assert not set(shown) & set(history)


def test_the_newest_purchase_weighs_most() -> None:
    assert combine([[(1, 0.5)], [(2, 0.5)]], exclude=set(), limit=2) == [(1, 0.5), (2, 0.4)]


def test_a_repeated_purchase_counts_once_and_where_it_was_last() -> None:
    bought = from_pairs(np.array([1, 1, 1]), np.array([10, 11, 10]))
    assert bought.listing_ids[bought.items].tolist() == [11, 10]
