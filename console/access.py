"""Who may open a page of the console."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponseBase
from django.utils.cache import add_never_cache_headers

from accounts.models import User
from accounts.permissions import Permission, is_staff_member, require

P = ParamSpec("P")
Page = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


def staff_page(*permissions: Permission) -> Callable[[Page[P]], Page[P]]:
    """Let only holders of every permission in, or anybody with a staff role if none is named.

    Whoever is not signed in is asked to; merchants and other strangers get
    404, because this door is not for them to know of; staff without the
    permission are told so (403).
    """

    def wrap(view: Page[P]) -> Page[P]:
        @wraps(view)
        def page(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return redirect_to_login(request.get_full_path())
            if not is_staff_member(user_of(request)):
                raise Http404
            for permission in permissions:
                require(user_of(request), permission)
            response = view(request, *args, **kwargs)
            # Evidence is personal data: "back" after signing out must not show it again.
            add_never_cache_headers(response)
            return response

        return page

    return wrap


def user_of(request: HttpRequest) -> User:
    """Return the signed-in user of a staff page."""
    assert isinstance(request.user, User)
    return request.user
