"""Money: integers in, the same integers out, and nothing that is no amount."""

from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.money import EXPONENTS, MAX_AMOUNT_MINOR, InvalidAmount, Money, convert, exponent, to_minor, to_text

currencies = st.sampled_from(sorted(EXPONENTS))
amounts = st.integers(0, MAX_AMOUNT_MINOR)


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("0", "CNY", 0),
        ("0.00", "CNY", 0),
        ("12", "CNY", 1200),
        ("12.3", "CNY", 1230),
        ("12.34", "CNY", 1234),
        ("007.10", "EUR", 710),
        ("1200", "JPY", 1200),
        ("1.234", "KWD", 1234),
        ("10000000000.00", "USD", MAX_AMOUNT_MINOR),
    ],
)
def test_a_plain_decimal_text_is_an_amount(text: str, currency: str, minor: int) -> None:
    assert to_minor(text, currency) == minor


@pytest.mark.parametrize(
    ("text", "currency", "code"),
    [
        ("", "CNY", "invalid_amount"),
        ("-1", "CNY", "invalid_amount"),
        ("+1", "CNY", "invalid_amount"),
        ("1e3", "CNY", "invalid_amount"),
        ("1,000.00", "CNY", "invalid_amount"),
        (" 1", "CNY", "invalid_amount"),
        ("1.", "CNY", "invalid_amount"),
        (".5", "CNY", "invalid_amount"),
        ("1.2.3", "CNY", "invalid_amount"),
        ("NaN", "CNY", "invalid_amount"),
        ("١٢", "CNY", "invalid_amount"),
        ("²", "CNY", "invalid_amount"),
        ("9" * 21, "CNY", "invalid_amount"),
        ("1.234", "CNY", "too_many_decimals"),
        ("1.0", "JPY", "too_many_decimals"),
        ("10000000000.01", "USD", "amount_too_large"),
        ("1", "XXX", "unknown_currency"),
        ("1", "cny", "unknown_currency"),
    ],
)
def test_anything_else_is_refused_with_its_code(text: str, currency: str, code: str) -> None:
    with pytest.raises(InvalidAmount) as caught:
        to_minor(text, currency)
    assert (caught.value.code, caught.value.http_status) == (code, 422)


@given(amounts, currencies)
def test_an_amount_survives_being_written(minor: int, currency: str) -> None:
    assert to_minor(to_text(minor, currency), currency) == minor


@given(st.integers(-MAX_AMOUNT_MINOR, MAX_AMOUNT_MINOR), currencies)
def test_a_written_amount_is_plain_and_has_the_currencys_decimals(minor: int, currency: str) -> None:
    text = to_text(minor, currency)
    assert set(text) <= set("-.0123456789")
    assert len(text.partition(".")[2]) == exponent(currency)
    assert Decimal(text) * 10 ** exponent(currency) == minor


@given(st.text(max_size=25), currencies)
def test_any_text_is_an_amount_in_range_or_refused(text: str, currency: str) -> None:
    with suppress(InvalidAmount):
        assert 0 <= to_minor(text, currency) <= MAX_AMOUNT_MINOR


@pytest.mark.parametrize(
    ("minor", "currency", "base", "rate", "converted"),
    [
        (1_00, "USD", "CNY", "7.1", 7_10),
        (100, "JPY", "CNY", "0.05", 5_00),
        (1_000, "KWD", "CNY", "23", 23_00),
        (1_00, "CNY", "JPY", "20.4", 20),
        (1, "USD", "CNY", "0.5", 0),
        (3, "USD", "CNY", "0.5", 2),
        (0, "USD", "CNY", "7", 0),
    ],
    ids=["cents", "from yen", "from fils", "to yen", "half to even down", "half to even up", "nothing"],
)
def test_converting_moves_decimals_and_rounds_half_to_even(
    minor: int, currency: str, base: str, rate: str, converted: int
) -> None:
    assert convert(minor, currency, base, Decimal(rate)) == converted


@pytest.mark.parametrize("rate", ["NaN", "sNaN", "Infinity"])
def test_a_rate_that_is_no_number_is_refused(rate: str) -> None:
    with pytest.raises(InvalidAmount) as caught:
        convert(100, "USD", "CNY", Decimal(rate))
    assert caught.value.code == "invalid_rate"


@given(amounts, currencies)
def test_converting_at_one_changes_nothing(minor: int, currency: str) -> None:
    assert convert(minor, currency, currency, Decimal(1)) == minor


def test_money_is_written_with_its_currency() -> None:
    assert str(Money(1234, "CNY")) == "12.34 CNY"
