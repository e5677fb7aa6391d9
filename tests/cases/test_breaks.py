"""Being off, and when a break is suggested."""

from datetime import timedelta
from typing import Any

import pytest

from accounts.models import User
from cases.breaks import (
    CHOICES,
    PAUSE,
    close_reminder,
    come_back,
    find_reviewer,
    go_off,
    minutes_to_break,
    set_break_minutes,
)
from cases.claims import claim_case, claim_next
from cases.models import CaseStatus, ReviewCase, Verdict
from core.errors import Conflict, PermissionDenied, ValidationFailed
from core.ids import first_id_at
from core.models import AuditEntry, TransitionRecord
from tests.cases.builders import NOON, make_case, make_reviewer

pytestmark = pytest.mark.django_db


def judge(user: User, *minutes: int) -> None:
    """Write verdicts so many minutes before noon, with ids of their moments."""
    for number, ago in enumerate(minutes):
        at = NOON - timedelta(minutes=ago)
        Verdict.objects.create(
            id=first_id_at(at) + 1_000 * number + user.pk % 1_000,
            case=make_case(),
            kind="approve",
            reviewer=user,
            claim_token=1,
            evidence_version=1,
            effective_at=at,
            created_at=at,
        )


class TestBeingOff:
    def test_held_cases_return_and_next_gives_nothing(self) -> None:
        user, other = make_reviewer(), make_reviewer("sam@example.com")
        mine = claim_next(make_and_return(user), at=NOON)
        assert mine is not None
        theirs = claim_case(make_case(), other, at=NOON)
        assert go_off(user, at=NOON) == 1
        mine.refresh_from_db()
        theirs.refresh_from_db()
        assert (mine.status, mine.claimed_by) == (CaseStatus.QUEUED, None)
        assert theirs.status == CaseStatus.CLAIMED
        release = TransitionRecord.objects.get(subject_id=mine.pk, action="release")
        assert release.actor_id == str(user.pk)
        assert AuditEntry.objects.get(action="reviewer.went_off").detail == {"returned": 1}
        for claim in (lambda: claim_next(user, at=NOON), lambda: claim_case(mine, user, at=NOON)):
            with pytest.raises(Conflict) as refusal:
                claim()
            assert refusal.value.code == "off"
        assert ReviewCase.objects.filter(claimed_by=user).count() == 0
        assert claim_next(other, at=NOON) == mine

    def test_whoever_is_back_is_given_cases(self) -> None:
        user = make_reviewer()
        make_case()
        go_off(user, at=NOON)
        come_back(user, at=NOON + timedelta(minutes=20))
        assert claim_next(user, at=NOON + timedelta(minutes=20)) is not None

    def test_only_reviewers_go_off(self) -> None:
        with pytest.raises(PermissionDenied):
            go_off(User.objects.create_user("x@example.com"), at=NOON)


class TestReminder:
    @pytest.mark.parametrize(
        ("minutes", "expected"),
        [
            ((), None),
            (tuple(range(1, 59, 3)), None),  # 58 minutes
            (tuple(range(1, 64, 3)), 61),
            ((1, 4, 7, 18, 27, 36, 45, 54, 63), None),  # eleven minutes between 7 and 18 are a pause
            ((1, 10, 19, 28, 37, 46, 55, 64), 64),
            ((11, 14, 80), None),  # away for eleven minutes
        ],
        ids=["idle", "not_yet", "due", "paused", "slow_but_steady", "away"],
    )
    def test_it_is_due_after_an_hour_of_verdicts_without_a_pause(
        self, minutes: tuple[int, ...], expected: int | None
    ) -> None:
        user = make_reviewer()
        judge(user, *minutes)
        judge(make_reviewer("sam@example.com"), *range(1, 200, 2))
        assert timedelta(minutes=10) == PAUSE
        assert minutes_to_break(user, at=NOON) == expected

    def test_closed_it_stays_away_for_as_much_work_again(self) -> None:
        user = make_reviewer()
        judge(user, *range(1, 150, 4))
        assert minutes_to_break(user, at=NOON) == 149
        close_reminder(user, at=NOON - timedelta(minutes=59))
        assert minutes_to_break(user, at=NOON) is None
        close_reminder(user, at=NOON - timedelta(minutes=60))
        assert minutes_to_break(user, at=NOON) == 149

    def test_the_period_is_ones_own_and_may_be_never(self) -> None:
        user = make_reviewer()
        judge(user, *range(1, 200, 4))
        set_break_minutes(user, 0)
        assert minutes_to_break(user, at=NOON) is None
        set_break_minutes(user, 25)
        assert minutes_to_break(user, at=NOON) is not None
        with pytest.raises(ValidationFailed):
            set_break_minutes(user, 7)
        assert find_reviewer(user).break_minutes in CHOICES


def make_and_return(user: Any) -> Any:
    make_case()
    return user
