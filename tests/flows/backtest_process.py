"""What the processes of `test_backtest_crash.py` do: `python -m tests.flows.backtest_process STEP [ID]`."""

import json
import os
import sys
import time
from datetime import timedelta
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backoffice.settings")
PART_ROWS = 6


def prepare() -> list[int]:
    """Fill the database and request the same backtest twice; return their ids."""
    from django.core.management import call_command

    call_command("migrate", interactive=False, verbosity=0)
    from risk.backtest.services import request_backtest
    from risk.models import RuleSet
    from risk.rules.engine import Effect
    from tests.make import NOON, make_live_ruleset, make_model, make_rule
    from tests.risk.backtest.histories import UNTIL, make_history

    make_model(probability=0.4)
    make_live_ruleset(
        make_rule("order.amount > 1000", Effect.DECLINE, code="R-1"),
        make_rule("device_orders_7d_count >= 2", Effect.REVIEW, code="R-2"),
    )
    make_history(40)
    live = RuleSet.objects.get(status="live")
    tried: dict[str, Any] = {"kind": "thresholds", "thresholds": {"review_at": 0.5}}
    return [
        request_backtest(live, since=NOON, until=UNTIL, requested_by=None, at=UNTIL, **tried).pk
        for _ in range(2)
    ]


def run(backtest_id: int) -> bool:
    """Run a backtest, and say after each part how far it is, slowly enough to be killed there."""
    from django.utils import timezone

    from risk.backtest import running

    def progress(done: int, total: int) -> None:
        say([done, total])
        time.sleep(0.5)

    return running.run(backtest_id, at=timezone.now(), progress=progress)


def resume() -> list[int]:
    """Queue again what was left behind three minutes ago."""
    from django.utils import timezone

    from risk import runs
    from risk.models import Backtest

    runs.resume_abandoned(runs.BACKTESTS, at=timezone.now() + timedelta(minutes=3))
    return list(Backtest.objects.filter(status="queued").values_list("pk", flat=True))


def show(backtest_id: int) -> dict[str, Any]:
    from risk.models import Backtest

    row = Backtest.objects.get(pk=backtest_id)
    parts = list(row.parts.order_by("number").values_list("pk", "row_count"))
    return {"status": row.status, "done_rows": row.done_rows, "parts": parts, "result": row.result}


def say(what: Any) -> None:
    sys.stdout.write(f"{json.dumps(what)}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    import django

    django.setup()
    from risk.backtest import order_rows

    order_rows.PART_ROWS = PART_ROWS
    say(globals()[sys.argv[1]](*map(int, sys.argv[2:])))
