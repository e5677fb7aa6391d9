"""Decisions: the list, and one decision with everything it saw."""

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from accounts.models import User
from accounts.permissions import Permission
from cases import selectors as cases
from cases.quality.hiding import is_judging
from console.access import staff_page, user_of
from console.bands import live_bands
from console.evidence import gather_evidence
from console.forms import DecisionFilter
from console.pages import show
from console.paging import page_of
from console.signals import read_signals
from core.errors import NotFound
from core.ids import decode, encode
from core.refs import Ref
from core.ui.graphics import draw_split
from merchants.models import Membership
from risk import selectors as risk
from risk.models import Decision
from risk.replay import Archive, Unreplayable, find_differences

_STEPS = {
    "facts": _("Time to gather the facts"),
    "lists": _("Time for the lists"),
    "rules": _("Time for the rules"),
    "score": _("Time for the score"),
}
_ID_PREFIXES = ("dec", "ord", "rev", "app", "mer")


@require_safe
@staff_page(Permission.VIEW_ALL_MERCHANTS)
def decision_list(request: HttpRequest) -> HttpResponse:
    filters = DecisionFilter(request.GET)
    chosen = filters.cleaned_data if filters.is_valid() else {}
    rows = _visible_to(user_of(request)).filter(*(_condition(name, value) for name, value in chosen.items()))
    context = {
        "filters": filters,
        "page": page_of(request, rows.defer("snapshot", "features", "latency_us"), keys=("-id",)),
        "bands": live_bands(),
        "is_filtered": any(chosen.values()),
        "now": timezone.now(),
    }
    return show(request, "console/decision_list.html", context)


@require_safe
@staff_page(Permission.VIEW_ALL_MERCHANTS)
def decision(request: HttpRequest, public_id: str) -> HttpResponse:
    found = decision_of(request, public_id)
    subject = Ref(found.subject_kind, found.subject_id)
    is_hidden = _is_hidden(found, user_of(request))
    context = {
        "decision": found,
        "public_id": public_id,
        "evidence": gather_evidence(found.subject_kind, found.subject_id),
        "signals": None if is_hidden else read_signals(found),
        "labels": [] if is_hidden else risk.list_labels(subject),
        "timings": _timings(found),
        "cases": [(encode("cas", case.pk), case) for case in cases.list_cases_of(subject)],
        "now": timezone.now(),
    }
    return show(request, "console/decision.html", context)


def decision_of(request: HttpRequest, public_id: str) -> Decision:
    """Return a decision this person may see; another one does not exist for them."""
    found = _visible_to(user_of(request)).filter(pk=decode("dec", public_id)).first()
    if found is None:
        raise NotFound("No such decision.")
    return found


@require_safe
@staff_page(Permission.VIEW_RULES)
def replay(request: HttpRequest, public_id: str) -> HttpResponse:
    """Judge again what the decision saw, from its row alone, and say what differs; nothing is written."""
    found = decision_of(request, public_id)
    context: dict[str, object] = {}
    if not _is_hidden(found, user_of(request)):
        try:
            context["differences"] = find_differences(found, Archive(with_live=True))
        except Unreplayable as refusal:
            context["refusal"] = str(refusal)
    return render(request, "console/decisions/_replay.html", context)


def _is_hidden(found: Decision, user: User) -> bool:
    """Tell whether somebody is to judge the subject blind: until then the outcome is hidden here too."""
    if is_judging(user, found.subject_kind, found.subject_id):
        return True
    open_case = cases.find_open_case(Ref(found.subject_kind, found.subject_id))
    return open_case is not None and open_case.is_blind


def _timings(decision: Decision) -> list[dict[str, object]]:
    """Return how long each step took, in milliseconds, and its place in a bar of the whole.

    A step nobody named shows its code.
    """
    spent = list(decision.latency_us.values())
    drawn = draw_split(spent)
    return [
        {"label": _STEPS.get(step, step), "milliseconds": us / 1_000, "x": x, "width": width}
        for step, us, (x, width) in zip(decision.latency_us, spent, drawn, strict=True)
    ]


def _visible_to(user: User) -> QuerySet[Decision]:
    """Everybody's decisions but those on merchants the user belongs to."""
    own = Membership.objects.filter(user=user).values("merchant_id")
    return Decision.objects.exclude(merchant_id__in=own)


def _condition(name: str, value: str) -> Q:
    if not value:
        return Q()
    if name == "subject":
        return Q(subject_kind=value)
    if name == "outcome":
        return ~Q(degraded=[]) if value == "degraded" else Q(outcome=value)
    return _by_id(value.strip())


def _by_id(text: str) -> Q:
    prefix = text.partition("_")[0]
    if prefix not in _ID_PREFIXES:
        return Q(pk=None)
    try:
        id = decode(prefix, text)
    except NotFound:
        return Q(pk=None)
    if prefix == "mer":
        return Q(merchant_id=id)  # whatever was decided about its orders and listings, and its account
    return Q(pk=id) if prefix == "dec" else Q(subject_id=id)
