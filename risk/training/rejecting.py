"""Why a new model changes nothing: it is, or may be, worse than what there is."""

from risk.comparing import Finding

from .reporting import CHAMPION, Judged

_CLAUSES = {
    "worse_average_precision": "its average precision is lower",
    "unsure_average_precision": "its average precision may be lower by more than the margin",
    "worse_cost": "it costs more",
    "unsure_cost": "it may cost more by more than the margin",
    "not_comparable": "the two cannot be compared",
    "too_few_rows": "too few rows are labelled since to tell the two apart",
}


def why_worse(judged: Judged) -> tuple[str, ...]:
    """Return the codes that keep a model out of shadow; () if none does.

    Against a champion it has to be proved not worse. Against its own baseline, or without a champion, it is
    enough that it is not proved worse: a shadow has no effect, and the gate of promotion asks again.
    """
    found = judged.finding
    if found.result["against"] == CHAMPION:
        reasons = tuple(code for code in found.reasons if code in _CLAUSES)
        if reasons:
            return reasons
    return tuple(f"baseline_{code}" for code in judged.to_baseline if code.startswith("worse_"))


def sentence_of(reasons: tuple[str, ...], number: int, finding: Finding) -> str:
    """Return what the run's row says: "" if the model went into shadow."""
    if not reasons:
        return ""
    is_to_baseline = reasons[0].startswith("baseline_")
    rival = "its baseline" if is_to_baseline else "the champion"
    clauses = [_CLAUSES[code.removeprefix("baseline_")] for code in reasons]
    rows = finding.result["rows"]
    return (
        f"Version {number} stays a candidate and nothing changes: against {rival}, on {rows} later rows, "
        f"{' and '.join(clauses)}."
    )
