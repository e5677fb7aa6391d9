"""Ids: distinct, ordered by time, and spoken to the outside in a form that forgives no guess."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import NotFound
from core.ids import EPOCH_MS, RANDOM_BITS, decode, encode, first_id_at, moment_of, new_id, new_ids

LARGEST = 2**63 - 1
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
NOON_MS = int(NOON.timestamp() * 1000)


def test_ids_of_one_process_only_grow() -> None:
    ids = [new_id() for _ in range(20_000)]
    assert ids == sorted(set(ids))


def test_a_new_id_says_when_it_was_made() -> None:
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    made_at = moment_of(new_id())
    # An earlier burst of ids in this process may have run a little ahead of the clock.
    assert before <= made_at <= datetime.now(UTC) + timedelta(seconds=1)


def test_a_million_ids_of_a_few_milliseconds_are_distinct_and_stay_in_theirs() -> None:
    unix_ms = np.repeat(np.arange(NOON_MS, NOON_MS + 4), 250_000)
    ids = new_ids(unix_ms, seed=1)
    assert len(np.unique(ids)) == 1_000_000
    assert np.array_equal((ids >> RANDOM_BITS) + EPOCH_MS, unix_ms)


def test_the_same_seed_gives_the_same_ids() -> None:
    unix_ms = np.full(1_000, NOON_MS)
    assert np.array_equal(new_ids(unix_ms, seed=7), new_ids(unix_ms, seed=7))


def test_more_ids_than_a_millisecond_can_tell_apart_are_refused() -> None:
    with pytest.raises(ValueError, match="one millisecond"):
        new_ids(np.full(2**RANDOM_BITS, NOON_MS))


def test_no_ids_are_no_ids() -> None:
    assert len(new_ids(np.array([], dtype=np.int64))) == 0


@given(st.integers(0, LARGEST))
def test_what_is_encoded_decodes_to_the_same(id: int) -> None:
    text = encode("ord", id)
    assert decode("ord", text) == id
    assert len(text) == len("ord_") + 13


@given(st.integers(0, LARGEST), st.integers(0, LARGEST))
def test_public_forms_sort_like_the_ids(one: int, other: int) -> None:
    assert (encode("ord", one) < encode("ord", other)) == (one < other)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ord",
        "ord_",
        "mer_1hcymj6t34000",
        "ord_1hcymj6t3400",
        "ord_1hcymj6t340000",
        "ord_1hcymj6t3400u",
        "ord_1HCYMJ6T34000",
        "ord_1hcymj6t3400\n",
        "ord_١hcymj6t34000",
        "ord_zzzzzzzzzzzzz",
        "ord_8000000000000",
    ],
    ids=[
        "empty",
        "prefix",
        "no body",
        "other prefix",
        "short",
        "long",
        "letter u",
        "capitals",
        "newline",
        "arabic digit",
        "65 bits",
        "one too large",
    ],
)
def test_junk_is_not_found(text: str) -> None:
    with pytest.raises(NotFound):
        decode("ord", text)


@given(st.text(max_size=30))
def test_any_text_decodes_to_an_id_that_fits_a_column_or_is_not_found(text: str) -> None:
    with suppress(NotFound):
        assert 0 <= decode("ord", f"ord_{text}") <= LARGEST


def test_a_range_by_moment_begins_at_the_first_id_of_its_millisecond() -> None:
    first = first_id_at(NOON)
    assert moment_of(first) == NOON
    assert moment_of(first - 1) == NOON - timedelta(milliseconds=1)
    assert (new_ids(np.array([NOON_MS])) >= first).all()
