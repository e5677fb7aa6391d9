"""Opening an appeal: the checks, the evidence, the case, and who is kept away from it."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.core.files.base import ContentFile
from django.utils.translation import gettext as _

from accounts.models import User
from core import audit, journal
from core.actors import Actor
from core.errors import Conflict, FieldError, ValidationFailed
from core.journal import Refusal
from core.models import Statement, TransitionRecord
from core.refs import Ref
from core.uploads import CleanFile, Upload, clean_document
from orders.models import Order

from .appeals import APPEALABLE, announce
from .models import Appeal, AppealFile, CaseExclusion, ReviewCase, Verdict
from .selectors import find_open_case
from .services import open_case

TEXT_LENGTH = 4_000
# A letter, an invoice, a proof of delivery and two more; what is larger goes into one PDF.
MAX_FILES = 5
_APPEALED_ALREADY = Refusal(
    constraint="one_appeal_per_statement",
    columns="cases_appeal.statement_id",
    error=lambda: Conflict(_("This decision has been appealed already."), code="already_appealed"),
)


def open_appeal(
    statement: Statement, *, text: str, files: Sequence[Upload] = (), actor: Actor, at: datetime
) -> Appeal:
    """Ask somebody else to look again; what was decided stands until they have.

    Raises ValidationFailed, and Conflict with the codes `not_appealable`,
    `appeal_too_late`, `statement_overtaken`, `already_appealed` and
    `case_open`. Of two at once one is opened.
    """
    clean = _cleaned(text, files)
    with journal.unit():
        # Statements never change, so nothing else waits for this lock but another appeal.
        Statement.objects.select_for_update().get(pk=statement.pk)
        row = _require_appealable(statement, at)
        subject = Ref(statement.subject_kind, statement.subject_id)
        case = open_case(
            None,
            subject=subject,
            title=APPEALABLE[statement.subject_kind, statement.effect].about(row).title,
            value_minor=row.base_total_minor if isinstance(row, Order) else 0,
            at=at,
            merchant_id=statement.merchant_id,
            actor=actor,
        )
        appeal = Appeal(
            statement=statement,
            case=case,
            merchant_id=statement.merchant_id,
            text=text.strip(),
            actor_kind=actor.kind,
            actor_id=actor.id,
            due_at=case.due_at,
            created_at=at,
        )
        journal.add(appeal, refusal=_APPEALED_ALREADY)
        _store_files(appeal, clean, at)
        _exclude_earlier(case, statement)
        audit.record(
            "appeal.opened",
            actor=actor,
            subject=Ref("appeal", appeal.pk),
            detail={"statement": statement.pk, "case": case.pk, "files": [file.sha256 for file in clean]},
        )
        announce(appeal, row)
    return appeal


def is_appealable(statement: Statement, *, at: datetime) -> bool:
    """Tell whether the statement is of a kind that can be appealed, and its time not over."""
    is_known = (statement.subject_kind, statement.effect) in APPEALABLE
    return is_known and statement.appeal_until is not None and at <= statement.appeal_until


def _cleaned(text: str, files: Sequence[Upload]) -> list[CleanFile]:
    errors = []
    if not text.strip():
        errors.append(FieldError("/text", "required", _("Please say what is wrong with the decision.")))
    elif len(text) > TEXT_LENGTH:
        detail = _("At most %(limit)s characters.") % {"limit": TEXT_LENGTH}
        errors.append(FieldError("/text", "too_long", detail))
    if len(files) > MAX_FILES:
        detail = _("At most %(limit)s files.") % {"limit": MAX_FILES}
        errors.append(FieldError("/files", "too_many_files", detail))
    if errors:
        raise ValidationFailed(errors)
    return [clean_document(upload, pointer=f"/files/{index}") for index, upload in enumerate(files)]


def _require_appealable(statement: Statement, at: datetime) -> Any:
    """Return the subject's row, locked, or raise Conflict with what stands in the way."""
    if Appeal.objects.filter(statement=statement).exists():
        raise _APPEALED_ALREADY.error()
    how = APPEALABLE.get((statement.subject_kind, statement.effect))
    if how is None or statement.appeal_until is None:
        raise Conflict(_("This decision cannot be appealed."), code="not_appealable")
    if at > statement.appeal_until:
        raise Conflict(_("The time to appeal this decision is over."), code="appeal_too_late")
    row = how.load(statement.subject_id)
    if getattr(row, how.standing) != statement.pk:
        raise Conflict(_("This decision no longer stands."), code="statement_overtaken")
    if find_open_case(Ref(statement.subject_kind, statement.subject_id)) is not None:
        raise Conflict(_("Somebody is looking at this already. Wait for the result."), code="case_open")
    return row


def _store_files(appeal: Appeal, files: Iterable[CleanFile], at: datetime) -> None:
    """Write each file and its row. A later rollback leaves an orphan file, never an orphan row."""
    for clean in files:
        kept = AppealFile(
            appeal=appeal,
            content_type=clean.content_type,
            size_bytes=len(clean.content),
            sha256=clean.sha256,
            created_at=at,
        )
        # The uploader's file name is never kept: it may carry personal data, or a path.
        kept.file.save(f"{kept.pk}.{clean.extension}", ContentFile(clean.content), save=False)
        journal.add(kept)


def _exclude_earlier(case: ReviewCase, statement: Statement) -> None:
    """Keep everybody away from the case who had to do with an earlier one of its subject, or decided it."""
    kind, id = statement.subject_kind, statement.subject_id
    earlier = ReviewCase.objects.filter(subject_kind=kind, subject_id=id).values_list("pk", flat=True)
    machine = APPEALABLE[kind, statement.effect].machine
    moves = TransitionRecord.objects.filter(actor_kind="user")
    of_cases = moves.filter(subject_kind="case", subject_id__in=list(earlier))
    of_subject = moves.filter(subject_kind=machine, subject_id=id)
    touched = {int(actor_id) for actor_id in of_cases.union(of_subject).values_list("actor_id", flat=True)}
    verdicts = Verdict.objects.filter(case__in=earlier)
    touched.update(verdicts.values_list("reviewer_id", flat=True))
    touched.update(verdicts.filter(second__isnull=False).values_list("second_id", flat=True))
    for user_id in User.objects.filter(pk__in=touched).order_by("pk").values_list("pk", flat=True):
        journal.add(CaseExclusion(case=case, user_id=user_id))
