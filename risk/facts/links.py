"""The buyers around orders: what the set-based computation of links reads."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np

from risk.features.columns import NEVER, Events, Flags, Ints, Keys, Questions
from risk.features.declarations import BAD, Entity
from risk.features.link_sets import BadLabels
from risk.features.link_sql import LINK_ENTITIES
from risk.features.links import LINK_WINDOW_HOURS

from . import history

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def bad_labels_of(labels: history.LabelHistory) -> BadLabels:
    """Return the bad labels among these, by buyer."""
    events = labels.events
    buyers = events.keys[Entity.BUYER]
    rows = np.flatnonzero(buyers.is_present & events.passes[BAD.code])
    standing = np.full(len(rows), NEVER) if events.superseded_at is None else events.superseded_at[rows]
    return BadLabels(buyers.values[rows], events.known_at[rows], standing)


def read_surroundings(questions: Questions) -> tuple[Events, Ints, BadLabels]:
    """Return the orders within two steps of these questions, when each was written, and bad labels of buyers.

    Whole keys are read, so that the bounds find in it everything that they would find in all of history.
    """
    since = _moment(int(questions.as_of.min())) - timedelta(hours=LINK_WINDOW_HOURS)
    before = _moment(int(questions.as_of.max()))

    def read(keys: Mapping[Entity, Sequence[int]]) -> list[history.OrderHistory]:
        return [
            history.read_orders_of(entity, found, since=since, before=before)
            for entity, found in keys.items()
            if found
        ]

    near = read({entity: _different([questions.keys[entity]]) for entity in LINK_ENTITIES})
    buyers = _different([found.events.keys[Entity.BUYER] for found in near])
    used = read({Entity.BUYER: buyers})
    keys = {entity: _different([found.events.keys[entity] for found in used]) for entity in LINK_ENTITIES}
    events, written_at = _joined([*near, *used, *read(keys)])
    everybody = _different([events.keys[Entity.BUYER]])
    labels = history.read_labels_of(Entity.BUYER, everybody, since=_EPOCH, before=before)
    return events, written_at, bad_labels_of(labels)


def _different(columns: Sequence[Keys]) -> list[int]:
    present = [keys.values[keys.is_present] for keys in columns]
    return np.unique(np.concatenate(present)).tolist() if present else []


def _joined(found: Sequence[history.OrderHistory]) -> tuple[Events, Ints]:
    """Return orders of several reads as events, each once, with what links look at."""
    nothing: Ints = np.zeros(0, dtype=np.int64)
    absent: Flags = np.zeros(0, dtype=np.bool_)
    ids = np.concatenate([nothing, *(one.events.ids for one in found)])
    _, first = np.unique(ids, return_index=True)
    events = Events(
        ids=ids,
        occurred_at=np.concatenate([nothing, *(one.events.occurred_at for one in found)]),
        known_at=np.concatenate([nothing, *(one.events.known_at for one in found)]),
        keys={
            entity: Keys(
                np.concatenate([nothing, *(one.events.keys[entity].values for one in found)]),
                np.concatenate([absent, *(one.events.keys[entity].is_present for one in found)]),
            )
            for entity in (Entity.BUYER, *LINK_ENTITIES)
        },
    )
    return events.take(first), np.concatenate([nothing, *(one.written_at for one in found)])[first]


def _moment(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)
