"""Who may open a page of the portal, and for which of their merchants."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Concatenate, ParamSpec

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.utils.cache import add_never_cache_headers

from accounts.actors import actor_of
from accounts.models import User
from core.actors import Actor
from core.errors import NotFound, PermissionDenied
from merchants.models import Membership, Merchant
from merchants.permissions import Access, Area, allows
from merchants.selectors import list_memberships

P = ParamSpec("P")
_SESSION_KEY = "merchant"


@dataclass(frozen=True)
class Shop:
    """The merchant that a signed-in member is working for right now."""

    user: User
    merchant: Merchant
    role: str
    merchants: tuple[Merchant, ...]

    @property
    def actor(self) -> Actor:
        return actor_of(self.user)

    @property
    def merchant_ids(self) -> frozenset[int]:
        """What selectors may look at: the current merchant only."""
        return frozenset({self.merchant.pk})

    def may(self, area: Area, access: Access = Access.WRITE) -> bool:
        return allows(self.role, area, access)


Page = Callable[Concatenate[HttpRequest, P], HttpResponseBase]
UserPage = Callable[Concatenate[HttpRequest, User, P], HttpResponseBase]
ShopPage = Callable[Concatenate[HttpRequest, Shop, P], HttpResponseBase]


def merchant_page(area: Area, access: Access = Access.READ) -> Callable[[ShopPage[P]], Page[P]]:
    """Hand the page the current shop.

    Whoever is not signed in is asked to; who has no merchant yet is sent to
    the welcome page; a member whose role lacks the right is told so (403).
    """

    def wrap(view: ShopPage[P]) -> Page[P]:
        @wraps(view)
        def page(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if not isinstance(request.user, User):
                return redirect_to_login(request.get_full_path())
            shop = find_shop(request, request.user)
            if shop is None:
                return redirect("portal:home")
            if not shop.may(area, access):
                raise PermissionDenied("Your role does not allow this.", extra={"area": area.value})
            response = view(request, shop, *args, **kwargs)
            # Personal data: "back" after signing out must not show it again.
            add_never_cache_headers(response)
            return response

        return page

    return wrap


def user_page(view: UserPage[P]) -> Page[P]:
    """Hand the page the signed-in user, member of a merchant or not yet."""

    @wraps(view)
    def page(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if not isinstance(request.user, User):
            return redirect_to_login(request.get_full_path())
        response = view(request, request.user, *args, **kwargs)
        add_never_cache_headers(response)
        return response

    return page


def find_shop(request: HttpRequest, user: User) -> Shop | None:
    """Return the shop chosen in this session, else the user's first, else None; one query."""
    memberships = list_memberships(user)
    if not memberships:
        return None
    chosen = request.session.get(_SESSION_KEY)
    current = next((one for one in memberships if one.merchant_id == chosen), memberships[0])
    return _shop(user, current, memberships)


def choose_merchant(request: HttpRequest, user: User, merchant_id: int) -> None:
    """Work for another of one's merchants from now on; NotFound for somebody else's."""
    if all(one.merchant_id != merchant_id for one in list_memberships(user)):
        raise NotFound("No such merchant.")
    request.session[_SESSION_KEY] = merchant_id


def _shop(user: User, current: Membership, memberships: list[Membership]) -> Shop:
    return Shop(user, current.merchant, current.role, tuple(one.merchant for one in memberships))
