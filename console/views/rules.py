"""Rulesets: every version, one version with its hits, and the draft that starts from it."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.permissions import Permission, has_permission
from console.access import staff_page, user_of
from console.forms import RuleFilter
from console.lifecycle import read_lifecycle
from console.pages import show
from console.rule_hits import PERIODS, count_hits
from console.rule_rows import group_rows, list_rows
from console.versions import rule_of, ruleset_of, version_tabs, versions_by_subject
from core.ids import encode
from core.ui.toasts import add_toast
from risk import selectors as risk
from risk import services
from risk.models import RuleSet, RuleSetStatus, Subject
from risk.starter.publishing import draft_starter


@require_safe
@staff_page(Permission.VIEW_RULES)
def ruleset_list(request: HttpRequest) -> HttpResponse:
    may_edit = has_permission(user_of(request), Permission.EDIT_RULES)
    context = {"by_subject": versions_by_subject(), "can_edit": may_edit, "now": timezone.now()}
    return show(request, "console/ruleset_list.html", context)


@require_safe
@staff_page(Permission.VIEW_RULES)
def ruleset(request: HttpRequest, public_id: str) -> HttpResponse:
    found, user, now = ruleset_of(public_id), user_of(request), timezone.now()
    filters = RuleFilter(request.GET)
    chosen = filters.cleaned_data if filters.is_valid() else {}
    rules = list(found.rules.all())
    hits = count_hits(found, rules, at=now, days=int(chosen.get("days") or PERIODS[-1]))
    rows = list_rows(found, rules, hits, at=now)
    text, mode, effect = (chosen.get(name, "") for name in ("q", "mode", "effect"))
    may_edit = has_permission(user, Permission.EDIT_RULES)
    context = {
        "ruleset": found,
        "public_id": public_id,
        "last_hand": found.last_editor or found.author,
        "way": read_lifecycle(found, user, at=now),
        "filters": filters,
        "is_filtered": bool(text or mode or effect),
        "groups": group_rows([row for row in rows if row.fits(text=text, mode=mode, effect=effect)]),
        "hits": hits,
        "can_edit": may_edit and found.status == RuleSetStatus.DRAFT,
        "previous": risk.find_rollback_target(found.subject)
        if found.status == RuleSetStatus.LIVE and may_edit
        else None,
        "activations": risk.list_activations(found),
        "tabs": version_tabs(found, "rules", count=len(rules)),
        "now": now,
    }
    return show(request, "console/ruleset.html", context)


@require_POST
@staff_page(Permission.EDIT_RULES)
def start(request: HttpRequest, subject: str) -> HttpResponse:
    """Start the first draft of a subject, from the starter rules."""
    if subject not in Subject.values:
        raise Http404
    return _show_draft(request, draft_starter(Subject(subject), author=user_of(request)))


@require_POST
@staff_page(Permission.EDIT_RULES)
def copy(request: HttpRequest, public_id: str) -> HttpResponse:
    """Start a draft from this version."""
    return _show_draft(request, services.copy_to_draft(ruleset_of(public_id), author=user_of(request)))


def _show_draft(request: HttpRequest, draft: RuleSet) -> HttpResponse:
    add_toast(
        request,
        _("Draft %(number)s created. Nothing changes until it is activated.") % {"number": draft.number},
    )
    return redirect("console:ruleset", encode("rst", draft.pk))


@require_POST
@staff_page(Permission.EDIT_RULES)
def delete_rule(request: HttpRequest, public_id: str, code: str) -> HttpResponse:
    found = ruleset_of(public_id)
    services.delete_rule(found, rule_of(found, code).code, author=user_of(request))
    add_toast(request, _("%(code)s removed from the draft") % {"code": code})
    return redirect("console:ruleset", public_id)


@require_POST
@staff_page(Permission.EDIT_RULES)
def move_rule(request: HttpRequest, public_id: str, code: str) -> HttpResponse:
    """Move a rule of a draft one place up or down: their order decides between queues and reasons."""
    found = ruleset_of(public_id)
    codes = [rule.code for rule in found.rules.all()]
    place = codes.index(rule_of(found, code).code) + 1
    step = -1 if request.POST.get("direction") == "up" else 1
    services.move_rule(found, code, to=place + step, author=user_of(request))
    return redirect("console:ruleset", public_id)
