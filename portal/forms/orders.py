"""Forms of an order: refuse it, ship what is left, pay back what came wrong."""

from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from core.ids import encode
from orders.handling import TRACKING_PATTERNS, RefundedLine
from orders.models import OrderLine, RefundReason


class RefuseForm(forms.Form):
    reason = forms.CharField(
        label=_("Why can you not fulfil it?"),
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("The marketplace and the buyer’s service read this."),
    )


class PiecesForm(forms.Form):
    """A number of pieces for each line of an order that has some to give."""

    def __init__(
        self, lines: Iterable[OrderLine], left: Mapping[int, int], *args: Any, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.lines = [line for line in lines if left.get(line.pk)]
        for line in self.lines:
            self.fields[_name(line)] = forms.IntegerField(
                label=line.title or str(line.number),
                min_value=0,
                max_value=left[line.pk],
                required=False,
                initial=self.initial_pieces(left[line.pk]),
                widget=forms.NumberInput(attrs={"inputmode": "numeric"}),
            )

    def initial_pieces(self, left: int) -> int:
        return 0

    def piece_fields(self) -> list[tuple[OrderLine, forms.BoundField]]:
        return [(line, self[_name(line)]) for line in self.lines]

    def pieces(self) -> dict[int, int]:
        """Return line id → pieces for the lines with any."""
        counts = {line.pk: self.cleaned_data.get(_name(line)) or 0 for line in self.lines}
        return {pk: count for pk, count in counts.items() if count}


class ShipForm(PiecesForm):
    carrier = forms.CharField(
        label=_("Carrier"),
        max_length=40,
        widget=forms.TextInput(attrs={"list": "carriers", "autocomplete": "off"}),
    )
    tracking_number = forms.CharField(
        label=_("Tracking number"), max_length=60, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    carriers = tuple(TRACKING_PATTERNS)

    def initial_pieces(self, left: int) -> int:
        return left

    def clean_tracking_number(self) -> str:
        number: str = self.cleaned_data["tracking_number"]
        return number.replace(" ", "").upper()


class RefundForm(PiecesForm):
    reason = forms.ChoiceField(label=_("Reason"), choices=[("", _("Choose a reason")), *RefundReason.choices])
    comment = forms.CharField(
        label=_("Note"), max_length=500, required=False, widget=forms.Textarea(attrs={"rows": 2})
    )
    newest_seen = forms.IntegerField(widget=forms.HiddenInput)

    def lines_to_refund(self) -> list[RefundedLine]:
        return [RefundedLine(pk, count) for pk, count in self.pieces().items()]


def _name(line: OrderLine) -> str:
    return encode("lin", line.pk)
