"""What rules may talk about, per subject."""

from functools import cache

from risk.models import Subject
from risk.rules.schema import Schema


@cache
def schema_of(subject: str) -> Schema:
    """Return the declared fields of a subject."""
    from . import applications, listings, merchants, orders

    return {
        Subject.ORDER: orders.SCHEMA,
        Subject.LISTING: listings.SCHEMA,
        Subject.APPLICATION: applications.SCHEMA,
        Subject.MERCHANT: merchants.SCHEMA,
    }[Subject(subject)]
