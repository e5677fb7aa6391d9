"""Encryption at rest: reversible with the key, useless without, and it notices tampering."""

from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from hypothesis import given
from hypothesis import strategies as st

from core import encryption
from core.encryption import decrypt, encrypt, mask

OLD, NEW = b"an old key of thirty-two bytes!!", b"a new key of thirty-two bytes!!!"


@pytest.fixture
def keys(settings: Any) -> Iterator[Any]:
    """Settings whose keys may be changed: what was made of the former ones is forgotten."""
    encryption._cipher.cache_clear()
    yield settings
    encryption._cipher.cache_clear()


@given(st.text())
def test_what_is_encrypted_decrypts_to_the_same(text: str) -> None:
    assert decrypt(encrypt(text)) == text


def test_the_stored_bytes_hold_nothing_readable_and_differ_each_time() -> None:
    one, other = encrypt("Ann Lee"), encrypt("Ann Lee")
    assert b"Ann" not in one
    assert one != other


def test_a_column_may_hand_back_a_memoryview() -> None:
    assert decrypt(memoryview(encrypt("Ann"))) == "Ann"


@pytest.mark.parametrize("position", [1, 12, 13, -17, -1], ids=["nonce", "nonce end", "text", "tag", "end"])
def test_one_changed_bit_is_noticed(position: int) -> None:
    sealed = bytearray(encrypt("6222 0212 3456 7890"))
    sealed[position] ^= 1
    with pytest.raises(InvalidTag):
        decrypt(bytes(sealed))


def test_a_cut_off_value_is_noticed() -> None:
    with pytest.raises(InvalidTag):
        decrypt(encrypt("6222 0212 3456 7890")[:-1])


def test_another_key_does_not_open_it(keys: Any) -> None:
    keys.ENCRYPTION_KEYS = {1: OLD}
    sealed = encrypt("Ann")
    encryption._cipher.cache_clear()
    keys.ENCRYPTION_KEYS = {1: NEW}
    with pytest.raises(InvalidTag):
        decrypt(sealed)


def test_after_a_rotation_the_new_key_encrypts_and_the_old_one_still_opens(keys: Any) -> None:
    keys.ENCRYPTION_KEYS = {1: OLD}
    before = encrypt("Ann")
    keys.ENCRYPTION_KEYS = {1: OLD, 2: NEW}
    after = encrypt("Ann")
    assert (before[0], after[0]) == (1, 2)
    assert decrypt(before) == decrypt(after) == "Ann"


def test_the_number_of_the_key_cannot_be_exchanged(keys: Any) -> None:
    keys.ENCRYPTION_KEYS = {1: OLD, 2: NEW}
    sealed = encrypt("Ann")
    with pytest.raises(InvalidTag):
        decrypt(b"\x01" + sealed[1:])


@pytest.mark.parametrize(
    ("text", "masked"), [("6222021234567890", "•••• 7890"), ("1234", "••••"), ("", "••••")]
)
def test_a_masked_text_shows_its_end_and_never_all_of_it(text: str, masked: str) -> None:
    assert mask(text) == masked
