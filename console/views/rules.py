"""Rulesets: every version, one version with its hits, drafts and their activation by a second person."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.permissions import Permission
from cases.models import Queue
from console.access import staff_page, user_of
from console.conditions import ConditionCheck, check
from console.forms import RuleForm
from console.pages import show
from console.rule_hits import DAYS, RuleHits, count_hits
from console.wording import input_label
from core.errors import Conflict, NotFound, PermissionDenied, ValidationFailed
from core.ids import decode, encode
from core.reasons import REASONS
from core.ui.toasts import add_toast
from risk import selectors as risk
from risk import services
from risk.models import Rule, RuleSet, RuleSetStatus, Subject
from risk.schemas import schema_of

_NO_HITS = RuleHits(0, 0, (0,) * DAYS)


@require_safe
@staff_page(Permission.VIEW_RULES)
def ruleset_list(request: HttpRequest) -> HttpResponse:
    rulesets = list(risk.list_rulesets())
    by_subject = [
        (subject, [ruleset for ruleset in rulesets if ruleset.subject == subject]) for subject in Subject
    ]
    return show(request, "console/ruleset_list.html", {"by_subject": by_subject})


@require_safe
@staff_page(Permission.VIEW_RULES)
def ruleset(request: HttpRequest, public_id: str) -> HttpResponse:
    found, now = _ruleset_of(public_id), timezone.now()
    hits = count_hits(found.pk, at=now)
    rules = [
        (rule, check(found.subject, rule.condition), hits.by_code.get(rule.code, _NO_HITS))
        for rule in found.rules.all()
    ]
    context = {
        "ruleset": found,
        "public_id": public_id,
        "rules": rules,
        "hits": hits,
        "thresholds": found.policy.get("thresholds", {}),
        "review_share": found.policy.get("review_share", 0.0),
        "activations": found.activations.select_related("author", "approver").order_by("-pk"),
        "is_draft": found.status == RuleSetStatus.DRAFT,
        "is_own": found.author_id == user_of(request).pk,
        "now": now,
    }
    return show(request, "console/ruleset.html", context)


@require_POST
@staff_page(Permission.EDIT_RULES)
def copy(request: HttpRequest, public_id: str) -> HttpResponse:
    """Start a draft from this version."""
    draft = services.copy_to_draft(_ruleset_of(public_id), author=user_of(request))
    add_toast(
        request,
        _("Draft %(number)s created. Nothing changes until it is activated.") % {"number": draft.number},
    )
    return redirect("console:ruleset", encode("rst", draft.pk))


@require_http_methods(["GET", "HEAD", "POST"])
@staff_page(Permission.EDIT_RULES)
def rule(request: HttpRequest, public_id: str, code: str = "") -> HttpResponse:
    """Edit one rule of a draft, or write a new one."""
    found = _ruleset_of(public_id)
    existing = _rule_of(found, code) if code else None
    form = _rule_form(found, existing, request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            services.save_rule(found, form.definition(), author=user_of(request))
        except ValidationFailed as refusal:
            for error in refusal.errors:
                form.add_error("condition", error.detail)
        else:
            add_toast(request, _("%(code)s saved") % {"code": form.cleaned_data["code"]})
            return redirect("console:ruleset", public_id)
    condition = form["condition"].value() or ""
    context = {
        "ruleset": found,
        "public_id": public_id,
        "rule": existing,
        "form": form,
        "check": check(found.subject, condition) if condition else None,
        "fields": [(field, input_label(field.name, field)) for field in schema_of(found.subject).fields],
    }
    return show(request, "console/rule.html", context, status=422 if form.errors else 200)


@require_POST
@staff_page(Permission.EDIT_RULES)
def check_condition(request: HttpRequest, public_id: str) -> HttpResponse:
    """Say what a condition means, or where it cannot be read; asked while it is being typed."""
    found = _ruleset_of(public_id)
    condition = request.POST.get("condition", "")
    result: ConditionCheck | None = check(found.subject, condition) if condition.strip() else None
    return render(request, "console/rules/_check.html", {"check": result})


@require_POST
@staff_page(Permission.EDIT_RULES)
def delete_rule(request: HttpRequest, public_id: str, code: str) -> HttpResponse:
    found = _ruleset_of(public_id)
    services.delete_rule(found, _rule_of(found, code).code, author=user_of(request))
    add_toast(request, _("%(code)s removed from the draft") % {"code": code})
    return redirect("console:ruleset", public_id)


@require_POST
@staff_page(Permission.EDIT_RULES)
def activate(request: HttpRequest, public_id: str) -> HttpResponse:
    """Put the version live; the service refuses whoever edited it last."""
    found = _ruleset_of(public_id)
    try:
        services.activate_ruleset(found, approver=user_of(request), at=timezone.now())
    except (Conflict, PermissionDenied, ValidationFailed) as refusal:
        add_toast(request, _reason(refusal), kind="error")
    else:
        add_toast(request, _("Version %(number)s is live") % {"number": found.number})
    return redirect(reverse("console:ruleset", args=[public_id]))


def _ruleset_of(public_id: str) -> RuleSet:
    return risk.get_ruleset(decode("rst", public_id))


def _rule_of(found: RuleSet, code: str) -> Rule:
    rule = found.rules.filter(code=code).first()
    if rule is None:
        raise NotFound("No such rule.")
    return rule


def _rule_form(found: RuleSet, existing: Rule | None, data: Any) -> RuleForm:
    initial = (
        {name: getattr(existing, name) for name in RuleForm.base_fields} if existing else {"mode": "live"}
    )
    queues = Queue.objects.filter(subject=found.subject).values_list("code", "name_en")
    form = RuleForm(
        data,
        initial=initial,
        reasons=[(reason.code, reason.staff) for reason in REASONS.values()],
        queues=list(queues),
    )
    if existing is not None:
        # The code is what hits are counted under: another code is another rule.
        form.fields["code"].disabled = True
    return form


def _reason(refusal: Conflict | PermissionDenied | ValidationFailed) -> str:
    if isinstance(refusal, ValidationFailed):
        return " ".join(error.detail for error in refusal.errors)
    return refusal.message
