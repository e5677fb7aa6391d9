"""The appeal that a case decides, beside the statement that it objects to."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cases.appeals import find_appeal
from cases.models import Appeal, AppealFile, ReviewCase
from core.ids import encode
from core.reasons import find_reason
from core.refs import Ref
from core.statements import read
from risk.models import Decision
from risk.selectors import find_decision


@dataclass(frozen=True)
class ShownAppeal:
    """`reasons` are those for staff; `text` is what the merchant was told, in the reader's language."""

    appeal: Appeal
    files: tuple[AppealFile, ...]

    @property
    def text(self) -> Mapping[str, Any]:
        return read(self.appeal.statement)

    @property
    def reasons(self) -> list[str]:
        return [str(find_reason(code).staff) for code in self.appeal.statement.reason_codes]

    @property
    def file_rows(self) -> list[tuple[str, AppealFile]]:
        return [(encode("apf", file.pk), file) for file in self.files]


def judged_by(case: ReviewCase, shown: ShownAppeal | None) -> Decision | None:
    """Return the system's decision that a case is about; of an appeal the one on what it objects to."""
    if case.decision is not None or shown is None:
        return case.decision
    return find_decision(Ref(case.subject_kind, case.subject_id))


def appeal_of(case: ReviewCase) -> ShownAppeal | None:
    """Return what the case page shows of an appeal; one query, two if there is one."""
    appeal = find_appeal(case)
    return None if appeal is None else ShownAppeal(appeal, tuple(appeal.files.order_by("pk")))
