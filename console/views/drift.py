"""Drift: how each subject's model does day by day."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.permissions import Permission
from console.access import staff_page, user_of
from console.drift import SUBJECTS, find_health
from console.monitoring_tabs import monitoring_tabs
from console.pages import show
from core.ui.toasts import add_toast
from ml.drift import LARGE_PSI, MODERATE_PSI
from risk import services
from risk.models import Subject


@require_safe
@staff_page(Permission.VIEW_RULES)
def drift(request: HttpRequest) -> HttpResponse:
    """Show drift, scores, outcomes and shadows of one subject's model."""
    subject = _subject_of(request.GET.get("subject", ""))
    context = {
        "subject": subject,
        "subjects": SUBJECTS,
        "health": find_health(subject),
        "moderate": MODERATE_PSI,
        "large": LARGE_PSI,
        "tabs": monitoring_tabs("drift"),
        "now": timezone.now(),
    }
    return show(request, "console/drift.html", context)


@require_POST
@staff_page(Permission.PROMOTE_MODELS)
def measure(request: HttpRequest) -> HttpResponse:
    """Have a worker measure the models before the night."""
    services.request_measurement(by=user_of(request))
    add_toast(request, _("The models are being measured; look again in a minute."))
    subject = _subject_of(request.POST.get("subject", ""))
    return redirect(f"{reverse('console:drift')}?{urlencode({'subject': subject})}")


def _subject_of(text: str) -> str:
    return next((subject for subject in SUBJECTS if subject == text), Subject.ORDER).value
