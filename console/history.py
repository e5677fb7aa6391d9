"""What happened to a case and its subject, as lines of a timeline: moves, verdicts, what else arrived."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from accounts.models import User
from cases.colleagues import CaseNote
from cases.models import ReviewCase, Verdict, VerdictStatus
from cases.selectors import list_moves, list_verdicts
from console.evidence.applications import ApplicationEvidence
from console.evidence.orders import OrderEvidence
from core.ids import encode
from core.models import TransitionRecord
from core.money import Money
from core.reasons import find_reason
from core.refs import Ref
from core.ui.statuses import find_status
from core.ui.timelines import settle_past
from risk.models import Subject

# A listing's case is about one revision of it.
_MACHINE = {Subject.LISTING: "revision"}


def list_events(
    case: ReviewCase, facts: object, notes: Sequence[CaseNote] = (), *, before_id: int | None = None
) -> list[Mapping[str, Any]]:
    """List the moves of the case and of its subject with what arrived about it, newest first; three queries.

    facts       the subject's evidence as the page shows it
    notes       what colleagues wrote, read already
    before_id   leave out moves of the subject from this id on: a look of one's own does not see what followed
    """
    kind = _MACHINE.get(Subject(case.subject_kind), case.subject_kind)
    moves = list_moves([Ref("case", case.pk), Ref(kind, case.subject_id)])
    if before_id is not None:
        moves = [move for move in moves if move.subject_kind == "case" or move.pk < before_id]
    verdicts = list(list_verdicts(case))
    names = _names_of(moves)
    events = [_event_of(move, kind, names) for move in moves if move.action not in _SILENT]
    events += [_verdict_event(verdict) for verdict in verdicts]
    events += _arrivals(facts)
    events += [_note_event(note) for note in notes]
    return settle_past(sorted(events, key=lambda event: event["at"], reverse=True))


# The verdict that caused them says more.
_SILENT = {"resolve", "await_subject", "decide", "await_second", "undo", "refuse"}


def _event_of(move: TransitionRecord, kind: str, names: Mapping[str, str]) -> Mapping[str, Any]:
    # A hold is an overlay: the order's state stays, what happened does not.
    state = "on_hold" if move.action == "hold" else move.to_state
    status = find_status(move.subject_kind, state)
    title = str(status.label)
    if move.subject_kind == "case":
        title = _("Case: %(state)s") % {"state": title}
    reason = str(find_reason(move.reason_code).staff) if move.reason_code else ""
    return {
        "at": move.created_at,
        "title": title,
        "tone": str(status.tone),
        "actor": names.get(move.actor_id, "") if move.actor_kind == "user" else _source(move.actor_kind),
        "text": move.comment or ("" if reason == move.reason_code else reason),
    }


def _source(kind: str) -> str:
    return _("system") if kind == "system" else _("by API")


def _verdict_event(verdict: Verdict) -> Mapping[str, Any]:
    status = find_status("verdict", verdict.kind)
    reasons = [str(find_reason(code).staff) for code in verdict.reason_codes]
    title = _("Verdict: %(verdict)s") % {"verdict": status.label}
    if verdict.status != VerdictStatus.EFFECTIVE:
        title += f" · {find_status('verdict_status', verdict.status).label}"
    return {
        "at": verdict.created_at,
        "title": title,
        "tone": str(status.tone),
        "actor": str(verdict.reviewer),
        "text": " · ".join(
            text for text in (*reasons, verdict.note, _bulk(verdict), _signature(verdict)) if text
        ),
    }


def _note_event(note: CaseNote) -> Mapping[str, Any]:
    files = 0 if note.removed_at else len(note.files.all())
    attached = ngettext("%(n)s file", "%(n)s files", files) % {"n": files} if files else ""
    text = _("taken back by its author") if note.removed_at else note.text
    return {
        "at": note.created_at,
        "title": pgettext("history", "Note"),
        "tone": "ended",
        "actor": str(note.author),
        "text": " · ".join(part for part in (text, attached) if part),
    }


def _bulk(verdict: Verdict) -> str:
    if not hasattr(verdict, "selected"):
        return ""
    return _("with others, as %(selection)s") % {"selection": encode("sel", verdict.selected.selection_id)}


def _signature(verdict: Verdict) -> str:
    if verdict.second is None:
        return ""
    if verdict.status == VerdictStatus.REFUSED:
        values = {"who": verdict.second, "why": verdict.second_note}
        return _("not signed by %(who)s: %(why)s") % values
    return _("signed by %(who)s") % {"who": verdict.second}


def _arrivals(facts: object) -> list[Mapping[str, Any]]:
    """Return what came in from outside, from evidence that is gathered already: no query."""
    if isinstance(facts, OrderEvidence):
        currency = facts.order.currency
        return [
            *(
                _arrival("payment_event", one.kind, one.occurred_at, str(Money(one.amount_minor, currency)))
                for one in facts.payments
            ),
            *(
                _arrival("shipment", one.status, one.shipped_at, one.carrier)
                for one in facts.shipments
                if one.shipped_at
            ),
            *(
                _arrival("refund", one.status, one.created_at, str(Money(one.amount_minor, one.currency)))
                for one in facts.refunds
            ),
        ]
    if isinstance(facts, ApplicationEvidence):
        return [
            {
                "at": document.created_at,
                "title": _("Uploaded: %(document)s") % {"document": document.get_kind_display()},
                "tone": "ended",
            }
            for document in facts.documents
        ]
    return []


def _arrival(kind: str, state: str, at: datetime, text: str) -> Mapping[str, Any]:
    status = find_status(kind, state)
    return {"at": at, "title": str(status.label), "tone": str(status.tone), "text": text}


def _names_of(moves: Sequence[TransitionRecord]) -> dict[str, str]:
    ids = {move.actor_id for move in moves if move.actor_kind == "user"}
    return {str(user.pk): str(user) for user in User.objects.filter(pk__in=ids)}
