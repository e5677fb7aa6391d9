"""One reviewer at a time, for as long as the lease lasts."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.models import Role
from cases import claims
from cases.models import CaseStatus, ReviewCase
from core.errors import Conflict, InvalidTransition, PermissionDenied
from core.models import TransitionRecord
from merchants.models import MemberRole, Membership, Merchant
from tests.cases.builders import NOON, make_case, make_queue, make_reviewer

pytestmark = pytest.mark.django_db
AFTER_LEASE = NOON + claims.LEASE


def test_next_gives_the_first_in_order_of_work() -> None:
    make_case(value_minor=100)
    dear = make_case(value_minor=1_000_000)
    claimed = claims.claim_next(make_reviewer(), at=NOON)
    assert claimed == dear
    assert claimed.status == CaseStatus.CLAIMED
    assert claimed.claim_token == 1
    assert claimed.claim_expires_at == NOON + timedelta(minutes=15)


def test_next_on_an_empty_queue_gives_nothing() -> None:
    assert claims.claim_next(make_reviewer(), at=NOON) is None


def test_next_never_gives_what_another_reviewer_holds() -> None:
    only = make_case()
    assert claims.claim_next(make_reviewer("a@example.com"), at=NOON) == only
    assert claims.claim_next(make_reviewer("b@example.com"), at=NOON) is None


def test_next_stays_in_the_queue_that_was_asked_for() -> None:
    make_case(value_minor=10**6)
    listings = make_queue("listings", subject="listing")
    wanted = make_case(queue=listings)
    assert claims.claim_next(make_reviewer(), at=NOON, queue=listings) == wanted


def test_next_after_a_case_skips_it_and_wraps_around() -> None:
    first, second = make_case(value_minor=200), make_case(value_minor=100)
    user = make_reviewer()
    assert claims.claim_next(user, at=NOON, after=first) == second
    assert claims.claim_next(user, at=NOON, after=second) == first


def test_next_after_the_only_case_gives_nothing() -> None:
    only = make_case()
    assert claims.claim_next(make_reviewer(), at=NOON, after=only) is None


def test_each_claim_has_a_larger_token() -> None:
    case, user = make_case(), make_reviewer()
    for expected in (1, 2, 3):
        claimed = claims.claim_case(case, user, at=NOON)
        assert claimed.claim_token == expected
        claims.release_claim(claimed, user, token=expected, at=NOON)


def test_claiming_again_prolongs_the_same_claim() -> None:
    case, user = make_case(), make_reviewer()
    claims.claim_case(case, user, at=NOON)
    again = claims.claim_case(case, user, at=NOON + timedelta(minutes=10))
    assert again.claim_token == 1
    assert again.claim_expires_at == NOON + timedelta(minutes=25)


def test_second_claim_loses() -> None:
    case = make_case()
    claims.claim_case(case, make_reviewer("a@example.com"), at=NOON)
    with pytest.raises(Conflict) as refusal:
        claims.claim_case(case, make_reviewer("b@example.com"), at=NOON)
    assert refusal.value.code == "already_claimed"


@pytest.mark.parametrize("by_next", [True, False], ids=["next", "this case"])
def test_expired_lease_is_claimable_by_others(by_next: bool) -> None:
    case = make_case()
    claims.claim_case(case, make_reviewer("a@example.com"), at=NOON)
    other = make_reviewer("b@example.com")
    if by_next:
        claimed = claims.claim_next(other, at=AFTER_LEASE)
    else:
        claimed = claims.claim_case(case, other, at=AFTER_LEASE)
    assert claimed == case
    assert (claimed.claimed_by, claimed.claim_token) == (other, 2)
    assert list(TransitionRecord.objects.order_by("id").values_list("action", flat=True)) == [
        "claim",
        "release",
        "claim",
    ]


def test_lease_holds_until_its_last_second() -> None:
    case = make_case()
    claims.claim_case(case, make_reviewer("a@example.com"), at=NOON)
    assert claims.claim_next(make_reviewer("b@example.com"), at=AFTER_LEASE - timedelta(seconds=1)) is None


def test_periodic_release_puts_only_expired_claims_back() -> None:
    expired, running, user = make_case(), make_case(), make_reviewer()
    claims.claim_case(expired, user, at=NOON)
    claims.claim_case(running, user, at=NOON + timedelta(minutes=5))
    assert claims.release_expired(at=AFTER_LEASE) == 1
    assert ReviewCase.objects.get(pk=expired.pk).status == CaseStatus.QUEUED
    assert ReviewCase.objects.get(pk=running.pk).status == CaseStatus.CLAIMED


def test_heartbeat_prolongs_a_running_claim() -> None:
    case, user = make_case(), make_reviewer()
    claims.claim_case(case, user, at=NOON)
    later = NOON + timedelta(minutes=14)
    assert claims.extend_claim(case, user, token=1, at=later) == later + claims.LEASE


@pytest.mark.parametrize(
    ("token", "after", "code"),
    [(0, timedelta(0), "stale_claim"), (2, timedelta(0), "stale_claim"), (1, claims.LEASE, "claim_expired")],
    ids=["older token", "token never given", "too late"],
)
def test_heartbeat_under_a_lost_claim_is_refused(token: int, after: timedelta, code: str) -> None:
    case, user = make_case(), make_reviewer()
    claims.claim_case(case, user, at=NOON)
    with pytest.raises(Conflict) as refusal:
        claims.extend_claim(case, user, token=token, at=NOON + after)
    assert refusal.value.code == code


def test_nobody_releases_the_claim_of_another() -> None:
    case = make_case()
    claims.claim_case(case, make_reviewer("a@example.com"), at=NOON)
    with pytest.raises(Conflict):
        claims.release_claim(case, make_reviewer("b@example.com"), token=1, at=NOON)


def test_released_case_keeps_its_place() -> None:
    case, user = make_case(), make_reviewer()
    claims.claim_case(case, user, at=NOON)
    claims.release_claim(case, user, token=1, at=NOON)
    fresh = ReviewCase.objects.get(pk=case.pk)
    assert (fresh.status, fresh.claimed_by, fresh.sort_key) == (CaseStatus.QUEUED, None, case.sort_key)


def test_closed_case_cannot_be_claimed() -> None:
    case = make_case()
    ReviewCase.objects.filter(pk=case.pk).update(status=CaseStatus.RESOLVED)
    with pytest.raises(InvalidTransition):
        claims.claim_case(case, make_reviewer(), at=NOON)


def test_senior_queue_is_closed_to_reviewers_and_open_to_seniors() -> None:
    case = make_case(queue=make_queue("orders_senior", senior=True))
    reviewer = make_reviewer()
    assert claims.claim_next(reviewer, at=NOON) is None
    with pytest.raises(PermissionDenied):
        claims.claim_case(case, reviewer, at=NOON)
    senior = make_reviewer("senior@example.com", role=Role.SENIOR_REVIEWER)
    assert claims.claim_next(senior, at=NOON) == case


def test_member_of_the_merchant_never_gets_its_case() -> None:
    merchant = Merchant.objects.create(name="Shop", joined_at=NOON)
    case = make_case(merchant_id=merchant.pk)
    member = make_reviewer()
    Membership.objects.create(user=member, merchant=merchant, role=MemberRole.OWNER)
    assert claims.claim_next(member, at=NOON) is None
    with pytest.raises(PermissionDenied) as refusal:
        claims.claim_case(case, member, at=NOON)
    assert refusal.value.code == "own_merchant"


@pytest.mark.parametrize("role", [Role.RISK_ANALYST, Role.OPERATIONS])
def test_other_roles_claim_nothing(role: str) -> None:
    make_case()
    with pytest.raises(PermissionDenied):
        claims.claim_next(make_reviewer(role=role), at=NOON)


def test_claiming_next_costs_the_same_for_any_backlog(django_assert_max_num_queries) -> None:
    user = make_reviewer()
    for value in range(50):
        make_case(value_minor=value)
    with django_assert_max_num_queries(8):  # role, savepoint ×2, leases, case, move, journal
        claims.claim_next(user, at=NOON)


def test_a_case_has_a_lease_exactly_while_it_is_claimed() -> None:
    make_case()
    claimed = claims.claim_next(make_reviewer(), at=NOON)
    assert claimed is not None
    row = ReviewCase.objects.filter(pk=claimed.pk)
    for change in ({"claim_expires_at": None}, {"claimed_by": None}, {"status": CaseStatus.QUEUED}):
        with pytest.raises(IntegrityError, match="lease_exactly_while_claimed"), transaction.atomic():
            row.update(**change)


def test_what_has_run_out_is_looked_for_without_a_walk_through_what_is_claimed() -> None:
    """PostgreSQL's figures are those of before a wave of claims, and know of none that are claimed."""
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no figures that grow old")
    case, reviewer = make_case(), make_reviewer()
    names = [field.get_attname() for field in ReviewCase._meta.fields]
    copied = [name for name in names if name not in ("id", "subject_id")]
    columns = ", ".join(copied)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO cases_reviewcase (id, subject_id, {columns})"
            f" SELECT id + n, subject_id + n, {columns} FROM cases_reviewcase, generate_series(1, 5000) AS n"
        )
        cursor.execute("ANALYZE cases_reviewcase")
    ReviewCase.objects.exclude(pk=case.pk).update(
        status=CaseStatus.CLAIMED, claimed_by=reviewer, claim_expires_at=AFTER_LEASE
    )
    with CaptureQueriesContext(connection) as queries:
        assert not claims._has_expired_leases(NOON)
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {queries[0]['sql']}")
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "case_lease" in plan
