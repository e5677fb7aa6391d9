"""The demo's run, top to bottom; `--check` verifies everything and does not serve."""

import argparse
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.core.management import call_command
from django.db.models import Count
from django.utils import timezone
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from backoffice import processes
from backoffice.demo import checks, desk, history, models, people, reviewing, stream, summary
from backoffice.supervisor import NotReady, Supervisor
from core import audit
from delivery import sequencer
from merchants.models import Merchant
from orders.models import Order
from recommendations import services as recommendations
from risk import accounts, explain
from risk.models import Decision

BIND = "127.0.0.1:8000"
_PATIENCE_S = 120.0
_DONE_MARK = "demo-complete"


def main(arguments: Sequence[str]) -> int:
    options = _options(arguments)
    console = Console()
    started = time.monotonic()
    walk_ms: list[float] = []
    folder = settings.VAR_DIR / "demo"
    folder.mkdir(parents=True, exist_ok=True)
    mark = folder / _DONE_MARK
    try:
        if mark.exists():
            console.print("The sample marketplace of the last run is still here; using it.")
            _migrate()
        else:
            walk_ms = _build(options.orders, console)
            mark.touch()
    except (RuntimeError, TimeoutError, NotReady) as error:
        console.print(f"[red]{error}[/red]")
        return 1
    figures = summary.gather_figures()
    summary.print_figures(figures, walk_ms=walk_ms, seconds=time.monotonic() - started, console=console)
    problems = [
        *summary.find_problems(figures),
        *(checks.find_site_problems(folder) if options.check else ()),
    ]
    for problem in problems:
        console.print(f"[red]{problem}[/red]")
    if problems or options.check:
        console.print(
            "[red]The demo is not sound.[/red]" if problems else "[green]All results are sound.[/green]"
        )
        return 1 if problems else 0
    return _serve(options.bind, console)


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bin/demo", description="The whole back office on sample data.")
    parser.add_argument("--check", action="store_true", help="verify every result and exit, without serving")
    parser.add_argument(
        "--orders",
        type=int,
        default=history.ORDERS,
        help=f"size of the sample: {history.ORDERS:,}, at least {history.FEWEST_ORDERS:,}",
    )
    parser.add_argument("--bind", default=BIND, help="where to serve")
    options = parser.parse_args(arguments)
    if options.orders < history.FEWEST_ORDERS:
        parser.error(f"--orders must be {history.FEWEST_ORDERS:,} or more, to train models on.")
    return options


def _build(orders: int, console: Console) -> list[float]:
    """Make everything; return the milliseconds of the orders that were waited for."""
    end = timezone.now().replace(microsecond=0)
    workers = [processes.worker([queue], concurrency=1) for queue in ("decisions", "training")]
    with _bars(console) as bars:
        _task(bars, "Create the database", _migrate)
        people.ensure_people()
        sample = history.make_sample(end=end, orders=orders, progress=_bar(bars, "Generate the marketplace"))
        history.load_history(sample, end=end, progress=_bar(bars, "Import its history"))
        history.publish_rules(at=end)
        with Supervisor(settings.VAR_DIR / "demo", workers) as supervisor:
            _task(bars, "Start the workers", lambda: supervisor.wait_until_ready(timeout_s=_PATIENCE_S))
            models.train_all(as_of=end, report=_share_bar(bars, "Train the models"))
            models.promote_all(at=timezone.now())
            submitted = stream.stream_everything(
                history.left_to_stream(sample, end=end), _bar(bars, "Stream the last days")
            )
        _task(bars, "Explain, score accounts, recommend", lambda: _finish(end))
        _task(bars, "Draft rules, backtest, measure parity", lambda: desk.lay_out(sample))
        _task(bars, "Review a morning’s cases", lambda: reviewing.review_some(at=timezone.now()))
    people.give_merchant_to_demo_user(_busy_merchant())
    return submitted.walk_ms


def _migrate() -> None:
    call_command("migrate", verbosity=0)


def _finish(end: datetime) -> None:
    """Run the periodic work once, so that every page has something to show from the start."""
    while explain.explain_pending(at=timezone.now()):
        pass
    accounts.refresh_scores(list(accounts.list_all_active()), as_of=end)
    recommendations.refresh(as_of=end)
    sequencer.sequence()
    while audit.seal(at=timezone.now() + timedelta(minutes=1)):
        pass


def _busy_merchant() -> Merchant:
    """Return the merchant with most orders that people would find interesting: fresh, and some held."""
    held = Order.objects.filter(import_batch_id=None).exclude(hold_kind="").order_by()
    busiest = held.values("merchant_id").annotate(count=Count("pk")).order_by("-count").first()
    fresh = Decision.objects.filter(subject_kind="order").order_by("-id").first()
    assert fresh is not None
    merchant_id = busiest["merchant_id"] if busiest else fresh.merchant_id
    assert merchant_id is not None
    return Merchant.objects.get(pk=merchant_id)


def _serve(bind: str, console: Console) -> int:
    with Supervisor(settings.VAR_DIR / "demo", processes.everything(bind=bind)) as supervisor:
        try:
            supervisor.wait_until_ready(timeout_s=_PATIENCE_S)
        except NotReady as error:
            console.print(f"[red]{error}[/red]")
            return 1
        _print_ways_in(bind, console)
        supervisor.watch()
    return 0


def _print_ways_in(bind: str, console: Console) -> None:
    token = people.make_key(at=timezone.now())
    console.print(f"\n[bold]The site is at http://{bind}[/bold]  (Ctrl-C stops it)\n")
    for login in people.LOGINS:
        console.print(
            f"  {login.door:<15} http://{bind}{login.path:<10} {login.email:<28} {people.PASSWORD}",
            soft_wrap=True,
        )
    console.print(f"  {'Partner system':<15} http://{bind}/api/v1/    {token}\n", soft_wrap=True)


# ── Progress ─────────────────────────────────────────────────────────────────────────────────────
def _bars(console: Console) -> Progress:
    columns = (TextColumn("{task.description:<40}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console)


def _bar(bars: Progress, title: str) -> Callable[[int, int], None]:
    task = bars.add_task(title, total=None)
    return lambda done, in_all: bars.update(task, completed=done, total=in_all)


def _share_bar(bars: Progress, title: str) -> Callable[[str, float], None]:
    task = bars.add_task(title, total=100)
    return lambda step, share: bars.update(
        task, description=f"{title} ({step})"[:40], completed=int(share * 100)
    )


def _task(bars: Progress, title: str, work: Callable[[], object]) -> None:
    task = bars.add_task(title, total=1)
    work()
    bars.update(task, completed=1)
