"""Which shape, colour and word each state has; every badge on every page is drawn from here."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class Tone(StrEnum):
    """What a state asks of the reader. Each tone has its own shape, so colour is never alone."""

    DRAFT = "draft"  # dashed ring: nothing has been sent yet
    PROGRESS = "progress"  # half disc: the system or a colleague is at work
    WAITS = "waits"  # diamond: waits for somebody's action
    GOOD = "good"  # disc with a tick
    BAD = "bad"  # octagon with a cross: negative, or needs attention
    ENDED = "ended"  # ring with a bar: over, neither good nor bad


@dataclass(frozen=True)
class Status:
    """One state as shown to people."""

    tone: Tone
    label: str | Promise


def find_status(kind: str, value: str) -> Status:
    """Return how a state is shown; a state nobody declared shows its own code in a neutral shape."""
    declared = STATUSES.get(kind, {}).get(value)
    return declared or Status(Tone.DRAFT, value.replace("_", " ").capitalize())


def _table(**columns: Mapping[str, str | Promise]) -> Mapping[str, Status]:
    return {
        value: Status(Tone(tone), label)
        for tone, labels in columns.items()
        for value, label in labels.items()
    }


_QUEUED = {"queued": _("Queued")}
_REVIEW_OUTCOMES = _table(
    waits={"review": pgettext_lazy("outcome", "Review")},
    good={"approve": pgettext_lazy("outcome", "Approve")},
    bad={"decline": pgettext_lazy("outcome", "Decline")},
)

STATUSES: Mapping[str, Mapping[str, Status]] = {
    "application": _table(
        draft={"draft": _("Draft")},
        progress={"submitted": _("Submitted"), "screening": _("Screening"), "in_review": _("In review")},
        waits={"info_requested": _("Information requested")},
        good={"approved": _("Approved")},
        bad={"rejected": _("Rejected")},
        ended={"withdrawn": _("Withdrawn"), "expired": _("Expired")},
    ),
    "requirement": _table(
        draft={"incomplete": _("Incomplete"), "eventually": _("Due later")},
        progress={"pending": _("Being checked"), "provided": _("Provided")},
        waits={"current": _("Due now")},
        good={"accepted": _("Accepted")},
        bad={"rejected": _("Rejected"), "past": _("Past due"), "expired": _("Expired")},
        ended={"waived": _("Waived")},
    ),
    "document": _table(
        progress={"pending": _("Being checked")},
        good={"accepted": _("Accepted")},
        bad={"rejected": _("Rejected"), "expired": _("Expired")},
        ended={"waived": _("Waived")},
    ),
    "merchant": _table(
        progress={"onboarding": _("Onboarding")},
        waits={"restricted": _("Restricted"), "closing": _("Closing")},
        good={"active": _("Active")},
        bad={"suspended": _("Suspended")},
        ended={"terminated": _("Terminated")},
    ),
    "capability": _table(
        draft={"inactive": _("Inactive")},
        progress={"pending": _("Pending")},
        waits={"paused": _("Paused")},
        good={"active": _("Active")},
    ),
    "listing": _table(
        draft={"draft": _("Draft")},
        waits={"paused": _("Paused")},
        good={"live": _("Live")},
        bad={"suppressed": _("Suppressed"), "locked": _("Locked")},
        ended={"archived": _("Archived")},
    ),
    "revision": _table(
        draft={"draft": _("Draft")},
        progress={"submitted": _("Submitted"), "screening": _("Screening"), "in_review": _("In review")},
        waits={"changes_requested": _("Changes requested")},
        good={"approved": _("Approved")},
        bad={"rejected": _("Rejected")},
        ended={"withdrawn": _("Withdrawn"), "superseded": _("Superseded")},
    ),
    "order": _table(
        progress={
            "received": _("Received"),
            "partially_shipped": _("Partially shipped"),
            "shipped": _("Shipped"),
        },
        waits={
            "awaiting_payment": _("Awaiting payment"),
            "awaiting_acceptance": _("Awaiting acceptance"),
            "awaiting_fulfilment": _("Awaiting fulfilment"),
            "on_hold": _("On hold"),
            "cancel_requested": _("Cancellation requested"),
        },
        good={"delivered": _("Delivered"), "completed": _("Completed")},
        bad={"declined": _("Declined"), "refused": _("Refused")},
        ended={"cancelled": _("Cancelled")},
    ),
    "payment": _table(
        draft={"unpaid": _("Unpaid")},
        progress={"authorized": _("Authorized")},
        good={"paid": _("Paid")},
        ended={
            "partially_refunded": _("Partially refunded"),
            "refunded": _("Refunded"),
            "voided": _("Voided"),
        },
        bad={"charged_back": _("Charged back")},
    ),
    "payment_event": _table(
        progress={"authorized": _("Payment authorised")},
        good={"paid": _("Payment received"), "refund_succeeded": _("Refund paid out")},
        ended={"voided": _("Payment voided")},
        bad={"refund_failed": _("Refund failed"), "chargeback": _("Chargeback")},
    ),
    "shipment": _table(
        draft={"pending": _("Pending")},
        progress={
            "label_created": _("Label created"),
            "ready_for_pickup": _("Ready for pickup"),
            "shipped": _("Shipped"),
        },
        good={"delivered": _("Delivered")},
        bad={
            "pickup_failed": _("Pickup failed"),
            "returned_to_sender": _("Returned to sender"),
            "lost": _("Lost"),
        },
        ended={"cancelled": _("Cancelled")},
    ),
    "tracking": _table(
        draft={"unknown": _("No tracking yet"), "pre_transit": _("Not handed over")},
        progress={"in_transit": _("In transit"), "out_for_delivery": _("Out for delivery")},
        waits={"available_for_pickup": _("Ready to collect"), "exception": _("Carrier exception")},
        good={"delivered": _("Delivered")},
        bad={"delivery_failed": _("Delivery failed"), "return_to_sender": _("Returning to sender")},
    ),
    "after_sale": _table(
        progress={
            "approved": _("Approved"),
            "in_transit": _("In transit"),
            "received": _("Received"),
            "inspected": _("Inspected"),
            "refund_pending": _("Refund pending"),
        },
        waits={"requested": _("Requested"), "offered": _("Offer made"), "escalated": _("Escalated")},
        good={"refunded": _("Refunded"), "exchanged": _("Exchanged")},
        bad={"rejected": _("Rejected")},
        ended={"cancelled": _("Cancelled"), "closed": _("Closed")},
    ),
    "refund": _table(
        progress={"pending": _("Pending"), "processing": _("Processing")},
        good={"succeeded": _("Succeeded")},
        bad={"failed": _("Failed")},
        ended={"cancelled": _("Cancelled")},
    ),
    "dispute": _table(
        progress={"under_review": _("Under review"), "appealed": _("Appealed")},
        waits={
            "open": pgettext_lazy("status", "Open"),
            "awaiting_merchant": _("Waiting for merchant"),
            "awaiting_buyer": _("Waiting for buyer"),
        },
        good={"resolved": _("Resolved")},
        ended={"withdrawn": _("Withdrawn")},
    ),
    "case": _table(
        progress={"claimed": _("Claimed"), "decided": pgettext_lazy("case", "Decided")},
        waits={
            **_QUEUED,
            "awaiting_subject": _("Awaiting the merchant"),
            "awaiting_second": _("Second signature"),
            "on_hold": _("On hold"),
            "escalated": _("Escalated"),
        },
        good={"resolved": _("Resolved")},
        ended={"cancelled": _("Cancelled")},
    ),
    "appeal": _table(
        progress={"open": _("In review")},
        good={"upheld": _("Appeal upheld")},
        bad={"denied": _("Appeal denied")},
    ),
    "import": _table(
        draft={"uploaded": _("Uploaded"), "mapping": _("Mapping")},
        progress={
            "validating": _("Validating"),
            "applying": _("Applying"),
            "retrying": _("Retrying"),
            "rolling_back": _("Undoing"),
        },
        waits={"ready": _("Ready to import"), "completed_with_errors": _("Completed with errors")},
        good={"completed": _("Completed")},
        bad={"failed": _("Failed"), "refused": _("Refused")},
        ended={"cancelled": _("Cancelled"), "rolled_back": _("Undone")},
    ),
    "outcome": _REVIEW_OUTCOMES,
    "verdict": _table(
        good={"approve": pgettext_lazy("verdict", "Approved")},
        bad={"reject": pgettext_lazy("verdict", "Rejected")},
        waits={
            "request_info": _("Information requested"),
            "escalate": _("Escalated"),
            "hold": pgettext_lazy("verdict", "Put aside"),
        },
    ),
    "verdict_status": _table(
        progress={"pending": _("Takes effect soon")},
        waits={"awaiting_second": _("Awaits a second signature")},
        good={"effective": _("In effect")},
        bad={"refused": _("Not signed")},
        ended={"undone": _("Undone"), "void": _("Lapsed")},
    ),
    "ruleset": _table(
        draft={"draft": _("Draft")},
        progress={"scheduled": _("Scheduled")},
        waits={"proposed": _("Waits for approval")},
        good={"live": _("Live")},
        ended={"retired": _("Retired")},
    ),
    "rule": _table(
        progress={"shadow": _("Shadow")},
        good={"live": _("Live")},
        bad={"braked": _("Braked")},
        ended={"off": _("Off")},
    ),
    "rule_hit": _table(
        draft={"missing": _("Input missing")},
        waits={"true": _("Matched")},
        ended={"false": _("Not matched")},
    ),
    "model": _table(
        draft={"candidate": _("Candidate")},
        progress={"training": _("Training"), "shadow": _("Shadow")},
        good={"champion": _("Champion")},
        bad={"failed": _("Failed"), "braked": _("Braked")},
        ended={"retired": _("Retired")},
    ),
    "label": _table(good={"good": _("Good")}, bad={"bad": _("Bad")}, draft={"unknown": _("Not known yet")}),
    "alert": _table(
        waits={"open": pgettext_lazy("status", "Open")},
        progress={"acknowledged": _("Acknowledged")},
        good={"resolved": _("Resolved")},
        ended={"dismissed": _("Dismissed")},
    ),
    "band": _table(good={"low": _("Low")}, waits={"medium": _("Medium")}, bad={"high": _("High")}),
    "severity": _table(
        ended={"info": _("Note")},
        waits={"warning": _("Warning"), "low": _("Low"), "medium": _("Medium")},
        bad={"error": _("Must fix"), "high": _("High"), "critical": _("Critical")},
    ),
    "job": _table(
        draft={**_QUEUED, "pending": _("Pending")},
        progress={"running": _("Running"), "sending": _("Sending")},
        waits={"retrying": _("Retrying")},
        good={"done": _("Done"), "finished": _("Finished"), "delivered": _("Delivered")},
        bad={"failed": _("Failed")},
        ended={"cancelled": _("Cancelled")},
    ),
    "promotion": _table(
        draft={"draft": _("Draft")},
        progress={"submitted": _("Submitted"), "approved": _("Approved"), "scheduled": _("Scheduled")},
        waits={"paused": _("Paused")},
        good={"active": _("Active")},
        bad={"rejected": _("Rejected")},
        ended={"ended": _("Ended"), "cancelled": _("Cancelled")},
    ),
    "ticket": _table(
        progress={"waiting_staff": _("With support")},
        waits={"open": pgettext_lazy("status", "Open"), "waiting_merchant": _("Waiting for merchant")},
        good={"solved": _("Solved")},
        ended={"closed": _("Closed")},
    ),
    "api_key": _table(
        good={"active": _("Active")},
        bad={"revoked": _("Revoked")},
        ended={"expired": _("Expired")},
    ),
    "trust_tier": _table(
        draft={"new": pgettext_lazy("trust tier", "New")},
        progress={"standard": pgettext_lazy("trust tier", "Standard")},
        good={"trusted": pgettext_lazy("trust tier", "Trusted")},
        waits={"watched": pgettext_lazy("trust tier", "Watched")},
    ),
}
