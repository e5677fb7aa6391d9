"""How benchmarks report."""

import json

import pytest

from benchmarks import harness
from benchmarks.__main__ import main


def test_percentiles_interpolate() -> None:
    assert harness.percentiles([1.0, 2.0, 3.0, 4.0]) == {"p50": 2.5, "p99": 3.97}


def test_a_stopwatch_measures_its_block() -> None:
    with harness.stopwatch() as watch:
        sum(range(100_000))
    assert 0 < watch.seconds < 5


def test_peak_memory_counts_what_was_held() -> None:
    before = harness.peak_rss_mb()
    held = b"x" * 200_000_000
    assert harness.peak_rss_mb() >= before
    assert harness.peak_rss_mb() >= len(held) / 1e6


@pytest.mark.django_db
def test_the_last_line_is_json_with_metrics_and_conditions(capsys: pytest.CaptureFixture[str]) -> None:
    table = harness.Rows("Speed", ("what", "ms"), [("ours", 1.25), ("floor", None)])
    harness.print_report("decide", harness.Report({"p50_ms": 1.25}, [table]))
    *_, last = capsys.readouterr().out.splitlines()
    document = json.loads(last)
    assert document["bench"] == "decide"
    assert document["metrics"] == {"p50_ms": 1.25}
    assert document["conditions"]["cores"] >= 1
    assert document["conditions"]["database"].split()[0] in {"SQLite", "PostgreSQL"}


def test_an_unknown_benchmark_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["no-such"]) == 2
    assert "no-such" in capsys.readouterr().err


def test_without_a_name_the_benchmarks_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert "bin/bench NAME" in capsys.readouterr().out
