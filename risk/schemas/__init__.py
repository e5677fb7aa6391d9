"""What rules may talk about, per subject."""

from functools import cache

from risk.models import Subject
from risk.rules.schema import Schema


@cache
def schema_of(subject: str) -> Schema:
    """Return the declared fields of a subject; KeyError for a subject that has no rules."""
    from . import applications, listings, orders

    return {
        Subject.ORDER: orders.SCHEMA,
        Subject.LISTING: listings.SCHEMA,
        Subject.APPLICATION: applications.SCHEMA,
    }[Subject(subject)]
