"""Claims under real concurrency. SQLite has one writer, so there is no race to lose there."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Barrier
from typing import TypeVar

import pytest
from django.conf import settings
from django.db import connection

from accounts.models import User
from cases import claims
from cases.models import ReviewCase
from core.errors import Conflict
from tests.cases.builders import NOON, make_case, make_reviewer

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.postgresql,
    pytest.mark.skipif(settings.IS_SQLITE, reason="needs DATABASE_URL on PostgreSQL"),
]
CLAIMERS = 8
T = TypeVar("T")


def _at_once(users: list[User], work: Callable[[User], T]) -> list[T]:
    """Run the work for every user in its own thread and connection, all starting together."""
    barrier = Barrier(len(users))

    def run(user: User) -> T:
        barrier.wait()
        try:
            return work(user)
        finally:
            connection.close()

    with ThreadPoolExecutor(len(users)) as pool:
        return list(pool.map(run, users))


def _claimers() -> list[User]:
    return [make_reviewer(f"r{number}@example.com") for number in range(CLAIMERS)]


def _claim_until_empty(user: User, at: datetime = NOON) -> list[ReviewCase]:
    claimed = []
    while case := claims.claim_next(user, at=at):
        claimed.append(case)
    return claimed


def test_eight_claimers_take_each_of_a_hundred_cases_once_and_in_order() -> None:
    ids = {make_case(value_minor=1_000 * number).pk for number in range(100)}
    taken = _at_once(_claimers(), _claim_until_empty)
    together = [case.pk for claimed in taken for case in claimed]
    assert len(together) == 100
    assert set(together) == ids
    for claimed in taken:
        keys = [case.sort_key for case in claimed]
        assert keys == sorted(keys)
    tokens = set(ReviewCase.objects.values_list("claim_token", flat=True))
    assert tokens == {1}


def test_of_racers_for_one_case_exactly_one_wins() -> None:
    case = make_case()

    def claim(user: User) -> object:
        try:
            return claims.claim_case(case, user, at=NOON)
        except Conflict as refusal:
            return refusal.code

    results = _at_once(_claimers(), claim)
    assert results.count("already_claimed") == CLAIMERS - 1
    assert ReviewCase.objects.get(pk=case.pk).claim_token == 1


def test_racers_for_expired_leases_share_them_without_doubles() -> None:
    gone = make_reviewer("gone@example.com")
    ids = {claims.claim_case(make_case(), gone, at=NOON).pk for _ in range(30)}
    later = NOON + claims.LEASE + timedelta(seconds=1)
    taken = _at_once(_claimers(), lambda user: _claim_until_empty(user, later))
    # A claimer may stop while others still hold the last expired ones locked; those are free afterwards.
    taken.append(_claim_until_empty(make_reviewer("rest@example.com"), later))
    together = [case.pk for claimed in taken for case in claimed]
    assert len(together) == len(set(together))
    assert set(together) == ids
