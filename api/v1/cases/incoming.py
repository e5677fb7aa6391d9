"""What reviewers' tools send."""

from typing import Any

from rest_framework import serializers

from api.v1.fields import Shape, TextField
from cases.models import VerdictKind
from cases.verdicts import NOTE_LENGTH, NewVerdict

_MOST_CODES = 20
# The largest that its column holds.
_MOST = 2**31 - 1


class ClaimTokenIn(Shape):
    claim_token = serializers.IntegerField(
        min_value=0, max_value=_MOST, help_text="Of the claim that you hold; it grows with every claim."
    )


class VerdictIn(ClaimTokenIn):
    kind = serializers.ChoiceField(VerdictKind.values, help_text="One of the case’s `possible_kinds`.")
    evidence_version = serializers.IntegerField(
        min_value=1, max_value=_MOST, help_text="Of the evidence that you judged."
    )
    reason_codes = serializers.ListField(
        child=TextField(max_length=64),
        default=list,
        max_length=_MOST_CODES,
        help_text="At least one, but with `approve` and `hold`. The first is the one that counts.",
    )
    requested = serializers.ListField(
        child=TextField(max_length=64),
        default=list,
        max_length=_MOST_CODES,
        help_text="With `request_info`: what the merchant is asked for, codes of `requestable`.",
    )
    message = TextField(
        default="", allow_blank=True, max_length=NOTE_LENGTH, help_text="To the merchant, in your own words."
    )
    note = TextField(default="", allow_blank=True, max_length=NOTE_LENGTH, help_text="For colleagues only.")
    hold_until = serializers.DateTimeField(
        default=None, allow_null=True, help_text="With `hold`: when the case comes back."
    )
    is_final = serializers.BooleanField(
        default=False, help_text="With `reject` of an application: no further attempt. Takes two people."
    )


class RefusalIn(Shape):
    note = TextField(max_length=NOTE_LENGTH, help_text="Why you do not sign; the first reviewer reads it.")


def new_verdict(data: dict[str, Any]) -> NewVerdict:
    """Return what the desk takes."""
    lists = {name: tuple(data[name]) for name in ("reason_codes", "requested")}
    return NewVerdict(**{**data, **lists})
