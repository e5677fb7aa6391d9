"""The policy of a version: thresholds, what they would do lately, what they cost."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts.permissions import Permission, has_permission, require
from console.access import staff_page, user_of
from console.backtest_report import Report, read_report
from console.distributions import LATEST, Outcomes, draw_outcomes, recent_scores
from console.pages import show
from console.rule_forms import PolicyForm
from console.versions import ruleset_of, version_tabs
from core.errors import Conflict
from core.ids import decode, encode
from core.ui.toasts import add_toast
from risk import services
from risk.backtest import selectors as backtests
from risk.models import Backtest, RuleMode, RuleSet, RuleSetStatus
from risk.policy import Thresholds
from risk.rulesets import Policy, policy_of


@require_http_methods(["GET", "HEAD", "POST"])
@staff_page(Permission.VIEW_RULES)
def policy(request: HttpRequest, public_id: str) -> HttpResponse:
    """Show the policy; that of a draft can be edited."""
    found, user = ruleset_of(public_id), user_of(request)
    stored = policy_of(found.policy)
    form = PolicyForm.of(stored, request.POST or None)
    if request.method == "POST":
        require(user, Permission.EDIT_RULES)
        if found.status != RuleSetStatus.DRAFT:
            raise Conflict(
                _("Only a draft can be edited; copy this version to a new draft."), code="not_a_draft"
            )
        if form.is_valid():
            services.save_policy(found, form.policy(), author=user)
            add_toast(request, _("Policy saved in the draft"))
            return redirect("console:policy", public_id)
    may_edit = has_permission(user, Permission.EDIT_RULES) and found.status == RuleSetStatus.DRAFT
    context = {
        "ruleset": found,
        "public_id": public_id,
        "last_hand": found.last_editor or found.author,
        "form": form,
        "can_edit": may_edit,
        "outcomes": _outcomes(found.subject, stored.thresholds),
        "scores_note": _("the last %(n)s decisions") % {"n": f"{LATEST:,}"},
        "report": _latest_with_costs(found.subject),
        "forced": _forced(found),
        "tabs": version_tabs(found, "policy"),
    }
    return show(request, "console/policy.html", context, status=422 if form.errors else 200)


@require_POST
@staff_page(Permission.VIEW_RULES)
def preview(request: HttpRequest, public_id: str) -> HttpResponse:
    """Show what thresholds would do while they are being typed; ones that contradict change nothing."""
    found = ruleset_of(public_id)
    stored = policy_of(found.policy)
    form = PolicyForm.of(stored, request.POST)
    thresholds = form.policy().thresholds if form.is_valid() else stored.thresholds
    context = {"outcomes": _outcomes(found.subject, thresholds)}
    return render(request, "console/rules/_outcomes.html", context)


@require_POST
@staff_page(Permission.EDIT_RULES)
def adopt(request: HttpRequest, public_id: str) -> HttpResponse:
    """Start a draft of the version that was tested, with the thresholds its backtest recommends."""
    backtest = backtests.get_backtest(decode("bkt", public_id))
    report = read_report(backtest)
    best = report.money["recommended"] if report and report.money else None
    if best is None:
        add_toast(request, _("This backtest recommends no thresholds"), kind="error")
        return redirect("console:backtest", public_id)
    author = user_of(request)
    draft = services.copy_to_draft(backtest.ruleset, author=author)
    services.save_policy(draft, _with_scores(policy_of(draft.policy), best), author=author)
    add_toast(request, _("Draft %(number)s has the recommended thresholds") % {"number": draft.number})
    return redirect("console:policy", encode("rst", draft.pk))


def _with_scores(policy: Policy, best: Mapping[str, float]) -> Policy:
    thresholds = replace(
        policy.thresholds, review_at=best["review_at"], decline_at=min(1.0, best["decline_at"])
    )
    return replace(policy, thresholds=thresholds)


def _outcomes(subject: str, thresholds: Thresholds) -> Outcomes:
    return draw_outcomes(
        recent_scores(subject),
        review_at=thresholds.review_at,
        decline_at=thresholds.decline_at,
        points_review_at=thresholds.points_review_at,
        points_decline_at=thresholds.points_decline_at,
    )


def _latest_with_costs(subject: str) -> Report | None:
    """Return the newest finished backtest of the subject whose result has costs."""
    rows = backtests.list_backtests(subject).filter(status=Backtest.Status.FINISHED)
    newest = rows.exclude(result__costs=None).first()
    report = read_report(newest) if newest is not None else None
    return report if report is not None and report.money is not None else None


def _forced(found: RuleSet) -> Mapping[str, int]:
    effects = Counter(found.rules.filter(mode=RuleMode.LIVE).values_list("effect", flat=True))
    return {effect: effects[effect] for effect in ("decline", "review", "approve", "points")}
