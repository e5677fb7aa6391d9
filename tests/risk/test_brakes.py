"""The automatic brake: what is beyond chance, what is pulled, told and decided again, and no flapping."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from accounts.models import Role, User
from core.errors import Conflict, PermissionDenied, ValidationFailed
from core.ids import new_ids
from core.models import AuditEntry, OutboxEvent
from risk import live, monitoring
from risk.brakes import (
    FALSE_ALARM,
    GRACE,
    Rate,
    judge_calibration,
    judge_holds,
    judge_inputs,
    most_expected,
    upper_rate,
)
from risk.inputs import current_inputs
from risk.models import Brake, Decision, Label, ModelVersion, RuleSet
from risk.monitoring import MATURITY, brake_models, brake_rules
from risk.rules.engine import Effect, Mode
from risk.services import create_draft, pull_brake, release_brake
from risk.services.brakes import SHORTEST
from risk.starter.publishing import publish
from risk.tasks import monitoring as tasks
from tests.make import NOON, make_live_ruleset, make_model, make_order, make_rule, make_user, promote
from tests.risk.guards import unguarded
from tests.risk.test_gate import POLICY
from tests.risk.versions import make_linear_model

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
counts = st.integers(1, 2_000)


class TestLimits:
    @given(st.integers(0, 500), counts, counts)
    def test_the_limit_is_exceeded_by_chance_once_in_a_million(
        self, hits: int, rows: int, measured: int
    ) -> None:
        expected = Rate(min(hits, rows), rows)
        limit = most_expected(expected, measured)
        rate = upper_rate(expected)
        assert 0 <= limit <= measured
        assert stats.binom.sf(limit, measured, rate) <= FALSE_ALARM
        assert limit == 0 or stats.binom.sf(limit - 1, measured, rate) > FALSE_ALARM

    @given(st.integers(0, 500), counts)
    def test_the_upper_rate_is_above_what_was_seen(self, hits: int, rows: int) -> None:
        seen = min(hits, rows) / rows
        assert seen <= upper_rate(Rate(min(hits, rows), rows)) <= 1

    @given(st.integers(0, 300), st.integers(0, 300), st.integers(300, 5_000), st.integers(30, 300))
    def test_more_holds_never_look_better(self, few: int, more: int, history: int, rows: int) -> None:
        expected = Rate(history // 50, history)
        few, more = sorted((min(few, rows), min(more, rows)))
        for holds_per_hour in (20, 10_000):
            if judge_holds(Rate(few, rows), expected, holds_per_hour=holds_per_hour):
                assert judge_holds(Rate(more, rows), expected, holds_per_hour=holds_per_hour)

    @pytest.mark.parametrize(
        ("measured", "expected", "cause"),
        [
            (Rate(20, 1_000), Rate(100, 10_000), None),  # twice as much, and within chance
            (Rate(60, 1_000), Rate(100, 10_000), "hold_rate"),
            (Rate(29, 29), Rate(100, 10_000), None),  # too few to say anything
            (Rate(900, 1_000), Rate(9_000, 10_000), "hold_cap"),
            (Rate(240, 1_000), None, None),
            (Rate(251, 1_000), None, "hold_cap"),
            (Rate(190, 10_000), Rate(1_000, 100_000), None),  # far beyond chance, but not twice as much
        ],
        ids=["chance", "drift", "few", "cap", "unknown", "unknown-cap", "small"],
    )
    def test_what_is_braked(self, measured: Rate, expected: Rate | None, cause: str | None) -> None:
        finding = judge_holds(measured, expected, holds_per_hour=250)
        assert (finding.cause if finding else None) == cause

    def test_inputs_that_moved_are_weighed_by_what_they_move(self) -> None:
        random = np.random.default_rng(3)
        before, now = random.normal(0, 1, (2_000, 2)), random.normal(0, 1, (2_000, 2))
        now[:, 1] += 3
        names = ("still", "moved")
        assert judge_inputs(before, now, np.array([1.0, 0.0]), names) is None
        finding = judge_inputs(before, now, np.array([1.0, 1.0]), names)
        assert finding is not None
        assert (finding.cause, next(iter(finding.figures["inputs"]))) == ("input_drift", "moved")
        assert judge_inputs(before[:400], now, np.array([1.0, 1.0]), names) is None
        assert judge_inputs(before, now[::2], np.array([1.0, 0.0]), names) is None

    def test_probabilities_that_did_not_come_true(self) -> None:
        random = np.random.default_rng(4)
        probability = random.uniform(0, 0.4, 4_000)
        came_true = random.uniform(size=4_000) < probability
        assert judge_calibration(came_true, probability) is None
        finding = judge_calibration(came_true, probability + 0.3)
        assert finding is not None
        assert finding.cause == "calibration"
        assert judge_calibration(came_true[:900], probability[:900] + 0.3) is None


@pytest.fixture
def ann() -> User:
    return make_user(Role.RISK_ANALYST)


def write_decisions(
    ruleset: RuleSet | None,
    outcomes: Iterable[tuple[int, str, dict[str, Any]]],
    *,
    at: datetime,
    spread: timedelta = HOUR - MINUTE,
    **fields: Any,
) -> None:
    """Write so many decisions of an outcome with an evaluation, spread over the time before `at`."""
    rows = [(outcome, evaluation) for count, outcome, evaluation in outcomes for _ in range(count)]
    end = at.timestamp() * 1000
    ids = new_ids(np.linspace(end - spread.total_seconds() * 1000, end - 1, len(rows)).astype(np.int64))
    np.random.default_rng(1).shuffle(rows)
    Decision.objects.bulk_create(
        Decision(
            **{
                "pk": int(id),
                "subject_kind": "order",
                "subject_id": int(id),
                "as_of": at,
                "outcome": outcome,
                "features": b"",
                "feature_hash": "",
                "snapshot": {"evaluation": evaluation},
                "ruleset_id": ruleset.pk if ruleset else None,
                "code_version": "test",
                "created_at": at,
                **fields,
            }
        )
        for id, (outcome, evaluation) in zip(ids, rows, strict=True)
    )


def hit(muted: str = "") -> dict[str, Any]:
    return {"results": {"R-1": True, "R-OTHER": False}, "muted": {"R-1": muted} if muted else {}}


MISS: dict[str, Any] = {"results": {"R-1": False}, "muted": {}}


@pytest.mark.django_db
class TestRules:
    @pytest.fixture
    def now(self) -> datetime:
        return timezone.now()

    @pytest.fixture
    def ruleset(self, now: datetime) -> RuleSet:
        """A live version whose rule held one in a hundred before."""
        ruleset = make_live_ruleset(make_rule("order.amount > 1", code="R-1"))
        week = timedelta(days=6)
        write_decisions(
            ruleset, [(10, "review", hit()), (990, "approve", MISS)], at=now - 2 * HOUR, spread=week
        )
        return ruleset

    def test_a_rule_that_holds_far_more_than_before_is_braked(
        self, ruleset: RuleSet, now: datetime, sent_tasks: Any, django_capture_on_commit_callbacks: Any
    ) -> None:
        write_decisions(ruleset, [(60, "review", hit()), (140, "approve", MISS)], at=now)
        with django_capture_on_commit_callbacks(execute=True):
            (brake,) = brake_rules(at=now)
        assert (brake.rule_code, brake.cause, brake.pulled_by) == ("R-1", "hold_rate", None)
        assert (brake.detail["hits"], brake.detail["rows"], brake.detail["basis"]) == (60, 200, "trailing")
        assert brake.detail["limit"] < 60
        assert live.muting("order").for_subject({}, now) == {"R-1": "braked"}
        assert AuditEntry.objects.get(action="rule.braked").actor_kind == "system"
        assert OutboxEvent.objects.get(type="rule.braked").payload["rule"] == "R-1"
        assert sent_tasks == [("intake.tasks.redecide_held", [brake.pk])]

    def test_a_rule_that_holds_as_before_goes_on(self, ruleset: RuleSet, now: datetime) -> None:
        write_decisions(ruleset, [(3, "review", hit()), (197, "approve", MISS)], at=now)
        assert brake_rules(at=now) == []

    def test_what_it_recorded_without_effect_is_no_hold(self, ruleset: RuleSet, now: datetime) -> None:
        write_decisions(ruleset, [(60, "review", hit("snoozed")), (140, "approve", MISS)], at=now)
        assert brake_rules(at=now) == []

    def test_hits_on_what_was_approved_all_the_same_are_no_holds(
        self, ruleset: RuleSet, now: datetime
    ) -> None:
        write_decisions(ruleset, [(60, "approve", hit()), (140, "approve", MISS)], at=now)
        assert brake_rules(at=now) == []

    def test_the_same_evidence_pulls_once(self, ruleset: RuleSet, now: datetime) -> None:
        write_decisions(ruleset, [(60, "review", hit()), (140, "approve", MISS)], at=now)
        assert len(brake_rules(at=now)) == 1
        assert brake_rules(at=now + MINUTE) == []

    def test_after_its_release_only_new_evidence_counts(
        self, ruleset: RuleSet, now: datetime, ann: User
    ) -> None:
        write_decisions(ruleset, [(60, "review", hit()), (140, "approve", MISS)], at=now)
        (brake,) = brake_rules(at=now)
        released_at = now + SHORTEST
        release_brake(brake, by=ann, at=released_at)
        assert brake_rules(at=released_at + MINUTE) == []
        assert brake_rules(at=released_at + GRACE + MINUTE) == []
        later = released_at + 2 * GRACE
        write_decisions(
            ruleset, [(60, "review", hit()), (140, "approve", MISS)], at=later, spread=2 * GRACE - MINUTE
        )
        assert brake_rules(at=released_at + GRACE - MINUTE) == []
        (again,) = brake_rules(at=later)
        assert (again.detail["hits"], again.detail["rows"]) == (60, 200)

    def test_the_backtest_it_was_approved_on_is_what_one_expects(self, ann: User, now: datetime) -> None:
        ruleset = make_live_ruleset(make_rule("order.amount > 1", code="R-1"))
        line = {"code": "R-1", "hits": {"count": 3_000}, "muted": 0}
        with unguarded("risk_backtest"):
            ruleset.backtests.update(result={"data": {"rows": 10_000}, "rules": [line]})
        write_decisions(ruleset, [(60, "review", hit()), (140, "approve", MISS)], at=now)
        assert brake_rules(at=now) == []
        later = now + 2 * HOUR
        write_decisions(ruleset, [(150, "review", hit()), (50, "approve", MISS)], at=later)
        (brake,) = brake_rules(at=later)
        assert (brake.detail["basis"], brake.detail["expected_rate"]) == ("backtest", 0.3)

    def test_a_backtest_is_read_as_it_is_written(
        self, ann: User, now: datetime, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(monitoring, "MIN_EXPECTED_ROWS", 3)
        for total in ("10.00", "20.00", "30.00"):
            make_order(total=total, at=now - HOUR)
        rules = [make_rule("order.amount > 15", code="R-1"), make_rule("true", code="R-2", ends_at=NOON)]
        draft = create_draft("order", "Test", rules=rules, policy=POLICY, author=ann)
        publish(draft, author=ann, approver=make_user(Role.RISK_ANALYST), at=now)
        assert monitoring._backtested(RuleSet.objects.get(pk=draft.pk)) == {
            "R-1": Rate(2, 3, "backtest"),
            "R-2": Rate(0, 3, "backtest"),
        }

    def test_of_a_new_rule_only_the_cap_is_known(self, now: datetime) -> None:
        ruleset = make_live_ruleset(make_rule("order.amount > 1", code="R-1"), holds_per_hour=50)
        write_decisions(ruleset, [(50, "review", hit()), (10, "approve", MISS)], at=now)
        assert brake_rules(at=now) == []
        write_decisions(ruleset, [(1, "review", hit())], at=now, spread=MINUTE)
        (brake,) = brake_rules(at=now)
        assert (brake.cause, brake.detail["limit"]) == ("hold_cap", 50)

    @pytest.mark.parametrize(
        "fields", [{"mode": Mode.SHADOW}, {"effect": Effect.TAG, "tag": "x"}, {"effect": Effect.APPROVE}]
    )
    def test_a_rule_that_holds_nothing_is_not_braked(self, now: datetime, fields: dict[str, Any]) -> None:
        ruleset = make_live_ruleset(make_rule("true", code="R-1", **fields), holds_per_hour=5)
        write_decisions(ruleset, [(60, "review", hit())], at=now)
        assert brake_rules(at=now) == []

    def test_in_a_flood_the_newest_are_judged_over_their_own_time(
        self, ruleset: RuleSet, now: datetime, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(monitoring, "MAX_HELD", 50)
        write_decisions(ruleset, [(200, "review", hit()), (200, "approve", MISS)], at=now)
        (brake,) = brake_rules(at=now)
        assert brake.detail["hits"] == 50
        assert 80 <= brake.detail["rows"] <= 120

    def test_the_tasks_do_it_by_the_clock(self, ruleset: RuleSet, now: datetime) -> None:
        write_decisions(ruleset, [(60, "review", hit()), (140, "approve", MISS)], at=now)
        assert (tasks.brake_rules(), tasks.brake_models()) == (1, 0)
        assert (tasks.start_scheduled(), tasks.close_expired_snoozes()) == (0, 0)


@pytest.mark.django_db
class TestByHand:
    def test_a_person_pulls_and_releases(self, ann: User) -> None:
        make_live_ruleset(make_rule("true", code="R-1"))
        now = timezone.now()
        brake = pull_brake("order", rule_code="R-1", detail={"note": "too many complaints"}, by=ann, at=now)
        assert (brake.cause, brake.pulled_by) == ("manual", ann)
        with pytest.raises(Conflict) as caught:
            pull_brake("order", rule_code="R-1", by=ann, at=now)
        assert caught.value.code == "already_braked"
        with pytest.raises(Conflict) as caught:
            release_brake(brake, by=ann, at=now + SHORTEST - MINUTE)
        assert caught.value.code == "too_soon"
        release_brake(brake, by=ann, at=now + SHORTEST)
        with pytest.raises(Conflict) as caught:
            release_brake(brake, by=ann, at=now + SHORTEST)
        assert caught.value.code == "already_released"
        assert live.muting("order").for_subject({}, now) == {}
        assert OutboxEvent.objects.filter(type="rule.brake_released").count() == 1

    def test_it_holds_for_whichever_version_carries_the_rule(self, ann: User) -> None:
        make_live_ruleset(make_rule("true", code="R-1"))
        pull_brake("order", rule_code="R-1", by=ann, at=timezone.now())
        make_live_ruleset(make_rule("order.amount > 5", code="R-1"))
        assert live.muting("order").braked == {"R-1"}
        assert live.muting("listing").braked == frozenset()

    def test_only_what_is_live_is_braked(self, ann: User) -> None:
        make_live_ruleset()
        for code in ("R-9", ""):
            with pytest.raises(ValidationFailed):
                pull_brake("order", rule_code=code, by=ann, at=timezone.now())

    @pytest.mark.parametrize("role", [None, Role.REVIEWER, Role.OPERATIONS])
    def test_only_analysts_brake_and_release(self, role: Role | None) -> None:
        make_live_ruleset(make_rule("true", code="R-1"))
        other = make_user(*([role] if role else []))
        now = timezone.now()
        with pytest.raises(PermissionDenied):
            pull_brake("order", rule_code="R-1", by=other, at=now)
        brake = pull_brake("order", rule_code="R-1", by=None, at=now)
        with pytest.raises(PermissionDenied):
            release_brake(brake, by=other, at=now + HOUR)

    def test_the_database_keeps_one_standing_brake_per_rule(self) -> None:
        fields = {"subject": "order", "rule_code": "R-1", "cause": "manual", "pulled_at": timezone.now()}
        Brake.objects.create(**fields)
        with pytest.raises(IntegrityError), transaction.atomic():
            Brake.objects.create(**fields)


@pytest.mark.django_db
class TestModels:
    @pytest.fixture
    def now(self) -> datetime:
        return timezone.now()

    @pytest.fixture
    def champion(self) -> ModelVersion:
        return make_linear_model({"order_amount_minor": 0.5})

    def write_vectors(
        self, champion: ModelVersion, amount: float, *, at: datetime, count: int = 600, **fields: Any
    ) -> None:
        names, feature_hash = current_inputs("order")
        vector = np.full(len(names), np.nan)
        random = np.random.default_rng(2)
        end = at.timestamp() * 1000
        ids = new_ids(np.linspace(end - 20 * 3_600_000, end - 1, count).astype(np.int64))
        rows = []
        for id in ids:
            vector[names.index("order_amount_minor")] = random.lognormal(np.log(amount), 0.5)
            rows.append(
                Decision(
                    pk=int(id), subject_kind="order", subject_id=int(id), as_of=at, outcome="approve",
                    features=vector.astype("<f8").tobytes(), feature_hash=feature_hash, snapshot={},
                    model_id=champion.pk, code_version="test", created_at=at, **fields,
                )
            )  # fmt: skip
        Decision.objects.bulk_create(rows)

    def test_a_champion_whose_inputs_moved_is_braked_and_the_one_before_scores(
        self, now: datetime, ann: User
    ) -> None:
        former = make_linear_model({"order_amount_minor": 0.1})
        champion = make_linear_model({"order_amount_minor": 0.5}, status="shadow")
        promote(champion, approver=ann, at=now - timedelta(days=20))
        self.write_vectors(champion, 10_000, at=now - timedelta(days=2))
        self.write_vectors(champion, 100_000, at=now)
        (brake,) = brake_models(at=now)
        assert (brake.cause, brake.model_id, brake.rule_code) == ("input_drift", champion.pk, "")
        assert next(iter(brake.detail["inputs"])) == "order_amount_minor"
        found = live.find_champion("order")
        assert found is not None
        assert found.id == former.pk
        assert brake_models(at=now) == []

    def test_inputs_that_stayed_brake_nothing(self, champion: ModelVersion, now: datetime) -> None:
        self.write_vectors(champion, 10_000, at=now - timedelta(days=2))
        self.write_vectors(champion, 10_000, at=now)
        assert brake_models(at=now) == []

    def test_without_a_fitting_model_before_it_there_is_no_score(
        self, champion: ModelVersion, now: datetime, ann: User
    ) -> None:
        pull_brake("order", by=ann, at=now)
        with pytest.raises(live.ModelBraked) as caught:
            live.find_champion("order")
        assert caught.value.code == "model_braked"

    def test_a_released_model_is_judged_by_what_came_after(
        self, champion: ModelVersion, now: datetime, ann: User
    ) -> None:
        self.write_vectors(champion, 10_000, at=now - timedelta(days=2))
        self.write_vectors(champion, 100_000, at=now)
        (brake,) = brake_models(at=now)
        release_brake(brake, by=ann, at=now + HOUR)
        assert brake_models(at=now + 2 * HOUR) == []
        found = live.find_champion("order")
        assert found is not None
        assert found.id == champion.pk

    def test_a_new_champion_ends_the_brake_of_the_former(
        self, champion: ModelVersion, now: datetime, ann: User
    ) -> None:
        brake = pull_brake("order", by=ann, at=now)
        newer = make_model(status="shadow")
        promote(newer, approver=ann, at=now + HOUR)
        brake.refresh_from_db()
        assert (brake.released_at, brake.released_by) == (now + HOUR, ann)
        found = live.find_champion("order")
        assert found is not None
        assert found.id == newer.pk

    @pytest.mark.parametrize(("score", "is_braked"), [(0.02, False), (0.4, True)])
    def test_scores_that_did_not_come_true_brake_the_champion(
        self, champion: ModelVersion, now: datetime, score: float, is_braked: bool
    ) -> None:
        with unguarded("risk_modelpromotion"):
            long_ago = now - timedelta(days=365)
            champion.promotions.update(promoted_at=long_ago, compared_at=long_ago)
        at = now - MATURITY - timedelta(days=1)
        self.write_vectors(champion, 10_000, at=at, count=1_200, score=score)
        Label.objects.bulk_create(
            Label(
                subject_kind="order", subject_id=id, is_bad=number % 50 == 0, source="matured_good",
                occurred_at=now, known_at=now - HOUR,
            )
            for number, id in enumerate(Decision.objects.values_list("pk", flat=True))
        )  # fmt: skip
        causes = [brake.cause for brake in brake_models(at=now)]
        assert causes == (["calibration"] if is_braked else [])
