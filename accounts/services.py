"""Writes on users, roles and API keys."""

import ipaddress
import secrets
from collections.abc import Sequence
from datetime import datetime

from allauth.mfa.models import Authenticator
from django.utils.translation import gettext as _

from core import audit, journal
from core.actors import Actor
from core.errors import FieldError, PermissionDenied, ValidationFailed
from core.refs import Ref

from .actors import actor_of
from .models import APIKey, Audience, Role, RoleGrant, User
from .permissions import REVIEW_SCOPES, SCOPES, Permission, require
from .tokens import hash_token

_PREFIX_BYTES = 5
_SECRET_BYTES = 24  # 192 bits: hashing once is enough, no key stretching needed


def create_api_key(
    *,
    name: str,
    audience: str,
    scopes: Sequence[str],
    actor: Actor,
    allowed_networks: Sequence[str] = (),
    created_by: User | None = None,
    is_test: bool = False,
    expires_at: datetime | None = None,
    person: User | None = None,
) -> tuple[APIKey, str]:
    """Return the key and its secret text, which is shown this once and never stored.

    Raises ValidationFailed, and PermissionDenied for a reviewer's key that
    another than this very reviewer asks for, whoever it is.

    allowed_networks    in CIDR notation; none = the key opens from anywhere
    person              for whom a reviewer's key reviews; None for every other key
    """
    if (audience == Audience.REVIEWER) != (person is not None):
        raise ValidationFailed([FieldError("/person", "not_possible", _("A reviewer’s key has one person."))])
    if person is not None:
        _require_own(person, actor)
        created_by = person
    known = SCOPES if person is None else REVIEW_SCOPES
    if problems := [*_check_scopes(scopes, known), *_check_networks(allowed_networks)]:
        raise ValidationFailed(problems)
    prefix = secrets.token_hex(_PREFIX_BYTES)
    token = f"mk_{'test' if is_test else 'live'}_{prefix}_{secrets.token_urlsafe(_SECRET_BYTES)}"
    with journal.unit():
        key = APIKey.objects.create(
            name=name,
            prefix=prefix,
            secret_hash=hash_token(token),
            audience=audience,
            scopes=list(scopes),
            allowed_networks=list(allowed_networks),
            person=person,
            created_by=created_by,
            expires_at=expires_at,
        )
        audit.record(
            "api_key.created", actor=actor, subject=Ref("api_key", key.id), detail={"scopes": list(scopes)}
        )
    return key, token


def revoke_api_key(key: APIKey, *, actor: Actor, at: datetime) -> None:
    """End a key at once."""
    with journal.unit():
        APIKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=at)
        audit.record("api_key.revoked", actor=actor, subject=Ref("api_key", key.id))
    key.revoked_at = at


def grant_role(user: User, role: Role, *, actor: Actor) -> None:
    """Give a user a staff role; giving it twice changes nothing."""
    with journal.unit():
        _grant, is_new = RoleGrant.objects.get_or_create(user=user, role=role)
        if is_new:
            audit.record(
                "role.granted", actor=actor, subject=Ref("user", user.id), detail={"role": str(role)}
            )


def revoke_role(grant: RoleGrant, *, actor: Actor) -> None:
    """Take a staff role away."""
    detail = {"role": grant.role}
    with journal.unit():
        audit.record("role.revoked", actor=actor, subject=Ref("user", grant.user_id), detail=detail)
        grant.delete()


def remove_second_factors(user: User, *, actor: Actor) -> None:
    """Let a person who lost the phone sign in with the password alone."""
    with journal.unit():
        count, _by_model = Authenticator.objects.filter(user=user).delete()
        audit.record(
            "user.second_factors_removed", actor=actor, subject=Ref("user", user.id), detail={"count": count}
        )


def _require_own(person: User, actor: Actor) -> None:
    """Refuse a key for somebody else: with it one could sign what one has decided oneself."""
    if actor != actor_of(person):
        raise PermissionDenied(_("Everybody makes their own key."), code="not_yours")
    require(person, Permission.REVIEW_CASES)


def _check_scopes(scopes: Sequence[str], known: Sequence[str]) -> list[FieldError]:
    unknown = [scope for scope in scopes if scope not in known]
    return [FieldError("/scopes", "unknown_scope", f"Unknown scope “{scope}”.") for scope in unknown]


def _check_networks(networks: Sequence[str]) -> list[FieldError]:
    """Return what could not be compared with a caller's address, and would shut everybody out."""
    found = []
    for index, network in enumerate(networks):
        try:
            ipaddress.ip_network(network)
        except ValueError:
            detail = f"“{network}” is not a network in CIDR notation, like 192.0.2.0/24."
            found.append(FieldError(f"/allowed_networks/{index}", "invalid_network", detail))
    return found
