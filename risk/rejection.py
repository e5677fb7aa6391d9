"""What keeps a new model out of shadow: the one rule, for the training and for who tells of it later."""

from collections.abc import Sequence

CHAMPION = "champion"
# The codes of risk.comparing that keep a model out of shadow, in words for logs and the command line.
CLAUSES = {
    "worse_average_precision": "its average precision is lower",
    "unsure_average_precision": "its average precision may be lower by more than the margin",
    "worse_cost": "it costs more",
    "unsure_cost": "it may cost more by more than the margin",
    "not_comparable": "the two cannot be compared",
    "too_few_rows": "too few rows are labelled since to tell the two apart",
}


def reasons_to_reject(against: str, reasons: Sequence[str], to_baseline: Sequence[str]) -> tuple[str, ...]:
    """Return the codes that keep a model out of shadow; () if none does.

    Against a champion it has to be proved not worse. Against its own baseline, or without a champion, it is
    enough that it is not proved worse: a shadow has no effect, and the gate of promotion asks again.

    against        whom the gate held it against, and for which `reasons` it does not pass
    to_baseline    codes of the comparison with its baseline; returned with "baseline_" before them

    >>> reasons_to_reject("champion", ["unsure_cost", "unfair"], ["worse_cost"])
    ('unsure_cost',)
    >>> reasons_to_reject("baseline", ["unsure_cost"], ["unsure_cost"])
    ()
    """
    if against == CHAMPION:
        found = tuple(code for code in reasons if code in CLAUSES)
        if found:
            return found
    return tuple(f"baseline_{code}" for code in to_baseline if code.startswith("worse_"))
