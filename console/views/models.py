"""Models: the list, a version's report and card, and what people do with a version."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from accounts.models import User
from accounts.permissions import Permission
from catalog.models import Category
from console.access import staff_page, user_of
from console.bands import live_bands
from console.modelling.card import name_of, write_card
from console.modelling.figures import LISTED, figures_of
from console.modelling.gate import read_gate
from console.modelling.overview import TRAINABLE, open_and_recent_runs, read_overview, read_trainings
from console.modelling.report import ModelReport, read_report
from console.modelling.runs import read_runs
from console.modelling.words import kind_words
from console.pages import show
from console.paging import page_of
from console.shadow import compare_shadow
from console.views.trainings import TUNING_MINUTES
from core.errors import Conflict, DomainError, PermissionDenied
from core.ids import decode
from core.ui.formats import DEFAULT_REVIEW_AT
from core.ui.toasts import add_toast
from risk import selectors as risk
from risk import services
from risk.models import ModelPromotion, ModelStatus, ModelVersion, TrainingRun
from risk.models import ModelReport as StoredReport

_TRAININGS_A_PAGE = 15


@require_safe
@staff_page(Permission.VIEW_RULES)
def model_list(request: HttpRequest) -> HttpResponse:
    """Show the champion of every subject, what was trained lately, and trainings under way."""
    now = timezone.now()
    context = {
        "subjects": read_overview(at=now),
        "runs": read_runs(open_and_recent_runs()),
        "trainable": TRAINABLE,
        "tuning_minutes": TUNING_MINUTES,
        "now": now,
    }
    return show(request, "console/model_list.html", context)


@require_safe
@staff_page(Permission.VIEW_RULES)
def subject_models(request: HttpRequest, subject: str) -> HttpResponse:
    """Show every training of a subject that made versions, newest first."""
    found = next((one for one in TRAINABLE if one.value == subject), None)
    if found is None:
        raise Http404
    runs = TrainingRun.objects.filter(subject=subject, versions__isnull=False).distinct()
    page = page_of(
        request,
        runs.select_related("requested_by").prefetch_related("versions"),
        keys=("-id",),
        limit=_TRAININGS_A_PAGE,
    )
    context = {
        "subject": found,
        "page": page,
        "columns": [label for _figure, label in figures_of(found, LISTED)],
        "groups": read_trainings(page.rows),
        "now": timezone.now(),
    }
    return show(request, "console/model_subject.html", context)


@require_safe
@staff_page(Permission.VIEW_RULES)
def model(request: HttpRequest, public_id: str) -> HttpResponse:
    found, now, user = _model_of(public_id), timezone.now(), user_of(request)
    report = _report_of(found)
    review_at = live_bands().get(found.subject, (DEFAULT_REVIEW_AT, 1.0))[0]
    gate = read_gate(found, user, report.categories, at=now)
    context = {
        "model": found,
        "public_id": public_id,
        "kind": kind_words(found.kind),
        "report": report,
        "run": found.training,
        "gate": gate,
        "verdict": gate.verdict,
        "promotions": list(risk.list_promotions(found.subject).filter(model=found)),
        "comparison": compare_shadow(found, review_at=review_at)
        if found.status == ModelStatus.SHADOW
        else None,
        "review_at": review_at,
        "now": now,
        "is_card": False,
    }
    return show(request, "console/model.html", context)


@require_safe
@staff_page(Permission.VIEW_RULES)
def model_card(request: HttpRequest, public_id: str) -> HttpResponse:
    """Hand out the card as a file."""
    found = _model_of(public_id)
    answer = HttpResponse(write_card(_report_of(found)), content_type="text/html; charset=utf-8")
    answer.headers["Content-Disposition"] = f'attachment; filename="{name_of(found)}"'
    answer.headers["X-Content-Type-Options"] = "nosniff"
    return answer


@require_safe
@staff_page(Permission.VIEW_RULES)
def comparison(request: HttpRequest, public_id: str) -> HttpResponse:
    """Answer how a comparison goes, and make the page load anew once it has ended."""
    found, user = _model_of(public_id), user_of(request)
    gate = read_gate(found, user, {}, at=timezone.now())
    answer = render(
        request, "console/models/_comparing.html", {"gate": gate, "public_id": public_id, "model": found}
    )
    if not gate.is_comparing:
        answer.headers["HX-Refresh"] = "true"
    return answer


# ── Actions ──────────────────────────────────────────────────────────────────────────────────────
Action = Callable[[ModelVersion, User, datetime], object]


def _action(act: Action, done: Promise) -> Callable[[HttpRequest, str], HttpResponseBase]:
    """Return the view that does one thing to a version and says so, or says why not."""

    def view(request: HttpRequest, public_id: str) -> HttpResponse:
        found = _model_of(public_id)
        try:
            told = act(found, user_of(request), timezone.now())
        except (Conflict, PermissionDenied) as refusal:
            add_toast(request, _refusal(refusal), kind="error")
        else:
            scores_now = told.model if isinstance(told, ModelPromotion) else found
            add_toast(request, str(done) % {"number": scores_now.number})
        return redirect("console:model", public_id)

    return require_POST(staff_page(Permission.PROMOTE_MODELS)(view))


def _roll_back(found: ModelVersion, user: User, at: datetime) -> ModelPromotion:
    """Return to the champion before; refused if another one reigns by now than the page showed."""
    if found.status != ModelStatus.CHAMPION:
        raise Conflict("This model is not the champion any more.", code="not_champion")
    return services.roll_back_model(found.subject, approver=user, at=at)


# Lets a candidate score live traffic without effect.
shadow = _action(
    lambda found, user, at: services.shadow_model(found, by=user, at=at),
    gettext_lazy("Version %(number)s scores beside the champion from now on"),
)
# Asks for a comparison with the present champion on what is labelled by now.
compare = _action(
    lambda found, user, at: services.request_comparison(found, requested_by=user, at=at),
    gettext_lazy("The comparison of version %(number)s is requested"),
)
# Makes the model champion; the service refuses whoever asked for its training.
promote = _action(
    lambda found, user, at: services.promote_model(found, approver=user, at=at),
    gettext_lazy("Version %(number)s scores from now on"),
)
# Puts a candidate or a shadow away.
retire = _action(
    lambda found, user, at: services.retire_model(found, by=user, at=at),
    gettext_lazy("Version %(number)s is put away"),
)
roll_back = _action(_roll_back, gettext_lazy("Version %(number)s scores again"))


def _refusal(refusal: DomainError) -> str:
    """Return why a service said no, in the reader's language."""
    words: Mapping[str, str] = {
        "not_champion": _("This model is not the champion any more."),
        "second_person_needed": _("A second person has to promote this model."),
        "not_promotable": _("Only a shadow or an earlier champion can be promoted."),
        "no_passing_comparison": _(
            "It has no passing comparison with the present champion of the last days."
        ),
        "not_a_candidate": _("Only a candidate can be put in shadow."),
        "is_champion": _("The champion is what others are compared with."),
        "not_retirable": _("Only a candidate or a shadow can be put away."),
        "nothing_to_roll_back_to": _("No other model was champion before it."),
    }
    return words.get(refusal.code, refusal.message)


def _model_of(public_id: str) -> ModelVersion:
    return risk.get_model(decode("mod", public_id))


def _report_of(found: ModelVersion) -> ModelReport:
    data: Mapping[str, Any] | None = (
        StoredReport.objects.filter(pk=found.pk).values_list("data", flat=True).first()
    )
    return read_report(found, data, _category_names(data))


def _category_names(data: Mapping[str, Any] | None) -> dict[str, str]:
    """Return code → name of the categories that a report names; no query if it names none."""
    codes = {row["value"] for row in ((data or {}).get("segments") or {}).get("category", ())}
    return {one.code: one.name for one in Category.objects.filter(code__in=codes)} if codes else {}
