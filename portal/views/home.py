"""The merchant's home: what is next, how it goes, how far the shop is set up."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts.models import User
from core.ids import decode

from ..access import choose_merchant, find_shop, user_page
from ..pages import frame
from ..todo import list_setup, list_todo, orders_href


@require_safe
@user_page
def home(request: HttpRequest, user: User) -> HttpResponse:
    shop = find_shop(request, user)
    if shop is None:
        return render(request, "portal/welcome.html")
    shown = frame(shop)
    setup = list_setup(shop, shown["application"], shown["listing_counts"])
    context = {
        **shown,
        "orders_href": orders_href(),
        "todo": list_todo(shop, shown["application"], shown["order_counts"]),
        "setup": setup,
        "setup_done": sum(item.is_done for item in setup),
    }
    return render(request, "portal/home.html", context)


@require_POST
@user_page
def switch(request: HttpRequest, user: User) -> HttpResponse:
    """Work for another of the user's merchants."""
    choose_merchant(request, user, decode("mer", request.POST.get("merchant", "")))
    return redirect("portal:home")
