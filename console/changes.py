"""What changed about a case since its reviewer looked: facts, rules, score, and what happened meanwhile."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cases.models import ReviewCase
from core.errors import NotFound
from core.ids import decode
from core.reasons import find_reason
from core.ui.formats import number_text
from core.ui.statuses import find_status
from risk.models import Decision, Rule
from risk.replay import Unreplayable, seen_by
from risk.schemas import schema_of

from .wording import input_label, value_text

# More is a different subject, and a reader starts again with the evidence itself.
SHOWN = 30

Row = tuple[str, str, str]  # what, before, after


@dataclass(frozen=True)
class Changes:
    """What is no longer as it was seen.

    judgement    outcome, score and reasons, where they differ
    rules        rules that answer otherwise, by name
    facts        inputs that differ, those that people supplied before those that were counted
    left_out     how many further inputs differ
    events       lines of the timeline that are younger than the look
    rule_codes   of the rules that answer otherwise
    """

    judgement: Sequence[Row] = ()
    rules: Sequence[Row] = ()
    facts: Sequence[Row] = ()
    left_out: int = 0
    events: Sequence[Mapping[str, Any]] = ()
    rule_codes: Collection[str] = field(default_factory=frozenset)

    @property
    def is_empty(self) -> bool:
        return not (self.judgement or self.rules or self.facts or self.events)


def changes_since(case: ReviewCase, request: HttpRequest, events: Sequence[Mapping[str, Any]]) -> Changes:
    """Return what has changed since the page was shown whose form now comes back; two queries at most.

    The form names what its page showed: `seen_decision` and `seen_at`. A case
    that is judged blind tells what happened and nothing of the judgement.
    """
    seen_at = _moment(request.POST.get("seen_at", ""))
    meanwhile = [event for event in events if seen_at is not None and event["at"] > seen_at]
    before = _seen_decision(case, request.POST.get("seen_decision", ""))
    if case.is_blind or before is None or case.decision is None or before.pk == case.decision.pk:
        return Changes(events=meanwhile)
    facts = _fact_rows(before, case.decision)
    codes = _changed_rules(before, case.decision)
    return Changes(
        judgement=_judgement_rows(before, case.decision),
        rules=_rule_rows(before, case.decision, codes),
        facts=facts[:SHOWN],
        left_out=len(facts[SHOWN:]),
        events=meanwhile,
        rule_codes=frozenset(codes),
    )


def _moment(text: str) -> datetime | None:
    try:
        found = parse_datetime(text)
    except ValueError:
        return None
    return found if found is not None and found.tzinfo is not None else None


def _seen_decision(case: ReviewCase, public_id: str) -> Decision | None:
    """Return the decision the page showed, if it is one on this subject: the form may say anything."""
    try:
        decision_id = decode("dec", public_id)
    except NotFound:
        return None
    return Decision.objects.filter(
        pk=decision_id, subject_kind=case.subject_kind, subject_id=case.subject_id
    ).first()


def _judgement_rows(before: Decision, after: Decision) -> list[Row]:
    rows = [
        (_("Outcome"), *(str(find_status("outcome", one.outcome).label) for one in (before, after))),
        (_("Score"), *(_score_text(one.score) for one in (before, after))),
        (_("Reasons"), *(_reasons_text(one.reason_codes) for one in (before, after))),
    ]
    return [(what, old, new) for what, old, new in rows if old != new]


def _score_text(score: float | None) -> str:
    return _("No score") if score is None else number_text(100 * score, decimals=0)


def _reasons_text(codes: Sequence[str]) -> str:
    return " · ".join(str(find_reason(code).staff) for code in codes)


_ANSWERS = {
    True: gettext_lazy("matched"),
    False: gettext_lazy("did not match"),
    None: gettext_lazy("could not be answered"),
}
_ABSENT = gettext_lazy("was not asked")


def _results(decision: Decision) -> Mapping[str, bool | None]:
    return (decision.snapshot.get("evaluation") or {}).get("results") or {}


def _changed_rules(before: Decision, after: Decision) -> list[str]:
    old, new = _results(before), _results(after)
    return [code for code in {**new, **old} if _answer(old, code) != _answer(new, code)]


def _answer(results: Mapping[str, bool | None], code: str) -> str:
    return str(_ANSWERS[results[code]] if code in results else _ABSENT)


def _rule_rows(before: Decision, after: Decision, codes: Collection[str]) -> list[Row]:
    names = dict(
        Rule.objects.filter(ruleset_id__in=[before.ruleset_id, after.ruleset_id], code__in=codes)
        .order_by("ruleset_id")
        .values_list("code", "name")
    )
    old, new = _results(before), _results(after)
    return [
        (f"{code} {_(names[code])}" if names.get(code) else code, _answer(old, code), _answer(new, code))
        for code in codes
    ]


def _fact_rows(before: Decision, after: Decision) -> list[Row]:
    try:
        old, new = seen_by(before).values, seen_by(after).values
    except Unreplayable:  # the inputs of another version: rules and score still tell
        return []
    fields = {one.name: one for one in schema_of(after.subject_kind).fields}
    supplied = set(after.snapshot.get("values") or {}) | set(before.snapshot.get("values") or {})
    rows: list[tuple[bool, Row]] = []
    for name in {**new, **old}:
        words = [value_text(name, side.get(name), fields.get(name)) for side in (old, new)]
        if words[0] != words[1]:
            label = input_label(name, fields.get(name))
            rows.append((name not in supplied, (label, words[0], words[1])))
    return [row for _is_counted, row in sorted(rows, key=lambda one: one[0])]
