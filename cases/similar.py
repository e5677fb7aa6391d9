"""Past cases that resemble one, and what became of them."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from accounts.models import User
from risk.models import Label

from .models import CasePurpose, CaseStatus, ReviewCase, Verdict, VerdictKind, VerdictStatus
from .selectors import for_a_list, list_cases

# What one answer may read, whatever the history: the newest decided cases of any kind, and of those the ones
# of the same kind. Older ones were judged under other rules, so that going further back finds little.
NEWEST = 2_000
COMPARED = 200
SHOWN = 5
# A tenth of the scale apart still reads as "about the same score".
NEAR_SCORE = 0.1
# Rules say most: they name what is odd. Reasons repeat them more coarsely; the rest decides between equals.
_RULES, _REASONS, _MERCHANT, _SCORE = 4.0, 2.0, 1.0, 0.5


@dataclass(frozen=True)
class SimilarCase:
    """A decided case, what it has in common with the one asked about, and its end.

    rules, reasons   codes that both have
    verdict          what the last reviewer decided, None if nothing is kept
    proved_bad       what the subject proved to be, as anybody but that reviewer said; None = not known
    """

    case: ReviewCase
    rules: tuple[str, ...]
    reasons: tuple[str, ...]
    is_same_merchant: bool
    is_near_score: bool
    verdict: Verdict | None
    proved_bad: bool | None


@dataclass(frozen=True)
class _Traits:
    """What two cases are compared by."""

    rules: frozenset[str]
    reasons: frozenset[str]
    merchant_id: int | None
    score: float | None


def list_similar(case: ReviewCase, user: User) -> list[SimilarCase]:
    """Return the decided cases most like this one, nearest first; at most four queries.

    Of the newest decided cases of the same kind of subject that the reviewer
    may see, those which share a rule that matched or a reason; more shared
    ones come first, then the same merchant, a near score, the newer case.
    """
    if case.decision is None:
        return []
    own = _traits_of(case, matched_rules(case.decision.snapshot.get("evaluation") or {}))
    found = [(_nearness(own, theirs), pk, theirs) for pk, theirs in _candidates(case, user)]
    nearest = sorted((one for one in found if one[0] is not None), key=lambda one: one[:2], reverse=True)
    chosen = {pk: theirs for _, pk, theirs in nearest[:SHOWN]}
    if not chosen:
        return []
    cases = for_a_list(ReviewCase.objects.all()).in_bulk(chosen)
    verdicts = _last_verdicts(chosen)
    bad = _proved(cases.values())
    return [
        SimilarCase(
            case=cases[pk],
            rules=tuple(sorted(own.rules & theirs.rules)),
            reasons=tuple(sorted(own.reasons & theirs.reasons)),
            is_same_merchant=_is_same(own.merchant_id, theirs.merchant_id),
            is_near_score=_is_near(own.score, theirs.score),
            verdict=verdicts.get(pk),
            proved_bad=bad.get(cases[pk].subject_id),
        )
        for pk, theirs in chosen.items()
    ]


def matched_rules(evaluation: Mapping[str, Mapping[str, object]]) -> frozenset[str]:
    """Return the codes of the rules that matched with effect."""
    muted = evaluation.get("muted") or {}
    results = evaluation.get("results") or {}
    return frozenset(code for code, result in results.items() if result and code not in muted)


def _candidates(case: ReviewCase, user: User) -> Iterable[tuple[int, _Traits]]:
    newest = ReviewCase.objects.filter(status=CaseStatus.RESOLVED).order_by("-pk").values("pk")[:NEWEST]
    rows = list_cases(user).filter(pk__in=newest, subject_kind=case.subject_kind, decision__isnull=False)
    if case.purpose != CasePurpose.WORK:  # its subject has been decided about: that would tell how
        rows = rows.exclude(subject_id=case.subject_id)
    columns = ("pk", "merchant_id", "decision__reason_codes", "decision__score")
    # The evaluation alone: a snapshot is many times as long.
    for pk, merchant_id, reasons, score, evaluation in (
        rows.exclude(pk=case.pk)
        .order_by("-pk")
        .values_list(*columns, "decision__snapshot__evaluation")[:COMPARED]
    ):
        yield pk, _Traits(matched_rules(evaluation or {}), frozenset(reasons), merchant_id, score)


def _traits_of(case: ReviewCase, rules: frozenset[str]) -> _Traits:
    assert case.decision is not None
    return _Traits(rules, frozenset(case.decision.reason_codes), case.merchant_id, case.decision.score)


def _nearness(own: _Traits, theirs: _Traits) -> float | None:
    """Return how much two cases have in common, None without a rule or a reason in common."""
    if not (own.rules & theirs.rules or own.reasons & theirs.reasons):
        return None
    return (
        _RULES * _overlap(own.rules, theirs.rules)
        + _REASONS * _overlap(own.reasons, theirs.reasons)
        + _MERCHANT * _is_same(own.merchant_id, theirs.merchant_id)
        + _SCORE * _is_near(own.score, theirs.score)
    )


def _overlap(own: frozenset[str], theirs: frozenset[str]) -> float:
    """Return the share of what either has that both have."""
    either = own | theirs
    return len(own & theirs) / len(either) if either else 0.0


def _is_same(own: int | None, theirs: int | None) -> bool:
    return own is not None and own == theirs


def _is_near(own: float | None, theirs: float | None) -> bool:
    return own is not None and theirs is not None and abs(own - theirs) <= NEAR_SCORE


def _last_verdicts(case_ids: Collection[int]) -> dict[int, Verdict]:
    judged = Verdict.objects.filter(case_id__in=case_ids, status=VerdictStatus.EFFECTIVE)
    ended = judged.filter(kind__in=[VerdictKind.APPROVE, VerdictKind.REJECT])
    return {verdict.case_id: verdict for verdict in ended.order_by("pk")}


def _proved(cases: Collection[ReviewCase]) -> dict[int, bool]:
    """Return what subjects proved to be; bad outweighs good where sources differ."""
    kinds = {case.subject_kind for case in cases}
    labels = Label.objects.standing().filter(
        subject_kind__in=kinds, subject_id__in=[case.subject_id for case in cases]
    )
    proved: dict[int, bool] = {}
    # A verdict's own label only repeats the verdict.
    for subject_id, is_bad in labels.exclude(source="verdict").values_list("subject_id", "is_bad"):
        proved[subject_id] = proved.get(subject_id, False) or is_bad
    return proved
