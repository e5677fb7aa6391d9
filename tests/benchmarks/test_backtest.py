"""The benchmark of backtests runs at a small size, and measures what it says."""

from argparse import Namespace

import pytest

from benchmarks import backtest


@pytest.mark.slow
def test_the_benchmark_of_backtests_runs() -> None:
    report = backtest.run(Namespace(rows=2_000, rules=24, loop_rows=100, orders=2_000, repeats=1))
    assert set(report.metrics) == {
        "seconds", "rows_per_s", "speedup_over_row_by_row", "velocity_seconds", "peak_rss_mb",
    }  # fmt: skip
    assert all(value > 0 for value in report.metrics.values())
    assert report.notes["loop_rows_extrapolated_from"] == 100


def test_the_loop_and_the_columns_judge_the_same_rules() -> None:
    trial = backtest._trial(backtest._SCHEMA, backtest._rules(24), backtest._rules(24, changed=3))
    (batch,) = backtest._random_batches(300)
    assert trial.live is not None
    hits = [len(trial.candidate.rules.evaluate(facts).hits) for facts in batch.frame.to_dicts()]
    tally = backtest._judge(trial, [batch])
    assert int(tally.rules.hits[:, :, 0].sum()) == sum(hits) > 0
