"""Model fields and bases that every app shares."""

from collections.abc import Sequence
from typing import Any

from django.db import models

from .ids import new_id


class TimeOrderedIdField(models.BigIntegerField):  # type: ignore[type-arg]
    """A primary key from `core.ids`: time-ordered, made by the process that writes the row."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        kwargs.update(primary_key=True, default=new_id, editable=False)
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]

    def deconstruct(self) -> tuple[str, str, Sequence[Any], dict[str, Any]]:
        name, path, args, kwargs = super().deconstruct()
        for fixed in ("primary_key", "default", "editable"):
            kwargs.pop(fixed, None)
        return name, path, args, kwargs


class TwoTimesModel(models.Model):
    """A fact: when it happened, when it was known here, and when the row was written."""

    occurred_at = models.DateTimeField()
    known_at = models.DateTimeField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        abstract = True
