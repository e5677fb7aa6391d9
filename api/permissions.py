"""Scopes: each view names what a key must hold, e.g. `scopes = {"GET": "orders:read"}`."""

from typing import TYPE_CHECKING

from django.utils.translation import gettext as _
from rest_framework.exceptions import NotAuthenticated
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from core.errors import PermissionDenied

from .authentication import Caller

if TYPE_CHECKING:  # rest_framework.views imports this module while it is being imported itself
    from rest_framework.views import APIView

# For what every valid key may read: itself and its merchants.
ANY_KEY = ""


class HasScope(BasePermission):
    """Refuses a key that lacks the scope of the view and method."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        caller: object = request.user
        if not isinstance(caller, Caller):
            raise NotAuthenticated(_("Send an API key: “Authorization: Bearer mk_live_…”."))
        scopes: dict[str, str] = getattr(view, "scopes", {})
        needed = scopes.get("GET" if request.method == "HEAD" else str(request.method))
        # A method without a declared scope does not exist; DRF answers 405 after this.
        if needed and needed not in caller.key.scopes:
            raise PermissionDenied(
                _("The API key lacks the scope “%(scope)s”.") % {"scope": needed},
                code="insufficient_scope",
                extra={"scope": needed},
            )
        return True
