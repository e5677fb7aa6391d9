"""Name a signed-in person or a key as the actor of a write."""

from core.actors import Actor

from .models import APIKey, User


def actor_of(user: User) -> Actor:
    return Actor("user", str(user.pk))


def actor_of_key(key: APIKey) -> Actor:
    return Actor("api_key", str(key.pk))
