"""What the tones of a timeline say of the past."""

from collections.abc import Iterable, Mapping
from typing import Any

from core.ui.statuses import Tone

_UNFINISHED = {Tone.WAITS, Tone.PROGRESS}


def settle_past(events: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the events, newest first as given; only the newest still waits or goes on.

    >>> settle_past([{"tone": "waits"}, {"tone": "waits"}, {"tone": "good"}])
    [{'tone': 'waits'}, {'tone': 'ended'}, {'tone': 'good'}]
    """
    events = list(events)
    return [*events[:1], *(_settled(event) for event in events[1:])]


def _settled(event: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**event, "tone": str(Tone.ENDED)} if event["tone"] in _UNFINISHED else event
