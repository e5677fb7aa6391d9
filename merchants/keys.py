"""Which API keys act for which merchants."""

from accounts.models import APIKey
from core import audit, journal
from core.actors import Actor
from core.refs import Ref

from .models import KeyGrant, Merchant


def grant_key(key: APIKey, merchant: Merchant, *, actor: Actor) -> None:
    """Let a key act for a merchant; granting twice changes nothing."""
    with journal.unit():
        _, is_new = KeyGrant.objects.get_or_create(api_key=key, merchant=merchant)
        if is_new:
            detail = {"merchant": merchant.pk}
            audit.record("api_key.granted", actor=actor, subject=Ref("api_key", key.pk), detail=detail)
