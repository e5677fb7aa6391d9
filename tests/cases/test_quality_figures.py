"""What second looks say: overturned decisions, agreement, and what a label weighs for it."""

from datetime import timedelta

import numpy as np
import pytest

from accounts.models import Role, User
from cases.claims import claim_case
from cases.models import Queue, ReviewCase
from cases.quality.adjudicating import adjudicate
from cases.quality.figures import (
    get_own_figures,
    list_overturned_reviewers,
    list_queue_agreement,
    list_reason_agreement,
    looks_since,
)
from cases.quality.weights import label_weight
from cases.services import (
    record_verdict,
    refuse_verdict,
    sign_verdict,
)
from risk.datasets import build_training_set
from risk.models import Label
from tests.cases.appealed import appeal, decide, refused
from tests.cases.builders import NOON, make_queue, make_reviewer
from tests.cases.looked_at import (
    differing,
    golden_looks,
    judge,
    reviewed_twice,
)
from tests.cases.test_verdicts import held_order_case, verdict_on
from tests.make import make_merchant

pytestmark = pytest.mark.django_db


@pytest.fixture
def first() -> User:
    return make_reviewer("first@example.com")


@pytest.fixture
def second() -> User:
    return make_reviewer("second@example.com")


@pytest.fixture
def lead() -> User:
    return make_reviewer("lead@example.com", role=Role.SENIOR_REVIEWER)


class TestOverturned:
    def overturned(self) -> dict[User, tuple[int, int]]:
        rows = list_overturned_reviewers(looks_since(None))
        return {row.key: (row.overturned, row.looks) for row in rows}  # type: ignore[misc]

    def test_an_upheld_appeal_overturns_and_a_denied_one_does_not(self, first: User, second: User) -> None:
        for kind in ("approve", "reject"):
            _row, statement = refused("order", first, make_merchant())
            opened = appeal(statement)
            decide(ReviewCase.objects.get(pk=opened.case_id), second, kind)
        assert self.overturned() == {first: (1, 2)}

    def test_a_second_signer_who_refuses_overturns(self, first: User, second: User) -> None:
        for refuses in (True, False):
            case = claim_case(held_order_case(), first, at=NOON)
            Queue.objects.update(second_sign_from_minor=1)
            case = ReviewCase.objects.select_related("queue").get(pk=case.pk)
            verdict = record_verdict(case, verdict_on(case), reviewer=first, at=NOON)
            if refuses:
                refuse_verdict(verdict, second, note="No.", at=NOON)
            else:
                sign_verdict(verdict, second, at=NOON, undo_for=timedelta(0))
        assert self.overturned() == {first: (1, 2)}

    def test_an_adjudication_overturns(self, first: User, second: User, lead: User) -> None:
        look = differing(first, second)
        assert self.overturned() == {}
        adjudicate(look, kind="approve", note="Fine.", by=lead, at=NOON)
        assert self.overturned() == {first: (1, 1)}


class TestFigures:
    def test_agreement_per_queue_and_reason(self, first: User, second: User) -> None:
        for kinds in (("approve", "approve"), ("reject", "reject"), ("reject", "approve")):
            differing(first, second, kinds)
        (row,) = [row for row in list_queue_agreement(looks_since(None)) if row.n]
        assert (row.n, row.agreed) == (3, 2)
        # Both classes: 1 of 3 approved by the first, 2 of 3 by the second: expected 4/9, observed 6/9.
        assert row.kappa is not None
        assert row.kappa.value == pytest.approx(0.4)
        (reason,) = list_reason_agreement(looks_since(None))
        assert (reason.code, reason.both, reason.one) == ("confirmed_fraud", 1, 1)
        own = get_own_figures(second, looks_since(None))
        assert (own.agreed, own.golden, own.upheld) == ((2, 3), (0, 0), (0, 0))

    def test_a_queue_with_a_share_and_no_answers_is_shown_as_undefined(self, first: User) -> None:
        reviewed_twice(first)
        rows = list_queue_agreement(looks_since(None))
        assert rows
        assert {(row.n, row.kappa) for row in rows} == {(0, None)}


class TestWeights:
    def test_everybody_weighs_one_while_nobody_was_looked_at(self, first: User) -> None:
        assert label_weight([first.pk], make_queue().pk) == 1.0

    def test_a_poor_reviewer_weighs_less_than_a_good_one_and_a_new_one_as_the_mean(
        self, first: User, second: User
    ) -> None:
        golden_looks(first, right=5, wrong=35)
        golden_looks(second, right=40, wrong=0)
        queue, new = make_queue().pk, make_reviewer("new@example.com")
        poor, good, unknown = (label_weight([user.pk], queue) for user in (first, second, new))
        mean = 45 / 80
        assert unknown == pytest.approx(mean, abs=1e-3)
        assert poor == pytest.approx((5 + 20 * mean) / 60, abs=1e-3)
        assert good == pytest.approx((40 + 20 * mean) / 60, abs=1e-3)
        assert label_weight([first.pk, second.pk], queue) == good

    def test_the_labels_of_a_poor_reviewer_weigh_less_in_a_training_set(
        self, first: User, second: User
    ) -> None:
        cases = {user: held_order_case() for user in (first, second)}
        golden_looks(first, right=5, wrong=35, queue=Queue.objects.get(code="orders"))
        golden_looks(second, right=40, wrong=0, queue=Queue.objects.get(code="orders"))
        for user, case in cases.items():
            judge(case, user, "reject")
        data = build_training_set("order", as_of=NOON + timedelta(days=1))
        assert data.weight is not None
        labels = {label.subject_id: label.weight for label in Label.objects.standing()}
        poor, good = (labels[cases[user].subject_id] for user in (first, second))
        assert poor < 0.4 < 0.8 < good
        np.testing.assert_allclose(sorted(data.weight), [poor, good])
