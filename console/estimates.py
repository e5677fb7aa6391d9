"""How sure a counted share is, for people: an interval beside it, and a word where it says little."""

from dataclasses import dataclass

from risk.backtest.intervals import wilson

# Below this many known outcomes a share is shown as an indication only.
FEW = 30


@dataclass(frozen=True)
class Share:
    """`part` of `whole`, 0–1 with its 95 % interval; None where nothing was counted."""

    part: int
    whole: int

    @property
    def value(self) -> float | None:
        return self.part / self.whole if self.whole else None

    @property
    def interval(self) -> tuple[float, float] | None:
        return wilson(self.part, self.whole) if self.whole else None

    @property
    def is_small(self) -> bool:
        return 0 < self.whole < FEW
