"""A small simulated day through the real services: nothing starves, and the forecast is no fantasy."""

import argparse
from collections.abc import Mapping

import pytest

from benchmarks import day
from benchmarks.working_day import DAY, Outcome, run_day
from cases.forecasting import Shift

pytestmark = pytest.mark.django_db


def options(**values: float) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    day.add_arguments(parser)
    chosen = parser.parse_args([])
    vars(chosen).update(values)
    return chosen


@pytest.fixture
def metrics() -> Mapping[str, float]:
    chosen = options(cases=300, reviewers=3, past=3)
    diary, shifts = run_day(chosen)
    return day.report(chosen, diary, shifts).metrics


def test_a_small_day_starves_nobody_and_is_foreseen(metrics: Mapping[str, float]) -> None:
    assert metrics["cases"] == 300
    assert metrics["starved"] == 0
    # Three hundred cases vary more than ten thousand: this guards against a forecast of something else.
    assert metrics["forecast_error_points"] <= 25
    assert 0.8 <= metrics["captured_value_share"] <= 1.0


def outcome(at: float, due: float, value: int, seconds: float, decided: float | None = None) -> Outcome:
    first = DAY.timestamp()
    ended = None if decided is None else first + decided
    return Outcome("orders", first + at, first + due, value, seconds, ended, ended)


def people(hours: float) -> list[Shift]:
    return [Shift(DAY.timestamp(), DAY.timestamp() + 3_600 * hours)]


def test_the_bound_is_all_value_where_there_is_time_for_it() -> None:
    assert day.most_value([outcome(0, 3_600, 70, 60), outcome(0, 3_600, 30, 60)], people(1)) == 100


def test_the_bound_takes_the_most_valuable_seconds_first() -> None:
    # Of two cases of an hour that fall due together one fits, and what a shift's end lets finish.
    cheap, dear = outcome(0, 3_600, 10, 3_594), outcome(0, 3_600, 90, 3_594)
    assert 90 <= day.most_value([cheap, dear], people(0.5)) < 100


def test_a_case_passed_by_far_later_ones_is_starved() -> None:
    far = 3_600 * 30.0
    old, young = outcome(0, 3_600, 1, 60, decided=7_200), outcome(60, far, 1, 60, decided=3_600)
    assert day.count_starved([old, young]) == 1
    assert day.count_starved([outcome(0, 3_600, 1, 60, decided=1_800), young]) == 0
