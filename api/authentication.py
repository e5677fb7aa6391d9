"""API keys: `Authorization: Bearer mk_live_…`."""

from dataclasses import dataclass

from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from accounts.actors import actor_of_key
from accounts.models import APIKey
from accounts.selectors import find_api_key, note_use
from core.actors import Actor
from core.errors import PermissionDenied
from merchants.selectors import merchant_ids_of_key

CHALLENGE = 'Bearer realm="Backoffice"'


@dataclass(frozen=True)
class Caller:
    """Who calls.

    merchant_ids    the merchants it may see and act for; None = every merchant, the marketplace itself
    """

    key: APIKey
    merchant_ids: frozenset[int] | None

    is_authenticated = True

    @property
    def actor(self) -> Actor:
        return actor_of_key(self.key)

    @property
    def credential(self) -> str:
        return f"key:{self.key.pk}"

    @property
    def is_operator(self) -> bool:
        return self.merchant_ids is None


class ApiKeyAuthentication(BaseAuthentication):
    """Finds the key behind the bearer token; every failure reads the same."""

    def authenticate(self, request: Request) -> tuple[Caller, APIKey] | None:
        scheme, _space, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            return None
        now = timezone.now()
        key = find_api_key(token.strip(), address=request.META.get("REMOTE_ADDR", ""), at=now)
        if key is None:
            raise AuthenticationFailed(_("The API key is not valid."))
        note_use(key, at=now)
        return Caller(key, merchant_ids_of_key(key)), key

    def authenticate_header(self, request: Request) -> str:
        return CHALLENGE


def caller_of(request: Request) -> Caller:
    """Return who calls; permissions have already refused everybody else."""
    caller: object = request.user
    assert isinstance(caller, Caller)
    return caller


def require_operator(request: Request) -> None:
    """Refuse what a seller could misuse: only the marketplace's own systems may report it."""
    if not caller_of(request).is_operator:
        raise PermissionDenied(_("Only the marketplace’s own systems may send this."), code="operator_only")
