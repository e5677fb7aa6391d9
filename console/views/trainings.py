"""Trainings: asked for, followed, cancelled."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.permissions import Permission, has_permission
from console.access import staff_page, user_of
from console.modelling.overview import TRAINABLE
from console.modelling.runs import read_run
from console.refusals import sentence_of
from core.errors import Conflict, ValidationFailed
from core.ui.toasts import add_toast
from risk import selectors as risk
from risk import services
from risk.models import TrainingRun

TUNING_MINUTES = (0, 5, 15, 60)


@require_POST
@staff_page(Permission.PROMOTE_MODELS)
def train(request: HttpRequest) -> HttpResponse:
    """Ask for a training on everything known now."""
    subject, minutes = request.POST.get("subject", ""), request.POST.get("tuning_minutes", "0")
    if subject not in {choice.value for choice in TRAINABLE} or minutes not in map(str, TUNING_MINUTES):
        add_toast(request, _("Choose what to train and how long to look for settings."), kind="error")
        return redirect("console:models")
    try:
        services.request_training(
            subject, as_of=timezone.now(), requested_by=user_of(request), tuning_seconds=60 * int(minutes)
        )
    except (Conflict, ValidationFailed) as refusal:
        add_toast(request, sentence_of(refusal), kind="error")
    else:
        add_toast(request, _("Training requested. Another person promotes its model."))
    return redirect("console:models")


@require_safe
@staff_page(Permission.VIEW_RULES)
def training(request: HttpRequest, run_id: int) -> HttpResponse:
    """Answer the progress line of one training, which asks again while it runs; it stands on the list."""
    run = _run_of(run_id)
    if not request.headers.get("HX-Request"):
        return redirect("console:models")
    context = {
        "row": read_run(run),
        "can_cancel": has_permission(user_of(request), Permission.PROMOTE_MODELS),
        "now": timezone.now(),
    }
    return render(request, "console/models/_run.html", context)


@require_POST
@staff_page(Permission.PROMOTE_MODELS)
def cancel(request: HttpRequest, run_id: int) -> HttpResponse:
    """Cancel a training that has not ended; what it had tuned so far stays on record."""
    try:
        services.cancel_training(_run_of(run_id), by=user_of(request), at=timezone.now())
    except Conflict:
        add_toast(request, _("This training has ended already."), kind="error")
    else:
        add_toast(request, _("The training stops."))
    return redirect("console:models")


def _run_of(run_id: int) -> TrainingRun:
    run = risk.list_training_runs().select_related("requested_by").filter(pk=run_id).first()
    if run is None:
        raise Http404
    return run
