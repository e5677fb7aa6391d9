"""Pools and ids that the sample is drawn from."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulation.world import SECOND, Ints, Pool, chance, opaque


def make_pool(*members: tuple[int, int, float]) -> Pool:
    """Build a pool of (group, second of arrival, weight)."""
    group, second, weight = (np.array(column) for column in zip(*members, strict=True))
    return Pool.build(group=group, since=second * SECOND, weight=weight, groups=int(group.max()) + 2)


def draw(pool: Pool, *, group: int, second: int, n: int = 500) -> Ints:
    return pool.draw(np.random.default_rng(1), np.full(n, group), np.full(n, second * SECOND))


def test_nobody_is_drawn_before_arrival() -> None:
    pool = make_pool((0, 10, 1.0), (0, 20, 1.0), (0, 30, 1.0), (1, 10, 1.0))
    assert set(draw(pool, group=0, second=19)) == {0}
    assert set(draw(pool, group=0, second=20)) == {0, 1}
    assert set(draw(pool, group=0, second=99)) == {0, 1, 2}
    assert set(draw(pool, group=1, second=99)) == {3}


def test_members_without_weight_are_never_drawn() -> None:
    assert set(draw(make_pool((0, 1, 0.0), (0, 1, 2.0)), group=0, second=5)) == {1}


def test_draws_follow_the_weights() -> None:
    drawn = draw(make_pool((0, 1, 1.0), (0, 2, 3.0)), group=0, second=5, n=20_000)
    assert (drawn == 1).mean() == pytest.approx(0.75, abs=0.02)


def test_a_group_before_its_time_gives_its_oldest_member() -> None:
    assert set(draw(make_pool((0, 20, 1.0), (0, 10, 1.0)), group=0, second=5)) == {1}


def test_latest_is_who_arrived_last() -> None:
    pool = make_pool((0, 10, 1.0), (0, 30, 1.0), (0, 20, 1.0))
    assert pool.latest(np.zeros(3, dtype=np.int64), np.array([15, 25, 99]) * SECOND).tolist() == [0, 2, 1]


@given(st.lists(st.integers(0, 2**36 - 1), unique=True, min_size=1), st.integers(0, 7))
def test_scrambled_ids_stay_apart(ids: list[int], salt: int) -> None:
    scrambled = opaque(np.array(ids), salt)
    assert len(set(scrambled.tolist())) == len(ids)
    assert scrambled.min() >= 0
    assert scrambled.max() < 2**36


def test_a_missing_id_stays_missing() -> None:
    assert opaque(np.array([-1, 5]), 3)[0] == -1


def test_lasting_habits_are_even_and_fixed() -> None:
    ids = np.arange(20_000)
    drawn = chance(ids, 4)
    assert np.histogram(drawn, bins=10, range=(0, 1))[0] == pytest.approx(np.full(10, 2_000), abs=200)
    assert (chance(ids[::-1], 4)[::-1] == drawn).all()
    assert abs(np.corrcoef(drawn, chance(ids, 5))[0, 1]) < 0.03
