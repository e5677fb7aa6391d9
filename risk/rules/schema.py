"""What a condition may talk about: the declared fields of one kind of subject."""

import keyword
import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from functools import cached_property

RESERVED_WORDS = frozenset({"missing", "default", "true", "false", "list", "similar", "date"})
TEXT_LIST = "text"  # the kind of lists that hold texts; every other kind is one of identifiers

_FIELD_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*")


class FieldType(StrEnum):
    """The types of the language.

    A number is an IEEE double, here and in the columns of a backtest, so integers are exact up
    to 2**53. Texts are equal when their code points are. A moment carries a time zone. A key is
    the fingerprint of an identifier, a signed integer of 64 bits; it can only be looked up in a
    list of its kind, or be missing.
    """

    NUMBER = "number"
    BOOL = "bool"
    TEXT = "text"
    MOMENT = "moment"
    KEY = "key"

    @property
    def phrase(self) -> str:
        """The type as it reads in a sentence."""
        return _PHRASES[self]


_PHRASES = {
    FieldType.NUMBER: "a number",
    FieldType.BOOL: "true or false",
    FieldType.TEXT: "a text",
    FieldType.MOMENT: "a moment",
    FieldType.KEY: "an identifier",
}


@dataclass(frozen=True, slots=True)
class Field:
    """One fact by its dotted name.

    unit       of a number; of a key the kind of identifier, like "ip": only lists of it can be asked
    nullable   tells analysts that it is often not supplied
    """

    name: str
    type: FieldType
    unit: str = ""
    nullable: bool = True
    description: str = ""

    def __post_init__(self) -> None:
        if not _FIELD_NAME.fullmatch(self.name):
            raise ValueError(f"{self.name!r} is not a field name like 'order.amount'.")
        if taken := [part for part in self.name.split(".") if keyword.iskeyword(part)]:
            raise ValueError(f"The field name {self.name!r} contains the keyword {taken[0]!r}.")
        if self.name in RESERVED_WORDS:
            raise ValueError(f"{self.name!r} is a word of the language, not a field name.")
        if self.type is FieldType.KEY and self.unit in ("", TEXT_LIST):
            raise ValueError(f"The identifier {self.name!r} does not say of which kind it is.")


@dataclass(frozen=True)
class Schema:
    """The fields of one subject: "order", "listing", "application" or "merchant"."""

    subject: str
    fields: tuple[Field, ...]

    def __post_init__(self) -> None:
        if len(self._by_name) < len(self.fields):
            raise ValueError(f"A field of {self.subject!r} is declared twice.")

    def find_field(self, name: str) -> Field | None:
        return self._by_name.get(name)

    def nearest_name(self, name: str) -> str | None:
        return nearest(name, self._by_name)

    @cached_property
    def _by_name(self) -> dict[str, Field]:
        return {field.name: field for field in self.fields}


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that a misspelt one most resembles, if any is close."""
    # The cut bounds the quadratic comparison; no declared name is longer.
    return next(iter(get_close_matches(word[:80], known, n=1)), None)
