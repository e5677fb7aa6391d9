"""A backtest says what judging every row again would say, in parts, once, and can be stopped."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from accounts.models import Role
from core.errors import Conflict
from core.ids import encode
from orders.models import Order
from risk import live, runs
from risk.backtest import order_rows, running, selectors, services
from risk.facts import orders as order_facts
from risk.models import Backtest, BacktestPart, Decision, Label, LabelSource, RuleSet
from risk.policy import choose_outcome
from risk.rulesets import LiveRuleset, compile_rows, draft_hash
from risk.services import save_rule
from tests.make import make_live_ruleset, make_model, make_rule, make_user
from tests.risk.backtest.histories import UNTIL, label, make_history
from tests.risk.backtest.trying import LIVE_RULES, THRESHOLDS, TRIED_RULES, make_draft, request, run_now
from tests.risk.versions import make_linear_model

pytestmark = pytest.mark.django_db


@pytest.fixture
def history() -> list[Order]:
    make_linear_model({"device_orders_24h_count": 1.5, "order_amount_minor": 0.25}, intercept=-2.5)
    make_live_ruleset(*LIVE_RULES, thresholds=THRESHOLDS)
    return make_history()


def judge_one_by_one(
    ruleset: LiveRuleset, orders: list[Order]
) -> dict[int, tuple[str, dict[str, bool | None]]]:
    """Return order id → outcome and results, each order by the code that decides."""
    champion = live.find_champion("order")
    assert champion is not None
    judged = {}
    for order in orders:
        facts = order_facts.gather(order, as_of=order.known_at)
        values = dict(facts.values)
        if not Decision.objects.filter(subject_id=order.pk).exists():
            values["order.payment_status"] = None
        evaluation = ruleset.rules.evaluate(values)
        score = champion.score(facts.vector, facts.feature_hash)
        outcome = choose_outcome(evaluation, score, ruleset.policy.thresholds)
        judged[order.pk] = outcome.kind.value, evaluation.results
    return judged


def truth_of(order: Order) -> str:
    said = list(Label.objects.filter(subject_id=order.pk).values_list("is_bad", flat=True))
    return "unknown" if not said else "bad" if any(said) else "good"


def test_the_result_is_what_judging_each_order_again_gives(history: list[Order]) -> None:
    draft = make_draft(*TRIED_RULES)
    result = run_now(draft).result
    mine = judge_one_by_one(compile_rows(draft), history)
    current = live.find_live_ruleset("order")
    assert current is not None
    theirs = judge_one_by_one(current, history)
    truths = {order.pk: truth_of(order) for order in history}
    amounts = {order.pk: order.base_total_minor for order in history}

    def total(judged: dict[int, Any], outcomes: set[str], truth: set[str]) -> dict[str, int]:
        rows = [pk for pk in judged if judged[pk][0] in outcomes and truths[pk] in truth]
        return {"count": len(rows), "amount_minor": sum(amounts[pk] for pk in rows)}

    any_truth, stopped = {"good", "bad", "unknown"}, {"review", "decline"}
    for side, judged in (("candidate", mine), ("live", theirs)):
        found = result[side]
        assert found["approved"] == total(judged, {"approve"}, any_truth)
        assert found["reviewed"] == total(judged, {"review"}, any_truth)
        assert found["declined"] == total(judged, {"decline"}, any_truth)
        assert found["caught_bad"] == total(judged, stopped, {"bad"})
        assert found["missed_bad"] == total(judged, {"approve"}, {"bad"})
        assert found["good_held"] == total(judged, {"review"}, {"good"})
        assert found["good_declined"] == total(judged, {"decline"}, {"good"})
        assert found["unknown_held"] == total(judged, {"review"}, {"unknown"})
        assert found["precision"]["part"] == found["caught_bad"]["count"]
        assert found["review_hours"] == pytest.approx(found["reviewed"]["count"] * 6 / 60)
    assert result["data"]["rows"] == len(history)
    assert 0 < result["data"]["stored_inputs"] < len(history)
    assert result["data"]["stored_inputs"] + result["data"]["recomputed_inputs"] == len(history)
    # The history must put something into every cell, or the claim would be empty.
    assert min(found["caught_bad"]["count"], found["good_held"]["count"], found["unknown_held"]["count"]) > 0

    moves = Counter((theirs[pk][0], mine[pk][0]) for pk in mine if theirs[pk][0] != mine[pk][0])
    assert {(move["live"], move["candidate"]): move["count"] for move in result["moves"]} == moves
    assert moves
    moved = {encode("ord", pk) for pk in mine if theirs[pk][0] != mine[pk][0]}
    assert {flip["subject"] for flip in result["flips"]} == moved
    sizes = [flip["amount_minor"] for flip in result["flips"]]
    assert sizes == sorted(sizes, reverse=True)

    for line in result["rules"]:
        results = {pk: judged[1][line["code"]] for pk, judged in mine.items()}
        assert line["hits"]["count"] == sum(value is True for value in results.values())
        assert line["missing"] == sum(value is None for value in results.values())
        assert line["bad"]["count"] == sum(results[pk] is True and truths[pk] == "bad" for pk in results)
        hits = [pk for pk, value in results.items() if value is True]
        assert line["already_caught"]["part"] == sum(theirs[pk][0] != "approve" for pk in hits)
        for overlap in line["overlaps"]:
            others = {pk for pk, judged in theirs.items() if judged[1][overlap["code"]] is True}
            assert overlap["both"] == len(others & set(hits))
            assert overlap["jaccard"] == pytest.approx(
                len(others & set(hits)) / len(others | set(hits)), abs=1e-4
            )
    assert [line["code"] for line in result["rules"]] == ["R-1", "R-2", "R-4", "R-5", "R-6", "R-8"]
    assert [line["code"] for line in result["live_rules"]] == ["R-1", "R-2", "R-3"]
    assert any(line["overlaps"] for line in result["rules"])

    for segment, values in result["segments"].items():
        assert sum(one["rows"] for one in values) == len(history), segment
        assert (
            sum(one["candidate"]["reviewed"]["count"] for one in values)
            == result["candidate"]["reviewed"]["count"]
        )
    assert {one["value"] for one in result["segments"]["country"]} == {"CN", "DE", ""}
    assert {one["value"] for one in result["segments"]["category"]} == {"tea", ""}
    assert len(result["segments"]["buyer_age"]) == 3
    assert sum(day["rows"] for day in result["days"]) == len(history)
    assert sum(day["live"]["declined"] for day in result["days"]) == result["live"]["declined"]["count"]


def test_parts_give_what_one_part_gives(history: list[Order], monkeypatch: pytest.MonkeyPatch) -> None:
    whole = run_now(make_draft(*TRIED_RULES)).result
    monkeypatch.setattr(order_rows, "PART_ROWS", 7)
    backtest = run_now(make_draft(*TRIED_RULES))
    parts = backtest.parts.order_by("number")
    assert [part.number for part in parts] == list(range(1, len(parts) + 1))
    assert len(parts) > 5
    assert sum(part.row_count for part in parts) == backtest.done_rows == backtest.total_rows == len(history)
    assert without_parts(backtest.result) == without_parts(whole)


def without_parts(result: dict[str, Any]) -> dict[str, Any]:
    return {**result, "data": {**result["data"], "parts": None}}


def test_recomputed_inputs_are_those_that_decisions_stored(history: list[Order]) -> None:
    before = run_now(make_draft(*TRIED_RULES)).result
    # As if every decision had been made by a version that declared other inputs.
    Decision.objects.update(feature_hash="0" * 64)
    after = run_now(make_draft(*TRIED_RULES)).result
    assert after["data"]["recomputed_inputs"] == len(history)
    assert after["candidate"] == before["candidate"]
    assert after["notes"] == ["recomputed_inputs", "computed_scores"]


def test_stored_scores_count_only_while_their_model_is_champion(history: list[Order]) -> None:
    decided = Decision.objects.count()
    first = run_now(make_draft(*TRIED_RULES)).result
    assert first["data"]["stored_scores"] == decided
    make_model(probability=0.9)
    second = run_now(make_draft(*TRIED_RULES)).result
    assert (second["data"]["stored_scores"], second["data"]["computed_scores"]) == (0, len(history))
    assert second["candidate"]["declined"]["count"] > first["candidate"]["declined"]["count"]


def test_a_source_that_failed_then_still_degrades_and_a_score_that_failed_does_not(
    history: list[Order],
) -> None:
    held = Decision.objects.exclude(outcome="approve").order_by("id")
    without_history, without_score = held.values_list("pk", flat=True)[:2]
    Decision.objects.filter(pk=without_history).update(degraded=["history"])
    Decision.objects.filter(pk=without_score).update(degraded=["score", "rules", "list:x"], score=None)
    result = run_now(make_draft(*TRIED_RULES)).result
    assert result["data"]["degraded"] == 1
    assert (result["data"]["computed_scores"], result["data"]["without_score"]) == (
        len(history) - Decision.objects.count() + 1,
        0,
    )


def test_no_history_gives_a_finished_result() -> None:
    backtest = run_now(make_draft(*TRIED_RULES))
    assert backtest.status == "finished"
    assert backtest.result["notes"] == ["no_rows", "no_model", "nothing_live"]
    assert backtest.result["data"]["rows"] == 0
    assert backtest.result["live"] is None
    assert backtest.result["candidate"]["precision"]["value"] is None
    assert [line["hits"]["count"] for line in backtest.result["rules"]] == [0] * 6
    assert backtest.result["costs"]["reason"] == "no_scores"


def test_without_a_live_ruleset_only_the_candidate_is_shown() -> None:
    make_model()
    make_history(12, decided=0.0)
    result = run_now(make_draft(*TRIED_RULES)).result
    assert (result["live"], result["live_rules"], result["moves"], result["flips"]) == (None, [], [], [])
    assert result["candidate"]["reviewed"]["count"] > 0
    assert all(segment["live"] is None for values in result["segments"].values() for segment in values)


def test_a_period_takes_what_became_known_in_it(history: list[Order]) -> None:
    since, until = history[10].known_at, history[40].known_at
    inside = [order for order in history if since <= order.known_at < until]
    result = run_now(make_draft(*TRIED_RULES), since=since, until=until).result
    assert 0 < result["data"]["rows"] == len(inside) < len(history)


def test_a_bad_word_of_any_source_makes_a_row_bad() -> None:
    make_model()
    (order,) = make_history(1, seed=3)
    Label.objects.all().delete()
    label(order, is_bad=False, source=LabelSource.VERDICT)
    assert run_now(make_draft()).result["data"]["good"] == 1
    label(order, is_bad=True)
    assert run_now(make_draft()).result["data"]["bad"] == 1


# ── Kinds ────────────────────────────────────────────────────────────────────────────────────────
def test_one_rule_is_tried_beside_what_is_live(history: list[Order]) -> None:
    draft = make_draft(*TRIED_RULES, thresholds=replace(THRESHOLDS, review_at=0.0))
    backtest = run_now(draft, kind="rule", rule_code="R-7")
    result = backtest.result
    assert [line["code"] for line in result["rules"]] == ["R-1", "R-2", "R-3", "R-7"]
    # It is off in the draft, and hits everything.
    assert result["candidate"]["declined"]["count"] == len(history)
    assert result["tested"]["thresholds"] == result["tested"]["live_thresholds"]
    assert backtest.content_hash != draft_hash(draft)
    replaced = run_now(draft, kind="rule", rule_code="R-1").result
    assert [line["code"] for line in replaced["rules"]] == ["R-1", "R-2", "R-3"]
    assert replaced["rules"][0]["hits"]["count"] > replaced["live_rules"][0]["hits"]["count"]


def test_thresholds_are_tried_on_the_same_rules(history: list[Order]) -> None:
    current = RuleSet.objects.get(status="live")
    result = run_now(current, kind="thresholds", thresholds={"decline_at": 1.0}).result
    assert result["tested"]["thresholds"]["decline_at"] == 1.0
    assert result["candidate"]["declined"]["count"] < result["live"]["declined"]["count"]
    assert result["candidate"]["approved"] == result["live"]["approved"]


def test_the_recommended_thresholds_keep_their_promise(history: list[Order]) -> None:
    costs = {"reviewer_hours_per_day": 0.05}
    draft = make_draft(*TRIED_RULES)
    best = run_now(draft, costs=costs).result["costs"]["recommended"]
    thresholds = {"review_at": best["review_at"], "decline_at": best["decline_at"]}
    tried = run_now(draft, kind="thresholds", thresholds=thresholds, costs=costs).result
    assert tried["costs"]["current"] == best
    assert tried["candidate"]["reviewed"]["count"] == best["reviews"]
    assert tried["candidate"]["caught_bad"] == best["caught_bad"]
    assert best["review_hours_per_day"] <= 0.05


# ── Cancelling, failing, resuming ────────────────────────────────────────────────────────────────
def test_a_queued_backtest_is_cancelled_at_once() -> None:
    backtest = request(make_draft())
    services.cancel_backtest(backtest, canceller=make_user(Role.RISK_ANALYST), at=UNTIL)
    assert backtest.status == "cancelled"
    assert not running.run(backtest.pk, at=UNTIL)
    with pytest.raises(Conflict):
        services.cancel_backtest(backtest, canceller=make_user(Role.RISK_ANALYST), at=UNTIL)


def test_a_running_backtest_is_cancelled_after_its_part(
    history: list[Order], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(order_rows, "PART_ROWS", 7)
    backtest = request(make_draft(*TRIED_RULES))
    analyst = make_user(Role.RISK_ANALYST)

    def cancel_after_two(done: int, total: int) -> None:
        if BacktestPart.objects.count() == 2:
            services.cancel_backtest(backtest, canceller=analyst, at=UNTIL)

    assert not running.run(backtest.pk, at=UNTIL, progress=cancel_after_two)
    backtest.refresh_from_db()
    assert (backtest.status, backtest.parts.count(), backtest.result) == ("cancelled", 2, None)
    assert backtest.finished_at is not None


def test_a_changed_draft_is_not_tested_under_its_old_name() -> None:
    draft = make_draft(*TRIED_RULES)
    backtest = request(draft)
    save_rule(draft, make_rule("order.amount > 1", code="R-1"), author=draft.author)
    assert not running.run(backtest.pk, at=UNTIL)
    backtest.refresh_from_db()
    assert backtest.status == "failed"
    assert "changed after this backtest was requested" in backtest.message


def test_a_failure_says_so_on_the_row(history: list[Order], monkeypatch: pytest.MonkeyPatch) -> None:
    def break_down(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("out of luck")

    monkeypatch.setattr(running, "judge_batch", break_down)
    backtest = run_now(make_draft(*TRIED_RULES))
    assert (backtest.status, backtest.message) == ("failed", "The backtest failed; the log has the reason.")


class Killed(BaseException):
    """As little handled as a real kill."""


def test_what_a_killed_worker_left_is_finished_by_the_next(
    history: list[Order], monkeypatch: pytest.MonkeyPatch, sent_tasks: list[Any]
) -> None:
    monkeypatch.setattr(order_rows, "PART_ROWS", 7)
    draft = make_draft(*TRIED_RULES)
    undisturbed = run_now(draft).result
    backtest = request(draft)

    def die(done: int, total: int) -> None:
        if done >= 20:
            raise Killed

    with pytest.raises(Killed):
        running.run(backtest.pk, at=UNTIL, clock=lambda: UNTIL, progress=die)
    backtest.refresh_from_db()
    assert backtest.status == "running"
    kept = list(backtest.parts.values_list("pk", flat=True))
    assert kept
    # Meanwhile the model changed and more became known: a result is of one moment all the same.
    make_model(probability=0.9)

    assert runs.resume_abandoned(runs.BACKTESTS, at=UNTIL + timedelta(minutes=1)) == 0
    assert runs.resume_abandoned(runs.BACKTESTS, at=UNTIL + timedelta(minutes=3)) == 1
    assert runs.resume_abandoned(runs.BACKTESTS, at=UNTIL + timedelta(minutes=4)) == 0
    assert running.run(backtest.pk, at=UNTIL + timedelta(minutes=4))
    backtest.refresh_from_db()
    assert set(kept) < set(backtest.parts.values_list("pk", flat=True))
    assert backtest.done_rows == len(history)
    assert backtest.result == undisturbed


def test_a_lost_message_is_sent_again(django_capture_on_commit_callbacks: Any, sent_tasks: list[Any]) -> None:
    backtest = request(make_draft())
    later = backtest.created_at + timedelta(minutes=11)
    with django_capture_on_commit_callbacks(execute=True):
        assert runs.resume_abandoned(runs.BACKTESTS, at=later) == 1
        assert runs.resume_abandoned(runs.BACKTESTS, at=later + timedelta(minutes=1)) == 0
    assert sent_tasks == [("risk.tasks.backtest.run_backtest", [backtest.pk])]


def test_of_two_workers_the_second_gives_way(history: list[Order], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order_rows, "PART_ROWS", 25)
    backtest = request(make_draft(*TRIED_RULES))

    def overtake(done: int, total: int) -> None:
        if BacktestPart.objects.count() == 1:
            Backtest.objects.filter(pk=backtest.pk).update(status="queued")
            assert running.run(backtest.pk, at=UNTIL)

    assert not running.run(backtest.pk, at=UNTIL, progress=overtake)
    backtest.refresh_from_db()
    assert backtest.status == "finished"
    assert backtest.done_rows == len(history)


# ── Reading ──────────────────────────────────────────────────────────────────────────────────────
def test_backtests_are_listed_newest_first_and_found_by_content() -> None:
    first, second = run_now(make_draft(*TRIED_RULES)), run_now(make_draft(*TRIED_RULES))
    other = request(make_draft(subject="listing"))
    assert list(selectors.list_backtests()) == [other, second, first]
    assert list(selectors.list_backtests("order")) == [second, first]
    assert selectors.get_backtest(first.pk) == first
    assert selectors.find_fresh(first.content_hash, UNTIL) in {first, second}
    assert selectors.find_fresh(first.content_hash, UNTIL + timedelta(days=8)) is None
    assert selectors.find_fresh(other.content_hash, UNTIL) is None


def test_every_number_of_a_result_is_plain_json(history: list[Order]) -> None:
    def check(value: Any) -> None:
        assert not isinstance(value, np.generic | np.ndarray)
        for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            check(item)

    check(run_now(make_draft(*TRIED_RULES)).result)
