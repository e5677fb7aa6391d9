"""Turn journal rows into a merchant's timeline: plain words, no names of reviewers."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User
from core.models import TransitionRecord
from core.reasons import decline_sentence, find_reason
from core.ui.statuses import Tone, find_status
from core.ui.timelines import settle_past

from .access import Shop

_TITLES: Mapping[tuple[str, str], str | Promise] = {
    ("application", "create"): gettext_lazy("Application started"),
    ("application", "submit"): gettext_lazy("Application submitted"),
    ("application", "screen"): gettext_lazy("Automatic checks started"),
    ("application", "review"): gettext_lazy("Handed to a reviewer"),
    ("application", "request_info"): gettext_lazy("Information requested"),
    ("application", "approve"): gettext_lazy("Application approved"),
    ("application", "reject"): gettext_lazy("Application not accepted"),
    ("application", "withdraw"): gettext_lazy("Application withdrawn"),
    ("application", "expire"): gettext_lazy("Application expired"),
    ("revision", "create"): gettext_lazy("Version drafted"),
    ("revision", "submit"): gettext_lazy("Version submitted"),
    ("revision", "screen"): gettext_lazy("Automatic checks started"),
    ("revision", "review"): gettext_lazy("Handed to a reviewer"),
    ("revision", "request_changes"): gettext_lazy("Changes requested"),
    ("revision", "approve"): gettext_lazy("Version approved"),
    ("revision", "reject"): gettext_lazy("Version not accepted"),
    ("revision", "withdraw"): gettext_lazy("Version withdrawn"),
    ("revision", "supersede"): gettext_lazy("Replaced by a newer version"),
    ("listing", "create"): gettext_lazy("Listing created"),
    ("listing", "publish"): gettext_lazy("Listing went live"),
    ("listing", "pause"): gettext_lazy("Listing paused"),
    ("listing", "resume"): gettext_lazy("Listing resumed"),
    ("listing", "suppress"): gettext_lazy("Listing suppressed"),
    ("listing", "lock"): gettext_lazy("Listing locked"),
    ("listing", "unlock"): gettext_lazy("Listing unlocked"),
    ("listing", "archive"): gettext_lazy("Listing archived"),
    ("order", "place"): gettext_lazy("Order received"),
    ("order", "await_payment"): gettext_lazy("Order confirmed, payment is due"),
    ("order", "await_acceptance"): gettext_lazy("Order confirmed"),
    ("order", "hold"): gettext_lazy("Held for checks"),
    ("order", "decline"): gettext_lazy("Order not accepted by the marketplace"),
    ("order", "accept"): gettext_lazy("Order accepted"),
    ("order", "refuse"): gettext_lazy("Order refused"),
    ("order", "ship_part"): gettext_lazy("Partly shipped"),
    ("order", "ship"): gettext_lazy("All shipped"),
    ("order", "deliver"): gettext_lazy("Order delivered"),
    ("order", "complete"): gettext_lazy("Order completed"),
    ("order", "cancel"): gettext_lazy("Order cancelled"),
    ("order", "payment_authorized"): gettext_lazy("Payment authorised"),
    ("order", "payment_paid"): gettext_lazy("Payment received"),
    ("order", "payment_voided"): gettext_lazy("Payment voided"),
    ("order", "refund"): gettext_lazy("Money paid back"),
    ("shipment", "ship"): gettext_lazy("Parcel handed over"),
    ("shipment", "deliver"): gettext_lazy("Parcel delivered"),
    ("shipment", "cancel"): gettext_lazy("Parcel cancelled"),
    ("refund", "request"): gettext_lazy("Refund requested"),
    ("refund", "process"): gettext_lazy("Refund under way"),
    ("refund", "succeed"): gettext_lazy("Refund paid out"),
    ("refund", "fail"): gettext_lazy("Refund failed"),
    ("refund", "cancel"): gettext_lazy("Refund cancelled"),
}
# Only these tell the merchant why; the reason of an approval or of a hand-over is nobody's worry.
_WITH_REASON = {"request_info", "reject", "request_changes", "suppress", "lock", "hold", "decline"}


def as_events(records: Iterable[TransitionRecord], shop: Shop) -> list[Mapping[str, Any]]:
    """Return timeline events, newest first; one query for the members' names."""
    records = list(records)
    ids = {record.actor_id for record in records if record.actor_kind == "user"}
    members = User.objects.filter(pk__in=ids, memberships__merchant=shop.merchant)
    names = {str(user.pk): str(user) for user in members} | {str(shop.user.pk): _("You")}
    return settle_past(
        {
            "at": record.created_at,
            "title": _TITLES.get((record.subject_kind, record.action), record.action.replace("_", " ")),
            "tone": _tone_of(record),
            "actor": _actor_of(record, names),
            "text": _text_of(record),
        }
        for record in reversed(records)
    )


def _actor_of(record: TransitionRecord, names: Mapping[str, str]) -> str:
    if record.actor_kind == "system":
        return _("Automatic")
    if record.actor_kind == "api_key":
        return _("Partner system")
    return names.get(record.actor_id, _("Marketplace"))


def _text_of(record: TransitionRecord) -> str:
    if (record.subject_kind, record.action) == ("order", "refuse"):
        return record.comment  # the merchant's own words
    if record.action not in _WITH_REASON or not record.reason_code:
        return ""
    if (record.subject_kind, record.action) == ("order", "decline"):
        return decline_sentence(record.reason_code)
    return str(find_reason(record.reason_code).merchant)


def _tone_of(record: TransitionRecord) -> str:
    if record.subject_kind == "listing" and record.action == "create":
        return Tone.DRAFT
    if record.action == "hold":
        return Tone.WAITS
    return find_status(record.subject_kind, record.to_state).tone
