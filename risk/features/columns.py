"""Events and questions as numpy columns: what the set-based computation reads."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from risk.features.declarations import Entity

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

MICROSECONDS_PER_HOUR = 3_600_000_000
NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True, eq=False)
class Keys:
    """One entity's key in every row.

    values        (n,) 64-bit fingerprints or ids; anything where missing
    is_present    (n,) False where the entity was not supplied
    """

    values: Ints
    is_present: Flags

    @classmethod
    def all_present(cls, values: Ints) -> "Keys":
        return cls(values, np.ones(len(values), dtype=np.bool_))

    def take(self, rows: Ints | Flags) -> "Keys":
        return Keys(self.values[rows], self.is_present[rows])


@dataclass(frozen=True, eq=False)
class Events:
    """One source's rows; every array is (n_events,), in any order.

    ids              row ids; a repeated id counts once (the first row stays)
    occurred_at      microseconds since the epoch, UTC
    known_at         likewise; for labels pass the same array as occurred_at
    keys             by entity; an entity that the source does not have is left out
    amount_minor     minor units of the base currency; needed for SUM, MAX and STD
    passes           by a filter's code: which events it counts; needed where a feature has a filter
    superseded_at    when a correction became known, NEVER where the event stands; None if all do
    """

    ids: Ints
    occurred_at: Ints
    known_at: Ints
    keys: Mapping[Entity, Keys]
    amount_minor: Ints | None = None
    passes: Mapping[str, Flags] = field(default_factory=dict)
    superseded_at: Ints | None = None

    def without_repeats(self) -> "Events":
        _, first = np.unique(self.ids, return_index=True)
        return self if len(first) == len(self.ids) else self.take(np.sort(first))

    def take(self, rows: Ints | Flags) -> "Events":
        return replace(
            self,
            ids=self.ids[rows],
            occurred_at=self.occurred_at[rows],
            known_at=self.known_at[rows],
            keys={entity: keys.take(rows) for entity, keys in self.keys.items()},
            amount_minor=None if self.amount_minor is None else self.amount_minor[rows],
            passes={code: passes[rows] for code, passes in self.passes.items()},
            superseded_at=None if self.superseded_at is None else self.superseded_at[rows],
        )


@dataclass(frozen=True, eq=False)
class Questions:
    """For whom and as of when features are wanted; every array is (n_questions,), in any order.

    as_of    microseconds since the epoch, UTC
    keys     by entity; an entity that is left out is missing in every row
    """

    as_of: Ints
    keys: Mapping[Entity, Keys]

    def __len__(self) -> int:
        return len(self.as_of)
