"""Statements of reasons: what a merchant is told about a decision against them, frozen in every language.

Nothing internal gets in: the sentences are those that merchants may read
(`core.reasons`), the facts are the subject's own, which its merchant sent.
"""

from calendar import monthrange
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.utils import formats, translation
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from . import journal
from .actors import Actor
from .errors import FieldError, NotFound, ValidationFailed
from .models import Effect, Statement
from .reasons import decline_sentence, merchant_sentences
from .refs import Ref

# P2B Regulation (EU) 2019/1150, Art. 4, and DSA, Art. 20: complaints are open for six months at least.
APPEAL_MONTHS = 6
_FINAL = {Effect.DECLINED, Effect.REJECTED, Effect.RESTRICTED, Effect.SUSPENDED}
# Reasons that rest on a law as well as on the terms; all others on the terms alone.
_BY_LAW = {
    "prohibited_goods", "registration_invalid", "registration_unchecked", "document_missing",
    "document_reused", "document_unreadable", "bank_account_shared", "bank_account_foreign",
    "terminated_entity",
}  # fmt: skip


@dataclass(frozen=True)
class Fact:
    """One thing the decision was about, known to the merchant: they sent it."""

    label: str | Promise
    value: str


@dataclass(frozen=True)
class About:
    """Whom and what a decision is about. `title` is the merchant's own name for it."""

    subject: Ref
    merchant_id: int
    title: str
    facts: Sequence[Fact] = ()


def give_reasons(
    about: About,
    effect: Effect,
    *,
    reason_codes: Sequence[str],
    actor: Actor,
    at: datetime,
    message: str = "",
) -> Statement:
    """Add the statement of a decision to the open unit, beside the decision itself.

    Raises ValidationFailed without a reason. No query.
    """
    if not reason_codes:
        detail = _("Please choose at least one reason.")
        raise ValidationFailed([FieldError("/reason_codes", "required", detail)])
    statement = Statement(
        **columns(about, effect, reason_codes=reason_codes, is_automated=actor.kind == "system", at=at),
        message=message,
    )
    journal.add(statement)
    return statement


def columns(
    about: About, effect: Effect, *, reason_codes: Sequence[str], is_automated: bool, at: datetime
) -> dict[str, Any]:
    """Return the values of a statement's columns."""
    appeal_until = add_months(at, APPEAL_MONTHS) if effect in _FINAL else None
    basis = "law" if _BY_LAW & set(reason_codes) else "contract"
    texts = {}
    for language, _name in settings.LANGUAGES:
        with translation.override(language):
            texts[language] = compose(
                about, effect, reason_codes, is_automated=is_automated, basis=basis, appeal_until=appeal_until
            )
    return {
        "subject_kind": about.subject.kind,
        "subject_id": about.subject.id,
        "merchant_id": about.merchant_id,
        "effect": effect,
        "is_automated": is_automated,
        "reason_codes": list(reason_codes),
        "basis": basis,
        "texts": texts,
        "appeal_until": appeal_until,
        "created_at": at,
    }


def compose(
    about: About,
    effect: Effect,
    reason_codes: Sequence[str],
    *,
    is_automated: bool,
    basis: str,
    appeal_until: datetime | None,
) -> dict[str, Any]:
    """Return what is read, in the active language; "facts" are pairs of a label and a value."""
    kind = about.subject.kind
    return {
        "heading": str(_HEADINGS[kind, effect]) % {"title": about.title},
        "reasons": _sentences(kind, effect, reason_codes),
        "facts": [[str(fact.label), fact.value] for fact in about.facts],
        "decided": str(_AUTOMATED if is_automated else _BY_A_PERSON),
        "basis": str(_BASES[basis]),
        "cure": str(_CURES[kind, effect]),
        "appeal": _appeal(effect, appeal_until),
    }


def get_statement(statement_id: int, merchant_ids: Collection[int] | None) -> Statement:
    """Return a statement; NotFound if it was not given to one of these merchants (None = any)."""
    statements = Statement.objects.filter(pk=statement_id)
    if merchant_ids is not None:
        statements = statements.filter(merchant_id__in=merchant_ids)
    statement = statements.first()
    if statement is None:
        raise NotFound("No such statement.")
    return statement


def find_newest_statement(subject: Ref) -> Statement | None:
    """Return the newest statement about a subject but for what an appeal was told, standing or not."""
    about_it = Statement.objects.filter(subject_id=subject.id, subject_kind=subject.kind)
    return about_it.exclude(effect=Effect.APPEAL_DENIED).order_by("-pk").first()


def read(statement: Statement) -> Mapping[str, Any]:
    """Return the frozen text in the reader's language."""
    language = (translation.get_language() or "").lower()
    texts: Mapping[str, Mapping[str, Any]] = statement.texts
    return texts.get(language) or texts[settings.LANGUAGES[0][0]]


def add_months(at: datetime, months: int) -> datetime:
    """Return the same day that many months later, or the last of a shorter month.

    >>> add_months(datetime(2026, 8, 31, tzinfo=UTC), 6).date().isoformat()
    '2027-02-28'
    """
    year, month = divmod(at.year * 12 + at.month - 1 + months, 12)
    month += 1
    return at.replace(year=year, month=month, day=min(at.day, monthrange(year, month)[1]))


def _sentences(kind: str, effect: Effect, reason_codes: Sequence[str]) -> list[str]:
    if (kind, effect) == ("order", Effect.DECLINED):
        return list(dict.fromkeys(decline_sentence(code) for code in reason_codes))
    return merchant_sentences(reason_codes)


def _appeal(effect: Effect, until: datetime | None) -> str:
    if until is not None:
        return _(
            "You can appeal in the portal or through the API until %(date)s. Somebody who has had nothing to"
            " do with this decision then looks at it again."
        ) % {"date": formats.date_format(until.astimezone(UTC), "DATE_FORMAT")}
    if effect == Effect.APPEAL_DENIED:
        return _("This decision ends the appeal and cannot be appealed again. The courts stay open to you.")
    return _("This is not a final decision. If one follows that goes against you, you can appeal it.")


_AUTOMATED = gettext_lazy("Automated checks found this and decided it. No person was involved.")
_BY_A_PERSON = gettext_lazy("A person decided this.")
_BASES = {
    "contract": gettext_lazy("The contract: the marketplace’s terms that you accepted when you applied."),
    "law": gettext_lazy(
        "The law on goods that may be sold and on knowing who sells them, and the marketplace’s terms."
    ),
}
_HEADINGS: dict[tuple[str, str], Promise] = {
    ("order", Effect.DECLINED): gettext_lazy("Order %(title)s was declined. Please do not ship it."),
    ("order", Effect.HELD): gettext_lazy("Order %(title)s is on hold. Please do not ship it yet."),
    ("order", Effect.APPEAL_DENIED): gettext_lazy("The appeal is denied: order %(title)s stays declined."),
    ("listing", Effect.REJECTED): gettext_lazy("“%(title)s” was rejected."),
    ("listing", Effect.CHANGES_REQUESTED): gettext_lazy("“%(title)s” needs changes before it can go live."),
    ("listing", Effect.APPEAL_DENIED): gettext_lazy("The appeal is denied: “%(title)s” stays rejected."),
    ("application", Effect.REJECTED): gettext_lazy("Your application for %(title)s was rejected."),
    ("application", Effect.INFO_REQUESTED): gettext_lazy("We need more information about %(title)s."),
    ("application", Effect.APPEAL_DENIED): gettext_lazy(
        "The appeal is denied: the application for %(title)s stays rejected."
    ),
    ("merchant", Effect.RESTRICTED): gettext_lazy("The account of %(title)s is restricted."),
    ("merchant", Effect.SUSPENDED): gettext_lazy("The account of %(title)s is suspended."),
    ("merchant", Effect.APPEAL_DENIED): gettext_lazy("The appeal is denied: the account stays as it is."),
}
_NOTHING_MORE = gettext_lazy("Nothing more is needed from you.")
_CURES: dict[tuple[str, str], Promise] = {
    ("order", Effect.DECLINED): gettext_lazy(
        "There is nothing to put right. If you know the buyer, or can prove the purchase, appeal and say so."
    ),
    ("order", Effect.HELD): gettext_lazy("You need not do anything: we will tell you."),
    ("order", Effect.APPEAL_DENIED): _NOTHING_MORE,
    ("listing", Effect.REJECTED): gettext_lazy("Put it right and submit a new version, or appeal."),
    ("listing", Effect.CHANGES_REQUESTED): gettext_lazy("Change what is named here and submit it again."),
    ("listing", Effect.APPEAL_DENIED): gettext_lazy("You can still put it right and submit a new version."),
    ("application", Effect.REJECTED): gettext_lazy("Put it right and apply again, or appeal."),
    ("application", Effect.INFO_REQUESTED): gettext_lazy("Answer what is asked for and submit it again."),
    ("application", Effect.APPEAL_DENIED): gettext_lazy("You can still put it right and apply again."),
    ("merchant", Effect.RESTRICTED): gettext_lazy("Put right what is named here: the restriction ends then."),
    ("merchant", Effect.SUSPENDED): gettext_lazy("Write to us with what has changed, or appeal."),
    ("merchant", Effect.APPEAL_DENIED): _NOTHING_MORE,
}
