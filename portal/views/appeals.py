"""Appeals: object to a decision, and open what was sent with it."""

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from cases.appealing import is_appealable, open_appeal
from cases.appeals import get_appeal_file, open_appeal_file
from catalog.selectors import get_revision
from core.downloads import private_file
from core.errors import Conflict, PermissionDenied, ValidationFailed
from core.ids import decode, encode
from core.models import Statement
from core.statements import get_statement
from core.ui.toasts import add_toast
from merchants.permissions import Access, Area

from ..access import Shop, merchant_page
from ..forms.appeals import AppealForm
from ..pages import show
from ..statements import StatementCard

_AREAS = {
    "order": Area.ORDERS,
    "listing": Area.LISTINGS,
    "application": Area.APPLICATION,
    "merchant": Area.APPLICATION,
}


@require_http_methods(["GET", "HEAD", "POST"])
@merchant_page(Area.APPLICATION)
def appeal(request: HttpRequest, shop: Shop, public_id: str) -> HttpResponse:
    """Show the statement with a form beside it; who handles the subject may appeal."""
    statement = get_statement(decode("sta", public_id), shop.merchant_ids)
    area = _AREAS[statement.subject_kind]
    if not shop.may(area, Access.WRITE):
        raise PermissionDenied(_("Your role does not allow this."), extra={"area": area.value})
    back, now = _subject_href(statement, shop), timezone.now()
    form = AppealForm(request.POST, request.FILES) if request.method == "POST" else AppealForm()
    if form.is_bound and form.is_valid():
        try:
            open_appeal(
                statement, text=form.cleaned_data["text"], files=form.uploads(), actor=shop.actor, at=now
            )
        except ValidationFailed as failure:
            for error in failure.errors:
                form.add_problem(error.pointer, error.detail)
        except Conflict as refusal:
            add_toast(request, refusal.message, kind="warning")
            return redirect(back)
        else:
            add_toast(request, _("Appeal sent. Somebody else looks at it again."))
            return redirect(back)
    elif not form.is_bound and not is_appealable(statement, at=now):
        add_toast(request, _("This decision cannot be appealed."), kind="warning")
        return redirect(back)
    context = {"card": StatementCard(statement), "form": form, "back": back}
    return show(request, shop, "portal/statements/appeal.html", context, status=422 if form.is_bound else 200)


@require_safe
@merchant_page(Area.APPLICATION)
def appeal_file(request: HttpRequest, shop: Shop, public_id: str) -> HttpResponseBase:
    """Send a piece of evidence back to the merchant who sent it, on record."""
    found = get_appeal_file(decode("apf", public_id), shop.merchant_ids)
    open_appeal_file(found, actor=shop.actor)
    extension = found.file.name.rpartition(".")[2] if found.file.name else "bin"
    return private_file(found.file, content_type=found.content_type, name=f"{public_id}.{extension}")


def _subject_href(statement: Statement, shop: Shop) -> str:
    """Return the page on which the statement stands."""
    if statement.subject_kind == "order":
        return reverse("portal:order", args=[encode("ord", statement.subject_id)])
    if statement.subject_kind == "listing":
        revision = get_revision(shop.merchant_ids, statement.subject_id)
        return reverse("portal:listing", args=[encode("lst", revision.listing_id)])
    return reverse("portal:application" if statement.subject_kind == "application" else "portal:home")
