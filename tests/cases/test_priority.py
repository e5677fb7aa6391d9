"""The order of work."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from cases.priority import LONGEST_OVERTAKING, sort_key
from core.money import MAX_AMOUNT_MINOR

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
_moments = st.integers(0, 10**7).map(lambda seconds: NOON + timedelta(seconds=seconds))
_values = st.integers(0, MAX_AMOUNT_MINOR)


def test_of_equal_value_the_earlier_due_comes_first() -> None:
    assert sort_key(NOON, 500) < sort_key(NOON + timedelta(seconds=1), 500)


def test_of_equal_due_time_the_dearer_comes_first() -> None:
    assert sort_key(NOON, 100_000) < sort_key(NOON, 99_999)


def test_a_dear_case_passes_a_slightly_older_cheap_one() -> None:
    assert sort_key(NOON + timedelta(hours=2), 5_000_000) < sort_key(NOON, 1_000)


@given(_moments, _values, _values)
def test_nothing_is_overtaken_by_a_case_due_after_the_bound(
    due_at: datetime, value: int, other_value: int
) -> None:
    late = due_at + LONGEST_OVERTAKING + timedelta(seconds=1)
    assert sort_key(due_at, value) < sort_key(late, other_value)


@given(_moments, _values)
def test_value_moves_a_case_forward_never_back(due_at: datetime, value: int) -> None:
    assert sort_key(due_at, value) <= sort_key(due_at, 0)


def test_an_absurd_value_counts_as_the_largest_one() -> None:
    assert sort_key(NOON, 10**30) == sort_key(NOON, MAX_AMOUNT_MINOR)


def test_the_bound_is_under_fourteen_hours() -> None:
    assert timedelta(hours=13) < LONGEST_OVERTAKING < timedelta(hours=14)
