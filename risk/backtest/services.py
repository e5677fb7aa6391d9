"""Writes on backtests: request, cancel, and run at once."""

from datetime import datetime
from typing import Any

from accounts.actors import actor_of
from accounts.models import User
from accounts.permissions import Permission, require
from core import audit, journal, outbox
from core.actors import SYSTEM
from core.errors import FieldError, ValidationFailed
from core.outbox import TaskCall
from core.refs import Ref
from risk import runs
from risk.models import Backtest, RuleSet
from risk.selectors import find_live

from . import running
from .costs import Costs
from .running import Progress
from .trials import build_trial


def request_backtest(
    ruleset: RuleSet,
    *,
    since: datetime,
    until: datetime,
    requested_by: User | None,
    at: datetime,
    kind: str = Backtest.Kind.RULESET,
    rule_code: str = "",
    thresholds: dict[str, Any] | None = None,
    costs: dict[str, Any] | None = None,
) -> Backtest:
    """Queue a backtest of the rows known in [since, until) against what is live now; a worker runs it.

    Raises ValidationFailed if conditions, thresholds, costs or the period cannot be used.

    requested_by    None = the system; a person needs the permission to edit rules
    thresholds      kind "thresholds": fields of `risk.policy.Thresholds` to change
    costs           fields of `risk.backtest.costs.Costs` that differ from their defaults
    """
    return _request(
        ruleset,
        since=since,
        until=until,
        requested_by=requested_by,
        kind=kind,
        rule_code=rule_code,
        thresholds=thresholds,
        costs=costs,
        send=True,
    )


def run_now(
    ruleset: RuleSet,
    *,
    since: datetime,
    until: datetime,
    requested_by: User | None,
    at: datetime,
    kind: str = Backtest.Kind.RULESET,
    rule_code: str = "",
    thresholds: dict[str, Any] | None = None,
    costs: dict[str, Any] | None = None,
    progress: Progress | None = None,
) -> Backtest:
    """Request a backtest and run it here, as if it took no time; its status says whether it finished."""
    backtest = _request(
        ruleset,
        since=since,
        until=until,
        requested_by=requested_by,
        kind=kind,
        rule_code=rule_code,
        thresholds=thresholds,
        costs=costs,
        send=False,
    )
    running.run(backtest.pk, at=at, clock=lambda: at, progress=progress)
    backtest.refresh_from_db()
    return backtest


def cancel_backtest(backtest: Backtest, *, canceller: User, at: datetime) -> None:
    """End a backtest that has not finished: at once if nobody runs it, else after its current part."""
    require(canceller, Permission.EDIT_RULES)
    runs.cancel(runs.BACKTESTS, backtest, by=canceller, at=at)


def _request(
    ruleset: RuleSet,
    *,
    since: datetime,
    until: datetime,
    requested_by: User | None,
    kind: str,
    rule_code: str,
    thresholds: dict[str, Any] | None,
    costs: dict[str, Any] | None,
    send: bool,
) -> Backtest:
    if requested_by is not None:
        require(requested_by, Permission.EDIT_RULES)
    _check_period(since, until)
    live = find_live(ruleset.subject)
    trial = build_trial(ruleset, live, kind=kind, rule_code=rule_code, thresholds=thresholds)
    with journal.unit():
        backtest = Backtest.objects.create(
            subject=ruleset.subject,
            kind=kind,
            ruleset=ruleset,
            rule_code=rule_code,
            thresholds=thresholds,
            content_hash=trial.candidate.content_hash,
            baseline=live,
            baseline_hash="" if trial.live is None else trial.live.content_hash,
            since=since,
            until=until,
            costs=_checked_costs(costs or {}),
            requested_by=requested_by,
        )
        audit.record(
            "backtest.requested",
            actor=SYSTEM if requested_by is None else actor_of(requested_by),
            subject=Ref("backtest", backtest.pk),
            detail={"hash": backtest.content_hash, "kind": kind},
        )
        if send:
            outbox.record(
                "backtest.requested",
                subject=Ref("backtest", backtest.pk),
                merchant_id=None,
                send=[TaskCall(runs.BACKTESTS.task, (backtest.pk,))],
            )
    return backtest


def _check_period(since: datetime, until: datetime) -> None:
    if since >= until:
        raise ValidationFailed([FieldError("/until", "invalid", "The period ends before it begins.")])


def _checked_costs(costs: dict[str, Any]) -> dict[str, Any]:
    try:
        Costs.from_json(costs)
    except (TypeError, ValueError) as error:
        raise ValidationFailed([FieldError("/costs", "invalid", str(error))]) from error
    return costs
