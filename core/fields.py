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


class StatementField(models.ForeignKey):  # type: ignore[type-arg]
    """The statement of reasons of the decision that stands against a row; null while none does.

    Without an index of its own: rows without a statement, nearly all of them, would each be in it.
    """

    def __init__(self, **options: Any) -> None:
        options.update(
            to="core.Statement", null=True, editable=False, on_delete=models.PROTECT, related_name="+"
        )
        options.setdefault("db_index", False)
        super().__init__(**options)


def given_with(
    column: str, *, name: str, when: models.Q, exempt: models.Q | None = None
) -> list[models.BaseConstraint]:
    """Return the constraints that keep a row's statement: there exactly while `when` is true, and its own.

    A state that is left has to give its statement back, so that nobody enters it again with the old one.

    exempt    rows that another system decided: nobody here can say why
    """
    is_given = models.Q(**{f"{column}__isnull": False})
    rule = (when & is_given) | (~when & ~is_given)
    return [
        models.CheckConstraint(condition=rule if exempt is None else exempt | rule, name=name),
        models.UniqueConstraint(fields=[column], condition=is_given, name=f"{name}_alone"),
    ]
