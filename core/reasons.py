"""Reason codes: one stable code, one sentence for staff, one that a merchant may read.

The merchant's sentence says what to do and gives nothing away that would help
somebody evade the checks. Both are translated through gettext.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True)
class Reason:
    """`staff` is shown in the console, `merchant` in the portal, the API and statements."""

    code: str
    staff: Promise
    merchant: Promise


_NOT_CONFIRMED = _("We could not confirm this order as safe, so it was not accepted.")
_BEING_CHECKED = _("We are checking this order before it goes on.")

_REASONS = (
    # Orders
    Reason("amount_unusual", _("The amount is unusual for this buyer or merchant"), _BEING_CHECKED),
    Reason("velocity_device", _("Many orders from this device in a short time"), _BEING_CHECKED),
    Reason("velocity_card", _("Many orders with this card in a short time"), _BEING_CHECKED),
    Reason("velocity_buyer", _("Many orders by this buyer in a short time"), _BEING_CHECKED),
    Reason("velocity_address", _("Many orders to this address in a short time"), _BEING_CHECKED),
    Reason("velocity_ip", _("Many orders from this network address in a short time"), _BEING_CHECKED),
    Reason("velocity_merchant", _("The merchant’s orders rose sharply"), _BEING_CHECKED),
    Reason("card_testing", _("The pattern of small amounts looks like card testing"), _NOT_CONFIRMED),
    Reason("shared_device", _("One device is used with many cards or buyers"), _BEING_CHECKED),
    Reason("country_mismatch", _("Card, billing and shipping countries differ"), _BEING_CHECKED),
    Reason("new_buyer_high_value", _("A new buyer places a high-value order"), _BEING_CHECKED),
    Reason("account_takeover", _("An old buyer orders from a new device to a new address"), _BEING_CHECKED),
    Reason(
        "bad_history", _("Earlier orders of this buyer, device, card or merchant proved bad"), _NOT_CONFIRMED
    ),
    Reason("missing_signals", _("Signals that usually come with an order are missing"), _BEING_CHECKED),
    # Listings
    Reason(
        "required_field_missing", _("A required field is empty"), _("Please fill in the required fields.")
    ),
    Reason(
        "banned_term", _("The text uses a banned term"), _("The text uses a term that is not allowed here.")
    ),
    Reason(
        "price_outlier",
        _("The price is far from the category’s"),
        _("Please check the price: it is unusual for this category."),
    ),
    Reason(
        "duplicate_listing",
        _("Another listing is nearly the same"),
        _("This looks like a listing that already exists."),
    ),
    Reason("image_missing", _("There is no image"), _("Please add an image of the product.")),
    Reason("image_reused", _("The same image is used by another merchant"), _("Please use your own images.")),
    Reason("prohibited_goods", _("The goods are prohibited"), _("These goods may not be sold here.")),
    Reason(
        "new_merchant",
        _("The merchant is new"),
        _("The first listings of a new shop are checked by a person."),
    ),
    # Applications
    Reason(
        "registration_invalid",
        _("The registration number fails its check digits"),
        _("The registration number does not seem right. Please check it against your licence."),
    ),
    Reason(
        "registration_unchecked",
        _("There is no check for registration numbers of this country"),
        _("A person is checking your registration number."),
    ),
    Reason(
        "document_missing", _("A required document is missing"), _("Please upload the document we asked for.")
    ),
    Reason(
        "document_reused",
        _("The same document was used in another application"),
        _("Please upload your own, original document."),
    ),
    Reason(
        "document_unreadable",
        _("The document cannot be read"),
        _("We could not read the document. Please upload a clearer copy."),
    ),
    Reason(
        "bank_account_shared",
        _("The bank account is used by another merchant"),
        _("We need to check your bank account."),
    ),
    Reason(
        "device_shared",
        _("The same device was used for other applications"),
        _("We need a little more time to check your application."),
    ),
    Reason(
        "phone_shared",
        _("The phone number is used by another merchant"),
        _("We need to check your contact details."),
    ),
    Reason(
        "email_disposable",
        _("The e-mail address is a throw-away one"),
        _("Please use a lasting e-mail address."),
    ),
    Reason(
        "terminated_entity",
        _("The company was terminated before"),
        _("We cannot open an account for this company."),
    ),
    Reason(
        "many_attempts",
        _("There were several attempts before"),
        _("We need a little more time to check your application."),
    ),
    # Merchant accounts
    Reason(
        "chargebacks_high",
        _("Many orders of this merchant were charged back"),
        _("Many of your orders were charged back."),
    ),
    Reason(
        "orders_neglected",
        _("Many orders of this merchant were late or cancelled"),
        _("Many of your orders were late or cancelled."),
    ),
    Reason(
        "refunds_high",
        _("Many orders of this merchant were refunded"),
        _("Many of your orders were refunded."),
    ),
    # Judgement itself
    Reason("score_high", _("The risk score is high"), _("Our checks found a high risk.")),
    Reason("score_elevated", _("The risk score is elevated"), _("A person is taking a closer look.")),
    Reason(
        "points_high", _("Several risk signals add up"), _("Several details together need a closer look.")
    ),
    Reason("no_score", _("No score could be computed"), _("A person is taking a closer look.")),
    Reason("degraded", _("A source or the model failed"), _("A person is taking a closer look.")),
    Reason("random_review", _("Drawn for the random review sample"), _("Drawn for a routine check.")),
    # Verdicts
    Reason("verified_good", _("Verified as good"), _("Checked and confirmed.")),
    Reason("confirmed_fraud", _("Confirmed as fraud"), _NOT_CONFIRMED),
    Reason("stolen_card", _("The card is stolen or used without its owner"), _NOT_CONFIRMED),
    Reason("account_taken_over", _("Somebody else has taken over the buyer’s account"), _NOT_CONFIRMED),
    Reason("collusion", _("A fake order: buyer and merchant act together"), _NOT_CONFIRMED),
    Reason("refund_abuse", _("The buyer abuses refunds"), _NOT_CONFIRMED),
    Reason(
        "bank_account_foreign",
        _("The bank account belongs to somebody else"),
        _("Please give a bank account in your company’s name."),
    ),
    Reason(
        "linked_to_abuse",
        _("Linked to an account that was closed for abuse"),
        _("We cannot open an account for this company."),
    ),
    Reason(
        "buyer_unreachable",
        _("The buyer could not be reached"),
        _("The buyer could not be reached to confirm the order."),
    ),
    Reason(
        "policy_violation",
        _("Against the marketplace’s policy"),
        _("This is against the marketplace’s policy."),
    ),
    Reason(
        "information_needed", _("More information is needed"), _("Please send the information we asked for.")
    ),
    Reason("other", _("Another reason"), _("Please see the message.")),
)

REASONS = {reason.code: reason for reason in _REASONS}


def find_reason(code: str) -> Reason:
    """Return the reason of a code; an unknown one reads as its own code: old data breaks no page."""
    return REASONS.get(code) or Reason(code, code, _("Please see the message."))  # type: ignore[arg-type]


def decline_sentence(code: str) -> str:
    """Return the merchant-safe sentence of an order that was declined: no check of it is still running."""
    reason = find_reason(code)
    is_running = reason.merchant is _BEING_CHECKED or code in _CLOSER_LOOK
    return str(_NOT_CONFIRMED if is_running else reason.merchant)


_CLOSER_LOOK = {"score_elevated", "points_high", "no_score", "degraded", "random_review"}


def merchant_sentences(codes: Iterable[str]) -> list[str]:
    """Return the merchant-safe sentences in order, each once."""
    return list(dict.fromkeys(str(find_reason(code).merchant) for code in codes))
