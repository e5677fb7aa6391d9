"""News of the review desk, for whoever consumes the outbox: no merchant's feed has them."""

from typing import Any

from core import outbox
from core.refs import Ref

from .models import ReviewCase


def announce(case: ReviewCase, what: str, payload: dict[str, Any]) -> None:
    """Record `review_case.WHAT` about a case; the payload holds ids only."""
    outbox.record(f"review_case.{what}", subject=Ref("case", case.pk), merchant_id=None, payload=payload)
