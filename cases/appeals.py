"""Appeals: what one is about, and what follows when a second person has looked.

Opening one is in `appealing`.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

import catalog.services
import merchants.services
import orders.services
from catalog.models import ListingRevision
from core import audit, journal, outbox
from core.actors import Actor
from core.errors import NotFound
from core.models import Effect, Statement
from core.refs import Ref
from core.statements import About, give_reasons
from merchants.models import Merchant, MerchantApplication
from orders.models import Order
from risk import services as risk
from risk.models import Label, LabelSource, Subject

from .models import Appeal, AppealFile, AppealStatus, ReviewCase, Verdict, VerdictKind
from .quality import looking
from .states import APPEAL


@dataclass(frozen=True)
class Appealable:
    """How a subject of one kind is appealed.

    load        the locked row, with what `about` reads
    standing    its column with the statement that stands
    reinstate   undoes the decision: row, keyword-only actor and at
    machine     the kind under which its moves are journalled
    """

    load: Callable[[int], Any]
    standing: str
    about: Callable[[Any], About]
    reinstate: Callable[..., None]
    machine: str
    upheld: Promise


def _lift_restriction(merchant: Merchant, *, actor: Actor, at: datetime) -> None:
    merchants.services.lift_restriction(merchant, actor=actor)


# Keys: the subject and what was decided about it.
APPEALABLE: dict[tuple[str, str], Appealable] = {
    (Subject.ORDER, Effect.DECLINED): Appealable(
        load=lambda id: Order.objects.select_for_update().get(pk=id),
        standing="decline_statement_id",
        about=orders.services.about,
        reinstate=orders.services.reinstate_order,
        machine="order",
        upheld=gettext_lazy("Your appeal is upheld: order %(title)s goes on. You can handle it now."),
    ),
    (Subject.LISTING, Effect.REJECTED): Appealable(
        load=lambda id: (
            ListingRevision.objects.select_for_update(of=("self",))
            .select_related("listing__live_revision")
            .get(pk=id)
        ),
        standing="rejection_statement_id",
        about=catalog.services.about,
        reinstate=catalog.services.reinstate_revision,
        machine="revision",
        upheld=gettext_lazy("Your appeal is upheld: “%(title)s” is approved."),
    ),
    (Subject.APPLICATION, Effect.REJECTED): Appealable(
        load=lambda id: (
            MerchantApplication.objects.select_for_update(of=("self",)).select_related("merchant").get(pk=id)
        ),
        standing="rejection_statement_id",
        about=merchants.services.about,
        reinstate=merchants.services.reinstate_application,
        machine="application",
        upheld=gettext_lazy("Your appeal is upheld: the application for %(title)s is approved. Welcome."),
    ),
    (Subject.MERCHANT, Effect.RESTRICTED): Appealable(
        load=lambda id: Merchant.objects.select_for_update().get(pk=id),
        standing="restriction_statement_id",
        about=merchants.services.about_account,
        reinstate=_lift_restriction,
        machine="merchant",
        upheld=gettext_lazy("Your appeal is upheld: the restriction of %(title)s is lifted."),
    ),
}


def find_appeal(case: ReviewCase) -> Appeal | None:
    """Return the appeal that a case decides, with its statement; None for other cases. One query."""
    return Appeal.objects.select_related("statement").filter(case_id=case.pk).first()


def find_appeal_of(statement: Statement) -> Appeal | None:
    """Return the appeal against a statement, with its denial. One query."""
    return Appeal.objects.select_related("denial").filter(statement_id=statement.pk).first()


def get_appeal(appeal_id: int, merchant_ids: Collection[int] | None) -> Appeal:
    """Return an appeal with statement and denial; NotFound unless it is of these merchants (None = any)."""
    appeals = Appeal.objects.select_related("statement", "denial").filter(pk=appeal_id)
    if merchant_ids is not None:
        appeals = appeals.filter(merchant_id__in=merchant_ids)
    appeal = appeals.first()
    if appeal is None:
        raise NotFound("No such appeal.")
    return appeal


def get_appeal_file(file_id: int, merchant_ids: Collection[int] | None) -> AppealFile:
    """Return a piece of evidence with its appeal; NotFound as for `get_appeal`."""
    files = AppealFile.objects.select_related("appeal").filter(pk=file_id)
    if merchant_ids is not None:
        files = files.filter(appeal__merchant_id__in=merchant_ids)
    file = files.first()
    if file is None:
        raise NotFound("No such file.")
    return file


def open_appeal_file(file: AppealFile, *, actor: Actor) -> None:
    """Record that somebody opened a piece of evidence; the door sends the file only after this."""
    with journal.unit():
        audit.record("document.opened", actor=actor, subject=Ref("appeal_file", file.pk))


def settle_appeal(appeal: Appeal, verdict: Verdict, *, actor: Actor, at: datetime) -> None:
    """Uphold the appeal, which undoes the decision, or deny it with reasons of its own; write the label."""
    statement = appeal.statement
    how = APPEALABLE[statement.subject_kind, statement.effect]
    with journal.unit():
        row = how.load(statement.subject_id)
        if verdict.kind == VerdictKind.APPROVE:
            how.reinstate(row, actor=actor, at=at)
            closing: dict[str, Any] = {"texts": _texts(how, row)}
        else:
            denial = give_reasons(
                how.about(row),
                Effect.APPEAL_DENIED,
                reason_codes=verdict.reason_codes,
                actor=actor,
                at=at,
                message=verdict.message,
            )
            closing = {"denial_id": denial.pk}
        action = "uphold" if verdict.kind == VerdictKind.APPROVE else "deny"
        APPEAL.move(appeal, action, actor=actor, decided_at=at, message=verdict.message, **closing)
        announce(appeal, row)
        audit.record(
            f"appeal.{appeal.status}",
            actor=actor,
            subject=Ref("appeal", appeal.pk),
            detail={"statement": statement.pk, "verdict": verdict.pk},
        )
        looking.note_appeal(appeal.case, statement.created_at, verdict, at=at)
        _record_labels(statement, row, is_bad=verdict.kind != VerdictKind.APPROVE, at=at)


def announce(appeal: Appeal, row: Any) -> None:
    """Tell the merchant's systems where an appeal stands, under the object that they know."""
    event = "appeal.opened" if appeal.status == AppealStatus.OPEN else f"appeal.{appeal.status}"
    kind, id = appeal.statement.subject_kind, appeal.statement.subject_id
    payload: dict[str, Any] = {"status": appeal.status, "appeal": appeal.pk, "statement": appeal.statement_id}
    if kind == Subject.LISTING:
        payload["revision"], id = id, row.listing_id
    outbox.record(event, subject=Ref(kind, id), merchant_id=appeal.merchant_id, payload=payload)


def _texts(how: Appealable, row: Any) -> dict[str, str]:
    texts = {}
    for language, _name in settings.LANGUAGES:
        with translation.override(language):
            texts[language] = str(how.upheld) % {"title": how.about(row).title}
    return texts


def _record_labels(statement: Statement, row: Any, *, is_bad: bool, at: datetime) -> None:
    """Write what the second look proved. Any source that says bad counts, so a wrong verdict is corrected."""
    subject = Ref(statement.subject_kind, statement.subject_id)
    sources = [LabelSource.APPEAL]
    verdicts = Label.objects.filter(
        subject_kind=subject.kind, subject_id=subject.id, source=LabelSource.VERDICT, superseded_at=None
    )
    if not is_bad and verdicts.exists():
        sources.append(LabelSource.VERDICT)
    for source in sources:
        risk.record_label(
            subject,
            is_bad=is_bad,
            source=source,
            occurred_at=at,
            known_at=at,
            order=row if isinstance(row, Order) else None,
            merchant_id=statement.merchant_id,
        )
