"""What is live in this process: the ruleset and the champion model of each subject.

Each is held with the id it was loaded under, and the id is looked up again
when it is older than a second: an activation reaches every worker within two
seconds without a message bus, and one decision never mixes two versions.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from django.core.files.storage import default_storage

from .inputs import current_inputs
from .models import ModelStatus, ModelVersion, RuleSet, RuleSetStatus
from .rulesets import LiveRuleset, compile_rows
from .scoring import LiveModel, load_model

logger = logging.getLogger(__name__)
T = TypeVar("T")
FRESH_SECONDS = 1.0


class AlteredRuleset(RuntimeError):
    """What a live ruleset holds is not what its hash says."""


@dataclass
class _Held(Generic[T]):
    checked_at: float
    id: int | None
    value: T | None


_rulesets: dict[str, _Held[LiveRuleset]] = {}
_models: dict[str, _Held[LiveModel]] = {}


def find_live_ruleset(subject: str) -> LiveRuleset | None:
    """Return the subject's live ruleset; at most one query a second."""
    return _find(_rulesets, subject, _live_ruleset_id, _load_ruleset)


def find_champion(subject: str) -> LiveModel | None:
    """Return the subject's champion model; at most one query a second."""
    return _find(_models, subject, _champion_id, _load_model)


def forget() -> None:
    """Drop everything held, e.g. between tests."""
    _rulesets.clear()
    _models.clear()


def load_version(version: ModelVersion) -> LiveModel:
    """Return a model's runnable form, checked against the sha256 of its row."""
    with default_storage.open(str(version.artifact.name)) as file:
        names, _ = current_inputs(version.subject)
        return load_model(version.pk, file.read(), sha256=version.sha256, input_names=names)


def _find(
    held: dict[str, _Held[T]],
    subject: str,
    find_id: Callable[[str], int | None],
    load: Callable[[int], T],
) -> T | None:
    entry = held.get(subject)
    now = time.monotonic()
    if entry is not None and now - entry.checked_at < FRESH_SECONDS:
        return entry.value
    id = find_id(subject)
    if entry is None or entry.id != id:
        entry = _Held(now, id, None if id is None else load(id))
    held[subject] = _Held(now, entry.id, entry.value)
    return entry.value


def _live_ruleset_id(subject: str) -> int | None:
    live = RuleSet.objects.filter(subject=subject, status=RuleSetStatus.LIVE)
    return live.values_list("pk", flat=True).first()


def _load_ruleset(id: int) -> LiveRuleset:
    row = RuleSet.objects.get(pk=id)
    ruleset = compile_rows(row)
    if ruleset.content_hash != row.content_hash:
        # Somebody wrote past the triggers: what was not approved does not judge.
        raise AlteredRuleset(f"Ruleset {id} is not what was approved as {row.content_hash[:12]}.")
    return ruleset


def _champion_id(subject: str) -> int | None:
    champions = ModelVersion.objects.filter(subject=subject, status=ModelStatus.CHAMPION)
    return champions.values_list("pk", flat=True).first()


def _load_model(id: int) -> LiveModel:
    return load_version(ModelVersion.objects.get(pk=id))
