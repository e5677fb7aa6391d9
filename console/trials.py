"""A condition tried on the latest subjects: what it would have matched, and what those proved to be."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from core.ui.statuses import Tone
from risk.lists import answer_probes
from risk.rules.expression import Expression
from risk.rules.scalar import compile_conditions
from risk.rules.schema import FieldType

from .estimates import Share
from .facts import SeenFacts, recent_facts
from .truths import known_truths
from .wording import input_label, value_text

LATEST = 500
_SHOWN = 12
_COLUMNS = 3
_CODE = "trial"


@dataclass(frozen=True)
class Match:
    """One subject that the condition matches. `truth`: "bad", "good" or "unknown"."""

    facts: SeenFacts
    truth: str
    values: Sequence[str]


@dataclass(frozen=True)
class Trial:
    """What a condition finds among the latest subjects.

    precision    bad among the matches whose outcome is known
    recall       matched among all subjects known to be bad
    newly_held   matches that were approved
    columns      the fields of the condition, as heads over each match's values
    """

    asked: int
    matched: int
    missing: int
    bad: int
    good: int
    precision: Share
    recall: Share
    newly_held: int
    columns: Sequence[str]
    matches: Sequence[Match]

    @property
    def not_matched(self) -> int:
        return self.asked - self.matched - self.missing

    @property
    def parts(self) -> list[tuple[str, int, str]]:
        """How the subjects divide, for the split bar."""
        return [
            (_("matched"), self.matched, Tone.WAITS),
            (_("did not match"), self.not_matched, Tone.ENDED),
            (_("an input was missing"), self.missing, Tone.DRAFT),
        ]

    @property
    def unknown(self) -> int:
        return self.matched - self.bad - self.good


def try_condition(subject: str, expression: Expression) -> Trial:
    """Judge the latest subjects by their stored values; two queries, one more for each list it asks."""
    seen = recent_facts(subject, limit=LATEST)
    judge = compile_conditions({_CODE: expression})
    at = timezone.now()
    results = [judge(_with_answers(expression, one.values, at), {}, {})[_CODE] for one in seen]
    truths = known_truths(subject, [one.subject_id for one in seen])
    matched = [one for one, result in zip(seen, results, strict=True) if result]
    verdicts = [truths.get(one.subject_id) for one in matched]
    bad, good = verdicts.count(True), verdicts.count(False)
    all_bad = sum(truths.get(one.subject_id, False) for one in seen)
    # A fingerprint tells a reader nothing.
    shown = [field for field in expression.fields if field.type is not FieldType.KEY][:_COLUMNS]
    return Trial(
        asked=len(seen),
        matched=len(matched),
        missing=sum(result is None for result in results),
        bad=bad,
        good=good,
        precision=Share(bad, bad + good),
        recall=Share(bad, all_bad),
        newly_held=sum(one.outcome == "approve" for one in matched),
        columns=[input_label(field.name, field) for field in shown],
        matches=[
            Match(
                one,
                {True: "bad", False: "good", None: "unknown"}[truths.get(one.subject_id)],
                [value_text(field.name, one.values.get(field.name), field) for field in shown],
            )
            for one in matched[:_SHOWN]
        ],
    )


def _with_answers(expression: Expression, values: Mapping[str, Any], at: datetime) -> Mapping[str, Any]:
    """Return the values with what the lists of now answer; a list that cannot be read gives no answer."""
    if not expression.probes:
        return values
    answers, _failed = answer_probes(expression.probes, values, as_of=at)
    return {**values, **answers}
