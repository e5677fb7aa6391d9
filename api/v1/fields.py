"""How ids, money and moments are read and written, and the base of everything that is read."""

import base64
import binascii
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache, cached_property
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.validators import (
    MaxLengthValidator,
    MinLengthValidator,
    ProhibitNullCharactersValidator,
)
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.fields import empty
from rest_framework.request import Request
from rest_framework.validators import ProhibitSurrogateCharactersValidator

from core.errors import FieldError, NotFound, ValidationFailed
from core.ids import decode, encode
from core.money import InvalidAmount, exponent, to_minor, to_text

# What every resource says of its `statement`.
STATEMENT = "The statement of reasons that stands against it; null if none does."

_OWN_VALIDATORS = (
    MaxLengthValidator,
    MinLengthValidator,
    ProhibitNullCharactersValidator,
    ProhibitSurrogateCharactersValidator,
)


# ── Writing ──────────────────────────────────────────────────────────────────────────────────────
def money(amount_minor: int, currency: str) -> dict[str, str]:
    return {"amount": to_text(amount_minor, currency), "currency": currency}


def moment(at: datetime | None) -> str | None:
    """Return RFC 3339 in UTC."""
    return None if at is None else at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def public_id(prefix: str, id: int | None) -> str | None:
    return None if id is None else encode(prefix, id)


# ── Reading ──────────────────────────────────────────────────────────────────────────────────────
def minor(text: str, currency: str, pointer: str) -> int:
    """Return minor units; ValidationFailed at the pointer."""
    try:
        return to_minor(text, currency)
    except InvalidAmount as error:
        raise ValidationFailed([FieldError(pointer, error.code, error.message)]) from error


def read_flag(request: Request, name: str, *, default: bool) -> bool:
    """Return a yes-or-no query parameter; ValidationFailed for anything but true and false."""
    text = request.query_params.get(name, "true" if default else "false")
    if text not in {"true", "false"}:
        raise ValidationFailed([FieldError(f"/{name}", "invalid_flag", str(_("Write true or false.")))])
    return text == "true"


# An object of a request or an answer. A field it does not know is refused: a misspelt optional field that was
# dropped in silence would be a signal that never arrives. No docstring, or the document would repeat it.
class Shape(serializers.Serializer[Any]):
    default_error_messages = {"unknown_field": _("There is no such field.")}

    @classmethod
    def read(cls, data: Any) -> dict[str, Any]:
        """Return the cleaned values; DRF's ValidationError names every field that cannot be read."""
        values: dict[str, Any] = _reader(cls).run_validation(data)
        return values

    def run_validation(self, data: Any = empty) -> Any:
        # Nearly every request is in order: one pass, without what serves to collect errors. At the first
        # thing that is not, all of it is read again by DRF, which names everything that is wrong.
        if type(data) is dict and data.keys() <= self.fields.keys() and not self.validators:
            try:
                return self.validate(self._read_plainly(data))
            except serializers.ValidationError:
                pass
        return super().run_validation(data)

    def _read_plainly(self, data: Mapping[str, Any]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name, field, check in self._plan:
            try:
                value = field.run_validation(data.get(name, empty))
            except serializers.SkipField:  # neither sent nor given a value of its own
                continue
            values[name] = value if check is None else check(value)
        return values

    @cached_property
    def _plan(self) -> list[tuple[str, Any, Callable[[Any], Any] | None]]:
        return [
            (name, field, getattr(self, f"validate_{name}", None))
            for name, field in self.fields.items()
            if not field.read_only
        ]

    def to_internal_value(self, data: Any) -> Any:
        unknown = sorted(set(data) - set(self.fields)) if isinstance(data, Mapping) else []
        if unknown:
            message = self.error_messages["unknown_field"]
            raise serializers.ValidationError(
                {name: serializers.ErrorDetail(str(message), code="unknown_field") for name in unknown}
            )
        return super().to_internal_value(data)


@cache
def _reader(shape: type[Shape]) -> Shape:
    """Return the one instance that reads requests. Making one copies every field, which took longer than
    reading; `run_validation` leaves nothing in it, so that threads may share it."""
    return shape()


class TextField(serializers.CharField):
    """Text that is text: a number in its place is refused, because JSON numbers lose digits."""

    def run_validation(self, data: Any = empty) -> Any:
        # The same answer in one look where DRF takes nine calls: an order is thirty short ASCII texts.
        if type(data) is str and data.isascii() and "\0" not in data and self._has_own_validators_only:
            text = data.strip()
            if text and (self.min_length or 0) <= len(text) <= (self.max_length or len(text)):
                return self.parse(text)
        return super().run_validation(data)

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str):
            self.fail("invalid")
        return self.parse(super().to_internal_value(data))

    def parse(self, text: str) -> Any:
        """Return what the text says; ValidationError if it says nothing."""
        return text

    @cached_property
    def _has_own_validators_only(self) -> bool:
        return self.trim_whitespace and all(isinstance(one, _OWN_VALIDATORS) for one in self.validators)


class IdField(TextField):
    """A public id of one kind, read as its number."""

    default_error_messages = {"invalid_id": _("This is not an id of the form {form}.")}

    def __init__(self, prefix: str, **options: Any) -> None:
        self.prefix = prefix
        super().__init__(**options)

    def parse(self, text: str) -> Any:
        try:
            return decode(self.prefix, text)
        except NotFound:
            self.fail("invalid_id", form=f"{self.prefix}_…")


class AmountField(TextField):
    """A plain decimal text like "12.34"; `minor` reads it once the currency is known."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("help_text", 'Plain decimal text, e.g. "12.34"; never a JSON number.')
        super().__init__(max_length=20, **options)


class CurrencyField(TextField):
    """An ISO 4217 code."""

    def __init__(self, **options: Any) -> None:
        super().__init__(min_length=3, max_length=3, **options)

    def parse(self, text: str) -> str:
        try:
            exponent(text)
        except InvalidAmount as error:
            raise serializers.ValidationError(error.message, code=error.code) from error
        return text


class CountryField(serializers.RegexField):
    """ISO 3166 alpha-2."""

    def __init__(self, **options: Any) -> None:
        super().__init__(r"^[A-Z]{2}$", **options)


class Money(Shape):
    amount = AmountField()
    currency = CurrencyField()


class FileField(TextField):
    """A file as Base64; what it holds is told by its content, never by a name."""

    default_error_messages = {"invalid_base64": _("This is not Base64.")}

    def parse(self, text: str) -> Any:
        try:
            return SimpleUploadedFile("upload", base64.b64decode(text, validate=True))
        except (binascii.Error, ValueError):
            self.fail("invalid_base64")
