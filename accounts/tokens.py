"""Tokens of API keys: only their hash is kept."""

from hashlib import sha256


def hash_token(token: str) -> str:
    """Return what is stored; one hash is enough for 192 random bits, no key stretching needed."""
    return sha256(token.encode()).hexdigest()
