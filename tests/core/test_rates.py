"""Exchange rates: the one that was valid at the moment, or a sentence that there is none."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError

from core.errors import ValidationFailed
from core.models import ExchangeRate
from core.money import InvalidAmount
from core.rates import get_rate
from tests.make import NOON

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def add_rate(rate: str, *, valid_from: Any = NOON, currency: str = "USD") -> None:
    ExchangeRate.objects.create(currency=currency, rate=Decimal(rate), valid_from=valid_from)


def test_the_base_currency_is_worth_itself_without_a_query(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        assert get_rate("CNY", at=NOON) == 1


@pytest.mark.parametrize(
    ("at", "rate"),
    [(NOON, "7.1"), (NOON + DAY - timedelta(seconds=1), "7.1"), (NOON + DAY, "7.2"), (NOON + 9 * DAY, "7.2")],
    ids=["from its moment on", "until the next", "the next", "the last"],
)
def test_a_rate_is_valid_until_the_next_one(at: Any, rate: str) -> None:
    add_rate("7.1")
    add_rate("7.2", valid_from=NOON + DAY)
    add_rate("0.05", currency="JPY")
    assert get_rate("USD", at=at) == Decimal(rate)


def test_before_the_first_rate_there_is_none() -> None:
    add_rate("7.1")
    with pytest.raises(ValidationFailed) as caught:
        get_rate("USD", at=NOON - timedelta(seconds=1))
    (error,) = caught.value.errors
    assert (error.pointer, error.code) == ("/currency", "no_exchange_rate")
    assert "USD" in error.detail


def test_an_unknown_currency_has_its_own_code() -> None:
    with pytest.raises(InvalidAmount) as caught:
        get_rate("XXX", at=NOON)
    assert caught.value.code == "unknown_currency"


@pytest.mark.parametrize("rate", ["0", "-7"])
def test_the_database_refuses_a_rate_that_is_not_positive(rate: str) -> None:
    with pytest.raises(IntegrityError):
        add_rate(rate)
