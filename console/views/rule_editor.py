"""One rule of a draft: written with completion, explained and tried while it is being typed."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.permissions import Permission
from cases.models import Queue
from console.access import staff_page, user_of
from console.conditions import check, read
from console.field_browser import editor_words, list_fields
from console.pages import show
from console.rule_forms import RuleForm
from console.trials import LATEST, try_condition
from console.versions import rule_of, ruleset_of
from core.errors import Conflict, ValidationFailed
from core.reasons import REASONS, find_reason
from core.ui.toasts import add_toast
from risk import services
from risk.models import Rule, RuleSet, RuleSetStatus
from risk.rulesets import known_lists

_LANGUAGES = (("en", "en"), ("zh-hans", "zh-Hans"))


@require_http_methods(["GET", "HEAD", "POST"])
@staff_page(Permission.EDIT_RULES)
def rule(request: HttpRequest, public_id: str, code: str = "") -> HttpResponse:
    """Edit one rule of a draft, or write a new one; a published one is shown among its others."""
    found = ruleset_of(public_id)
    if found.status != RuleSetStatus.DRAFT and request.method != "POST":
        return redirect(f"{reverse('console:ruleset', args=[public_id])}?{urlencode({'q': code})}")
    if found.status != RuleSetStatus.DRAFT:
        raise Conflict(_("Only a draft can be edited; copy this version to a new draft."), code="not_a_draft")
    existing = rule_of(found, code) if code else None
    form = _rule_form(found, existing, request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            services.save_rule(found, form.definition(), author=user_of(request))
        except ValidationFailed as refusal:
            for error in refusal.errors:
                form.add_error(_field_at(error.pointer, form), error.detail)
        else:
            add_toast(request, _("%(code)s saved") % {"code": form.cleaned_data["code"]})
            return redirect("console:ruleset", public_id)
    condition = form["condition"].value() or ""
    fields = list_fields(found.subject)
    context = {
        "ruleset": found,
        "public_id": public_id,
        "rule": existing,
        "form": form,
        "check": check(found.subject, condition, known_lists()) if condition else None,
        "fields": fields,
        "words": editor_words(found.subject, fields),
        "other_lang": "en" if (translation.get_language() or "").startswith("zh") else "zh-Hans",
        "groups": sorted(set(found.rules.exclude(group="").values_list("group", flat=True))),
        "try_note": _("the last %(n)s, as they were decided") % {"n": LATEST},
        "reason_sentences": _sentences(form["reason_code"].value() or ""),
    }
    return show(request, "console/rule.html", context, status=422 if form.errors else 200)


@require_POST
@staff_page(Permission.EDIT_RULES)
def check_condition(request: HttpRequest, public_id: str) -> HttpResponse:
    """Say what a condition means, or where it cannot be read; asked while it is being typed."""
    found = ruleset_of(public_id)
    condition = request.POST.get("condition", "")
    result = check(found.subject, condition, known_lists()) if condition.strip() else None
    return render(request, "console/rules/_check.html", {"check": result})


@require_POST
@staff_page(Permission.EDIT_RULES)
def try_on_recent(request: HttpRequest, public_id: str) -> HttpResponse:
    """Say what a condition would have matched lately; asked while it is being typed."""
    found = ruleset_of(public_id)
    condition = request.POST.get("condition", "")
    expression = read(found.subject, condition, known_lists())
    context: dict[str, Any] = {"now": timezone.now()}
    if expression is not None:
        context["trial"] = try_condition(found.subject, expression)
    elif condition.strip():
        context["sentence"] = _("The condition cannot be read yet, so there is nothing to try.")
    return render(request, "console/rules/_try.html", context)


@require_safe
@staff_page(Permission.EDIT_RULES)
def preview_reason(request: HttpRequest) -> HttpResponse:
    """Show what staff and merchants read for a reason, in both languages."""
    return render(
        request,
        "console/rules/_reason.html",
        {"sentences": _sentences(request.GET.get("reason_code", ""))},
    )


def _sentences(code: str) -> list[dict[str, str]]:
    if code not in REASONS:
        return []
    reason = find_reason(code)
    sentences = []
    for language, tag in _LANGUAGES:
        with translation.override(language):
            sentences.append(
                {
                    "lang": tag,
                    "staff_label": _("Staff read:"),
                    "staff": str(reason.staff),
                    "merchant_label": _("The merchant reads:"),
                    "merchant": str(reason.merchant),
                }
            )
    return sentences


def _rule_form(found: RuleSet, existing: Rule | None, data: Any) -> RuleForm:
    initial = (
        {name: getattr(existing, name) for name in RuleForm.base_fields}
        if existing
        else {"mode": "live", "effect": "review", "rollout_percent": 100}
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


def _field_at(pointer: str, form: RuleForm) -> str | None:
    name = pointer.rpartition("/")[2]
    return name if name in form.fields else None
