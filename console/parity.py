"""Parity as its page shows it: did the inputs told online equal their recomputation, night after night."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from risk.models import ParityRun

from .wording import input_label

NIGHTS = 30


@dataclass(frozen=True)
class WorstInput:
    """One input that differed: how often by error, how often by events that could not be seen yet."""

    name: str
    label: str
    mismatches: int
    overlapping: int


@dataclass(frozen=True)
class Night:
    """One finished comparison."""

    run: ParityRun

    @property
    def values(self) -> int:
        return self.run.events * self.run.features

    @property
    def tone(self) -> str:
        return "bad" if self.run.mismatches else "good"

    @property
    def worst(self) -> list[WorstInput]:
        detail: Mapping[str, Any] = self.run.detail
        wrong, early = detail.get("features", {}), detail.get("overlapping_features", {})
        names = sorted({*wrong, *early}, key=lambda name: (-wrong.get(name, 0), -early.get(name, 0), name))
        return [WorstInput(name, input_label(name), wrong.get(name, 0), early.get(name, 0)) for name in names]

    @property
    def examples(self) -> Sequence[Mapping[str, Any]]:
        return list(self.run.detail.get("examples", ()))


def list_nights() -> list[Night]:
    """Return the latest finished comparisons, newest first; one query."""
    runs = ParityRun.objects.filter(finished_at__isnull=False).order_by("-until", "-id")[:NIGHTS]
    return [Night(run) for run in runs]


def parity_chart(nights: Sequence[Night]) -> Mapping[str, Any] | None:
    if len(nights) < 2:
        return None
    ordered = list(reversed(nights))
    return {
        "kind": "bar",
        "whole": True,
        "x": [f"{night.run.until:%Y-%m-%d}" for night in ordered],
        "series": [
            {"name": _("Mismatches"), "values": [night.run.mismatches for night in ordered]},
            {"name": _("Overlapping"), "values": [night.run.overlapping for night in ordered]},
        ],
    }
