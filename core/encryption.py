"""Encrypt personal data at rest: AES-256-GCM with a random nonce, keys from the environment.

The first byte names the key, so that keys can be rotated: the newest encrypts,
every listed one still decrypts.
"""

import os
from functools import lru_cache

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

_NONCE_BYTES = 12  # NIST SP 800-38D's recommended nonce length for GCM


def encrypt(text: str) -> bytes:
    """Return key number, nonce, ciphertext and tag."""
    number = max(settings.ENCRYPTION_KEYS)
    nonce = os.urandom(_NONCE_BYTES)
    return bytes([number]) + nonce + _cipher(number).encrypt(nonce, text.encode(), None)


def decrypt(sealed: bytes | memoryview) -> str:
    """Return the text; raises `cryptography.exceptions.InvalidTag` if it was tampered with."""
    raw = bytes(sealed)
    nonce, body = raw[1 : 1 + _NONCE_BYTES], raw[1 + _NONCE_BYTES :]
    return _cipher(raw[0]).decrypt(nonce, body, None).decode()


def mask(text: str, shown: int = 4) -> str:
    """Return the text with all but its last characters hidden.

    >>> mask("DE89370400440532013000")
    '•••• 3000'
    """
    return f"•••• {text[-shown:]}" if len(text) > shown else "••••"


@lru_cache(maxsize=8)
def _cipher(number: int) -> AESGCM:
    return AESGCM(settings.ENCRYPTION_KEYS[number])
