"""Models: versions beside their baseline, trainings in progress, promotion by a second person."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from accounts.permissions import Permission
from console.access import staff_page, user_of
from console.pages import show
from console.shadow import compare_shadow
from core.errors import Conflict, PermissionDenied
from core.ids import decode, encode
from core.ui.toasts import add_toast
from risk import selectors as risk
from risk import services
from risk.models import ModelStatus, ModelVersion, Subject, TrainingRun

_TRAINABLE = (Subject.ORDER, Subject.LISTING, Subject.APPLICATION)
_RUNS = 5
_UNDER_WAY = {TrainingRun.Status.QUEUED, TrainingRun.Status.RUNNING}
# Figure, its label, and whether more is better.
_FIGURES = (
    ("auc", "AUC", True),
    ("average_precision", gettext_lazy("Average precision"), True),
    ("recall_at_1pct_fpr", gettext_lazy("Caught at 1 % false alarms"), True),
    ("recall_at_5pct_fpr", gettext_lazy("Caught at 5 % false alarms"), True),
    ("brier", gettext_lazy("Brier score"), False),
    ("calibration_error", gettext_lazy("Calibration error"), False),
)
_STEPS = {
    "reading": gettext_lazy("Reading history"),
    "training": gettext_lazy("Training the model"),
    "baseline": gettext_lazy("Training the baseline"),
    "evaluating": gettext_lazy("Judging on later time"),
}


@require_safe
@staff_page(Permission.VIEW_RULES)
def model_list(request: HttpRequest) -> HttpResponse:
    versions = list(risk.list_models())
    by_subject = [
        (subject, [_row_of(version) for version in versions if version.subject == subject])
        for subject in _TRAINABLE
    ]
    context = {
        "by_subject": by_subject,
        "runs": [_run_row(run) for run in risk.list_training_runs().select_related("requested_by")[:_RUNS]],
    }
    return show(request, "console/model_list.html", context)


@require_safe
@staff_page(Permission.VIEW_RULES)
def model(request: HttpRequest, public_id: str) -> HttpResponse:
    found = risk.get_model(decode("mod", public_id))
    live = risk.find_live(found.subject)
    thresholds = live.policy.get("thresholds", {}) if live else {}
    review_at = thresholds.get("review_at", 1 / 3)
    context = {
        "model": found,
        "public_id": public_id,
        "figures": _figures(found.metrics),
        "rows": _rows_of(found),
        "run": found.training,
        "promotions": found.promotions.select_related("requested_by", "approver").order_by("-pk"),
        "comparison": compare_shadow(found, review_at=review_at)
        if found.status == ModelStatus.SHADOW
        else None,
        "review_at": review_at,
        "can_promote": found.status in {ModelStatus.SHADOW, ModelStatus.RETIRED},
        "is_own": found.training.requested_by_id == user_of(request).pk,
        "now": timezone.now(),
    }
    return show(request, "console/model.html", context)


@require_POST
@staff_page(Permission.PROMOTE_MODELS)
def train(request: HttpRequest) -> HttpResponse:
    """Ask for a training on everything known now."""
    subject = request.POST.get("subject", "")
    if subject in {choice.value for choice in _TRAINABLE}:
        services.request_training(subject, as_of=timezone.now(), requested_by=user_of(request))
        add_toast(request, _("Training requested. Another person promotes its model."))
    return redirect("console:models")


@require_safe
@staff_page(Permission.VIEW_RULES)
def training(request: HttpRequest, run_id: int) -> HttpResponse:
    """Answer the progress line of one training, which asks again while it runs."""
    run = risk.list_training_runs().select_related("requested_by").filter(pk=run_id).first()
    if run is None:
        return HttpResponse(status=404)
    return render(request, "console/models/_run.html", {"row": _run_row(run)})


@require_POST
@staff_page(Permission.PROMOTE_MODELS)
def promote(request: HttpRequest, public_id: str) -> HttpResponse:
    """Make the model champion; the service refuses whoever asked for its training."""
    found = risk.get_model(decode("mod", public_id))
    try:
        services.promote_model(found, approver=user_of(request), at=timezone.now())
    except (Conflict, PermissionDenied) as refusal:
        add_toast(request, refusal.message, kind="error")
    else:
        add_toast(request, _("Version %(number)s scores from now on") % {"number": found.number})
    return redirect("console:model", public_id)


def _row_of(version: ModelVersion) -> dict[str, Any]:
    return {
        "version": version,
        "public_id": encode("mod", version.pk),
        "model": version.metrics.get("model", {}),
        "baseline": version.metrics.get("baseline", {}),
        "rows": _rows_of(version),
    }


def _rows_of(version: ModelVersion) -> Mapping[str, int | None]:
    return {"earlier": None, "later": None, **version.metrics.get("rows", {})}


def _run_row(run: TrainingRun) -> dict[str, Any]:
    return {
        "run": run,
        "percent": round(100 * run.progress),
        "step": _STEPS.get(run.step, run.step),
        "state": "done" if run.status == TrainingRun.Status.FINISHED else run.status,
        "is_under_way": run.status in _UNDER_WAY,
    }


def _figures(metrics: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return each figure of the model beside the baseline's on the same later rows."""
    own, baseline = metrics.get("model", {}), metrics.get("baseline", {})
    rows = []
    for name, label, more_is_better in _FIGURES:
        ours, theirs = own.get(name), baseline.get(name)
        is_known = ours is not None and theirs is not None
        rows.append(
            {
                "label": label,
                "model": ours,
                "baseline": theirs,
                "difference": ours - theirs if is_known else None,
                "is_better": is_known and (ours > theirs) == more_is_better,
                "more_is_better": more_is_better,
            }
        )
    return rows
