"""Fingerprints match what is equal, tell nothing about it, and fit a signed 64-bit column."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.fingerprints import fingerprint, fingerprint_or_none, fingerprints


def test_the_same_value_has_the_same_fingerprint() -> None:
    assert fingerprint("card", "4111") == fingerprint("card", "4111")


def test_equal_texts_of_different_kinds_differ() -> None:
    assert fingerprint("card", "1") != fingerprint("device", "1")


def test_the_key_decides_the_fingerprint(settings: pytest.FixtureRequest) -> None:
    before = fingerprint("card", "4111")
    settings.FINGERPRINT_KEY = b"another key of thirty-two bytes!"  # type: ignore[attr-defined]
    assert fingerprint("card", "4111") != before


@pytest.mark.parametrize("value", [None, ""])
def test_what_was_not_supplied_has_none(value: str | None) -> None:
    assert fingerprint_or_none("card", value) is None


@given(st.text(min_size=1))
def test_a_fingerprint_fits_its_column(value: str) -> None:
    found = fingerprint_or_none("email", value)
    assert found is not None
    assert -(2**63) <= found < 2**63


def test_many_are_fingerprinted_in_order() -> None:
    assert fingerprints("ip", ["a", "b", "a"]) == [fingerprint("ip", value) for value in ("a", "b", "a")]


def test_a_hundred_thousand_different_values_do_not_collide() -> None:
    assert len(set(fingerprints("buyer", [str(number) for number in range(100_000)]))) == 100_000
