"""Where a version stands between draft and retired, what comes next, and what stands in the way."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User
from accounts.permissions import Permission, has_permission
from risk.models import FRESH_FOR, Activation, Backtest, RuleSet, RuleSetStatus
from risk.rules.errors import RulesetError
from risk.rulesets import compile_rows

_UNDER_WAY = {Backtest.Status.QUEUED, Backtest.Status.RUNNING}


@dataclass(frozen=True)
class Step:
    """One station. `state`: done, current, todo, or skipped for one that was passed over."""

    label: Promise
    state: str
    at: datetime | None = None
    who: str = ""


@dataclass(frozen=True)
class Lifecycle:
    """A version's way.

    content_hash   of what the rows say now; "" if a condition cannot be read
    backtest       newest finished one of exactly this content, fresh enough to rely on; `running` likewise
    next           "backtest", "approve", "copy", "activate" (again), or "" where this person can do nothing
    reasons        why the way does not go on, in words
    """

    steps: Sequence[Step]
    content_hash: str
    backtest: Backtest | None
    running: Backtest | None
    next: str
    reasons: Sequence[str]


def read_lifecycle(ruleset: RuleSet, user: User, *, at: datetime) -> Lifecycle:
    """Return the way of a version as this person sees it; three queries."""
    content_hash, problem = _hash_of(ruleset)
    backtests = list(
        Backtest.objects.filter(
            content_hash=content_hash, kind=Backtest.Kind.RULESET, subject=ruleset.subject
        )
        .exclude(status__in=[Backtest.Status.FAILED, Backtest.Status.CANCELLED])
        .select_related("requested_by")
        .defer("result")
        .order_by("-id")[:20]
        if content_hash
        else ()
    )
    done = next((one for one in backtests if one.finished_at is not None), None)
    finished = done if done is not None and _is_fresh(done, at) else None
    running = next((one for one in backtests if one.status in _UNDER_WAY), None)
    activation = Activation.objects.filter(ruleset=ruleset).select_related("approver").order_by("-id").first()
    if activation is not None and activation.ruleset_hash != content_hash:
        activation = None
    action, reasons = _next(ruleset, user, finished, running, is_stale=done is not None and finished is None)
    return Lifecycle(
        steps=_steps(ruleset, finished, activation),
        content_hash=content_hash,
        backtest=finished,
        running=running,
        next=action,
        reasons=[problem] if problem else reasons,
    )


def is_own(ruleset: RuleSet, user: User) -> bool:
    """Tell whether this person wrote or last edited the version and so cannot approve it."""
    return user.pk in {ruleset.author_id, ruleset.last_editor_id}


def _hash_of(ruleset: RuleSet) -> tuple[str, str]:
    if ruleset.content_hash:
        return ruleset.content_hash, ""
    try:
        return compile_rows(ruleset).content_hash, ""
    except RulesetError as error:
        codes = ", ".join(error.errors)
        return "", _("A condition cannot be read: %(codes)s. Correct it first.") % {"codes": codes}
    except ValueError:
        return "", _("The thresholds contradict each other. Correct the policy first.")


def _next(
    ruleset: RuleSet, user: User, finished: Backtest | None, running: Backtest | None, *, is_stale: bool
) -> tuple[str, list[str]]:
    may_edit = has_permission(user, Permission.EDIT_RULES)
    if ruleset.status == RuleSetStatus.LIVE:
        return ("copy" if may_edit else "", [])
    if ruleset.status == RuleSetStatus.SCHEDULED:
        return "", [_("Approved. It goes live by itself at its hour.")]
    if ruleset.status == RuleSetStatus.RETIRED:
        return _return(ruleset, user, may_edit=may_edit)
    if finished is None:
        if running is not None:
            return "", [_("The backtest of this version is running.")]
        reason = (
            _("Its backtest is older than 7 days; the approval needs a fresh one.")
            if is_stale
            else _("Before it can be approved it needs a backtest of exactly this version.")
        )
        return ("backtest" if may_edit else "", [reason])
    if is_own(ruleset, user):
        return "", [_("A second person has to approve it: you wrote or edited this version.")]
    if not may_edit:
        return "", [_("Your role reads rules and does not change them.")]
    return "approve", [_("Tested, and ready for your approval.")]


def _return(ruleset: RuleSet, user: User, *, may_edit: bool) -> tuple[str, list[str]]:
    """Return whether this person may put an earlier version live again."""
    if not may_edit:
        return "", []
    if is_own(ruleset, user):
        return "", [_("A second person has to put it live again: you wrote or edited this version.")]
    return "approve", [_("It was live before and needs no new backtest to return, only your approval.")]


def _is_fresh(backtest: Backtest, at: datetime) -> bool:
    return backtest.finished_at is not None and backtest.finished_at >= at - FRESH_FOR


def _steps(ruleset: RuleSet, finished: Backtest | None, activation: Activation | None) -> list[Step]:
    status = ruleset.status
    is_out = status in {RuleSetStatus.LIVE, RuleSetStatus.RETIRED}
    backtest = finished or (activation.backtest if activation else None)
    steps = [
        Step(gettext_lazy("Draft"), "done", ruleset.created_at, str(ruleset.author)),
        Step(
            gettext_lazy("Backtested"),
            "done" if backtest else "skipped" if is_out else "todo",
            backtest.finished_at if backtest else None,
            str(backtest.requested_by or "") if backtest else "",
        ),
        Step(
            gettext_lazy("Approved"),
            "done" if activation or is_out else "todo",
            activation.approved_at if activation else None,
            str(activation.approver) if activation else "",
        ),
        Step(
            gettext_lazy("Scheduled"),
            "done" if ruleset.starts_at else "skipped" if is_out else "todo",
            ruleset.starts_at,
        ),
        Step(gettext_lazy("Live"), "done" if is_out else "todo", ruleset.published_at),
        Step(
            gettext_lazy("Retired"),
            "done" if status == RuleSetStatus.RETIRED else "todo",
            ruleset.retired_at if status == RuleSetStatus.RETIRED else None,
        ),
    ]
    return _with_current(steps)


def _with_current(steps: Sequence[Step]) -> list[Step]:
    """Mark the furthest station that was reached."""
    last = max(i for i, step in enumerate(steps) if step.state == "done")
    return [
        Step(step.label, "current", step.at, step.who) if i == last else step for i, step in enumerate(steps)
    ]
