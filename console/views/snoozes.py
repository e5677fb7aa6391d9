"""Snoozes: a rule kept without effect for one merchant, buyer or device until a moment."""

from collections.abc import Mapping

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.permissions import Permission
from console.access import staff_page, user_of
from console.monitoring_tabs import monitoring_tabs
from console.pages import show
from console.paging import page_of
from console.refusals import sentence_of
from console.snooze_forms import ENTITY_WORDS, SnoozeForm
from console.snoozed import name_entities, snooze_keys
from console.views.decisions import decision_of
from core.errors import Conflict, NotFound, ValidationFailed
from core.ids import decode
from core.ui.toasts import add_toast
from risk import selectors as risk
from risk import services
from risk.models import Decision, RuleSnooze


@require_safe
@staff_page(Permission.VIEW_RULES)
def snooze_list(request: HttpRequest) -> HttpResponse:
    """List snoozes, those that stand first unless `?tab=over` asks for the others."""
    now, is_over = timezone.now(), request.GET.get("tab") == "over"
    snoozes = RuleSnooze.objects.select_related("author", "ended_by")
    standing = snoozes.filter(ended_at=None, until__gt=now)
    page = page_of(
        request, snoozes.exclude(pk__in=standing.values("pk")) if is_over else standing, keys=("-id",)
    )
    context = {
        "page": page,
        "rows": list(zip(page.rows, name_entities(page.rows), strict=True)),
        "is_over": is_over,
        "tabs": monitoring_tabs("snoozes"),
        "now": now,
    }
    return show(request, "console/snooze_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_page(Permission.EDIT_RULES)
def snooze_new(request: HttpRequest) -> HttpResponse:
    """Snooze a rule for somebody of a decision: `?decision=` names it, `?rule=` the rule."""
    found = decision_of(request, request.GET.get("decision", ""))
    keys = snooze_keys(found)
    form = SnoozeForm(
        request.POST or None,
        rules=_rules_of(found),
        entities=[(entity, ENTITY_WORDS[entity]) for entity in keys],
        rule_code=request.GET.get("rule", ""),
    )
    if request.method == "POST" and form.is_valid():
        try:
            _snooze(request, found, form, keys)
        except ValidationFailed as refusal:
            for error in refusal.errors:
                name = error.pointer.strip("/")
                form.add_error(name if name in form.fields else None, error.detail)
        except Conflict as refusal:
            form.add_error(None, refusal.message)
        else:
            add_toast(request, _("%(rule)s is snoozed") % {"rule": form.cleaned_data["rule_code"]})
            return redirect("console:snoozes")
    context = {"form": form, "decision": found, "public_id": request.GET.get("decision", "")}
    return show(request, "console/snooze_new.html", context, status=422 if form.errors else 200)


@require_POST
@staff_page(Permission.EDIT_RULES)
def end(request: HttpRequest, public_id: str) -> HttpResponse:
    """Let the rule have effect again."""
    found = RuleSnooze.objects.filter(pk=decode("snz", public_id)).first()
    if found is None:
        raise NotFound("No such snooze.")
    try:
        services.end_snooze(found, by=user_of(request), at=timezone.now())
    except Conflict as refusal:
        add_toast(request, sentence_of(refusal), kind="info")
    else:
        add_toast(request, _("%(rule)s has effect again") % {"rule": found.rule_code})
    return redirect("console:snoozes")


def _snooze(request: HttpRequest, found: Decision, form: SnoozeForm, keys: Mapping[str, int]) -> None:
    chosen, now = form.cleaned_data, timezone.now()
    services.snooze_rule(
        found.subject_kind,
        chosen["rule_code"],
        entity=chosen["entity"],
        key=keys[chosen["entity"]],
        until=form.until(now),
        reason=chosen["reason"],
        author=user_of(request),
        at=now,
    )


def _rules_of(found: Decision) -> list[tuple[str, str]]:
    """Return the live rules that can be snoozed, those that matched this decision first."""
    live = risk.find_live(found.subject_kind)
    results = (found.snapshot.get("evaluation") or {}).get("results", {})
    rules = [rule for rule in live.rules.all() if rule.effect != "decline"] if live else []
    ordered = sorted(rules, key=lambda rule: not results.get(rule.code))
    return [(rule.code, f"{rule.code} · {_(rule.name)}") for rule in ordered]
