"""API keys: `Authorization: Bearer mk_live_…`."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from accounts.actors import actor_of_key
from accounts.models import APIKey, User
from accounts.permissions import Permission, require
from accounts.selectors import find_api_key, is_usable, note_use
from accounts.tokens import hash_token
from core.actors import Actor
from core.errors import PermissionDenied
from core.recent import Recent
from merchants.selectors import merchant_ids_of_key

CHALLENGE = 'Bearer realm="Backoffice"'


@dataclass(frozen=True)
class Caller:
    """Who calls.

    merchant_ids    the merchants it may see and act for; None = every merchant, the marketplace itself
    person          the reviewer in whose name it acts; None for partner systems
    """

    key: APIKey
    merchant_ids: frozenset[int] | None
    person: User | None = None

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


# Keys seen lately, under the hash of their token; the token itself is nowhere kept.
_recent: Recent[str, APIKey] = Recent()


def find_caller(token: str, *, address: str, at: datetime) -> Caller | None:
    """Return who a token stands for when it comes from an address, None for anything but a valid key.

    A key seen within API_KEY_MEMORY_SECONDS is not read again; one that is
    revoked meanwhile opens for so long. Its expiry, networks and merchants are
    looked at every time. No query then for a key of the operator, one for a
    seller's. A reviewer's person is read anew, with one query: who has left, or
    lost the role, does nothing more.
    """
    life = timedelta(seconds=settings.API_KEY_MEMORY_SECONDS)
    read = partial(find_api_key, token, address=address, at=at)
    key = _recent.find(hash_token(token), read, at=at, life=life)
    if key is None or not is_usable(key, address=address, at=at):
        return None
    if key.person_id is None:
        return Caller(key, merchant_ids_of_key(key))
    person = User.objects.filter(pk=key.person_id, is_active=True).first()
    return None if person is None else Caller(key, merchant_ids_of_key(key), person)


class ApiKeyAuthentication(BaseAuthentication):
    """Finds the key behind the bearer token; every failure reads the same."""

    def authenticate(self, request: Request) -> tuple[Caller, APIKey] | None:
        scheme, _space, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            return None
        now = timezone.now()
        caller = find_caller(token.strip(), address=request.META.get("REMOTE_ADDR", ""), at=now)
        if caller is None:
            raise AuthenticationFailed(_("The API key is not valid."))
        note_use(caller.key, at=now)
        return caller, caller.key

    def authenticate_header(self, request: Request) -> str:
        return CHALLENGE


def caller_of(request: Request) -> Caller:
    """Return who calls; permissions have already refused everybody else."""
    caller: object = request.user
    assert isinstance(caller, Caller)
    return caller


def reviewer_of(request: Request) -> User:
    """Return the person in whose name a reviewer's key calls; PermissionDenied if they do not review."""
    person = caller_of(request).person
    if person is None:
        raise PermissionDenied(_("Only a reviewer’s own key may do this."), code="reviewer_only")
    require(person, Permission.REVIEW_CASES)
    return person


def require_operator(request: Request) -> None:
    """Refuse what a seller could misuse: only the marketplace's own systems may report it."""
    if not caller_of(request).is_operator:
        raise PermissionDenied(_("Only the marketplace’s own systems may send this."), code="operator_only")
