"""`manage.py backtest` prints what a page would show."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from core.ids import encode
from risk.models import Backtest
from tests.make import NOON, make_live_ruleset, make_model, make_rule
from tests.risk.backtest.histories import UNTIL, make_history

pytestmark = pytest.mark.django_db


def backtest(*arguments: str) -> str:
    out = StringIO()
    period = ("--since", NOON.date().isoformat(), "--until", UNTIL.isoformat())
    call_command("backtest", "order", *arguments, *period, stdout=out)
    return out.getvalue()


@pytest.fixture
def _history() -> None:
    make_model()
    make_live_ruleset(make_rule("order.amount > 1000", code="R-1"))
    make_history(20, decided=0.0)


@pytest.mark.usefixtures("_history")
def test_thresholds_of_what_is_live_are_tried_and_printed() -> None:
    printed = backtest("--review-at", "0.001", "--hours", "2")
    row = Backtest.objects.latest("id")
    assert (row.kind, row.thresholds, row.costs) == (
        "thresholds",
        {"review_at": 0.001},
        {"reviewer_hours_per_day": 2.0},
    )
    assert "20 rows" in printed
    assert "R-1" in printed
    assert "Recommended" in printed
    assert printed.splitlines()[-1] == encode("bkt", row.pk)


@pytest.mark.usefixtures("_history")
def test_one_rule_of_a_ruleset_is_tried() -> None:
    live = Backtest.objects.latest("id").ruleset
    backtest("--ruleset", encode("rst", live.pk), "--rule", "R-1")
    assert Backtest.objects.latest("id").rule_code == "R-1"


@pytest.mark.usefixtures("_history")
def test_what_cannot_be_tried_is_said_in_a_sentence() -> None:
    with pytest.raises(CommandError, match="There is no rule 'R-9'"):
        backtest("--rule", "R-9")


def test_without_anything_live_a_ruleset_has_to_be_named() -> None:
    with pytest.raises(CommandError, match="Nothing is live"):
        backtest()


@pytest.mark.parametrize("since", ["soon", "2026-13-01"])
def test_a_moment_that_is_none_is_refused(since: str) -> None:
    make_live_ruleset()
    with pytest.raises(CommandError, match="moment"):
        call_command("backtest", "order", "--since", since)
