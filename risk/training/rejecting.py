"""Why a new model changes nothing: it is, or may be, worse than what there is."""

from risk.comparing import Finding
from risk.rejection import CLAUSES, reasons_to_reject

from .reporting import Judged


def why_worse(judged: Judged) -> tuple[str, ...]:
    """Return the codes that keep a model out of shadow; () if none does."""
    finding = judged.finding
    return reasons_to_reject(finding.result["against"], finding.reasons, judged.to_baseline)


def sentence_of(reasons: tuple[str, ...], number: int, finding: Finding) -> str:
    """Return what the run's row says: "" if the model went into shadow."""
    if not reasons:
        return ""
    is_to_baseline = reasons[0].startswith("baseline_")
    rival = "its baseline" if is_to_baseline else "the champion"
    clauses = [CLAUSES[code.removeprefix("baseline_")] for code in reasons]
    rows = finding.result["rows"]
    return (
        f"Version {number} stays a candidate and nothing changes: against {rival}, on {rows} later rows, "
        f"{' and '.join(clauses)}."
    )
