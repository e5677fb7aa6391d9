"""Reads that may only take so long."""

import pytest
from django.db import OperationalError, connection, transaction

from core.limits import TookTooLong, at_most

pytestmark = pytest.mark.django_db

COUNT = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %s) SELECT count(*) FROM n"


def count_to(number: int) -> int:
    with connection.cursor() as cursor:
        cursor.execute(COUNT, [number])
        return int(cursor.fetchone()[0])


def count_within(milliseconds: int, number: int) -> int:
    with transaction.atomic(), at_most(milliseconds):
        return count_to(number)


def test_a_read_within_its_limit_answers() -> None:
    assert count_within(10_000, 100) == 100


def test_a_read_beyond_its_limit_is_given_up_and_the_transaction_goes_on() -> None:
    with pytest.raises(TookTooLong):
        count_within(20, 100_000_000)
    assert count_to(3) == 3


def test_the_limit_ends_with_its_block() -> None:
    with transaction.atomic():
        with at_most(20):
            count_to(3)
        assert count_to(200_000) == 200_000  # more than the limit allowed


def test_another_failure_stays_what_it_is() -> None:
    with pytest.raises(OperationalError, match="full"), transaction.atomic(), at_most(20):
        raise OperationalError("the disk is full")
