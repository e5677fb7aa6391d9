"""Every error code of the API in words: what happened and what to do. The errors page is made from this."""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True)
class Code:
    """One stable code. `title` is the problem's title, `cure` what the caller can do."""

    code: str
    status: int
    title: Promise
    cure: Promise


PROBLEM_CODES = (
    Code("parse_error", 400, _("Malformed body"), _("Send one JSON object in UTF-8.")),
    Code(
        "idempotency_key_required",
        400,
        _("No Idempotency-Key"),
        _("Send a new key with each new piece of work, and the same key when you repeat it."),
    ),
    Code("invalid", 400, _("Malformed request"), _("See the sentence of the problem.")),
    Code(
        "not_authenticated",
        401,
        _("No API key"),
        _("Send “Authorization: Bearer mk_live_…”."),
    ),
    Code(
        "authentication_failed",
        401,
        _("API key not valid"),
        _("It is mistyped, expired, revoked, or not allowed from your network. Ask for a new one."),
    ),
    Code(
        "insufficient_scope",
        403,
        _("Scope missing"),
        _("Ask for a key with the scope that the problem names."),
    ),
    Code(
        "operator_only",
        403,
        _("Only for the marketplace"),
        _("What a seller could misuse is taken from the marketplace’s own systems only."),
    ),
    Code("forbidden", 403, _("Not allowed"), _("The key may not do this.")),
    Code(
        "not_found",
        404,
        _("Not found"),
        _("The object does not exist, or it is somebody else’s: both look the same."),
    ),
    Code("unknown_resource", 404, _("No such resource"), _("Check the path against the API page.")),
    Code("method_not_allowed", 405, _("Method not allowed"), _("See the Allow header for what is.")),
    Code("not_acceptable", 406, _("No such representation"), _("Accept application/json.")),
    Code(
        "invalid_transition",
        409,
        _("Not possible in this state"),
        _("“allowed” lists what is possible now. Read the object again."),
    ),
    Code(
        "stale_state",
        409,
        _("Changed meanwhile"),
        _("Somebody else was quicker. Read the object again and decide anew."),
    ),
    Code(
        "request_in_flight",
        409,
        _("Already being worked on"),
        _("The same key is in use right now. Repeat after Retry-After and you get its answer."),
    ),
    Code(
        "duplicate_order",
        409,
        _("Order number taken"),
        _("The merchant has an order of that number; “order” names it."),
    ),
    Code(
        "not_appealable",
        409,
        _("Cannot be appealed"),
        _("It is not final, or it was itself the end of an appeal. See “appeal_until” of the statement."),
    ),
    Code(
        "appeal_too_late",
        409,
        _("Too late to appeal"),
        _("The time is over; see “appeal_until” of the statement."),
    ),
    Code(
        "already_appealed",
        409,
        _("Appealed already"),
        _("A decision is appealed once. Follow the appeal that there is."),
    ),
    Code(
        "statement_overtaken",
        409,
        _("No longer stands"),
        _("The decision was undone or overtaken meanwhile. Read the object again."),
    ),
    Code("case_open", 409, _("Being looked at"), _("Somebody is looking at it already. Wait for the event.")),
    Code("order_on_hold", 409, _("Order on hold"), _("It is being checked. Wait for its event.")),
    Code("not_paid", 409, _("Order not paid"), _("Only what was paid can be refunded.")),
    Code(
        "refunds_changed",
        409,
        _("Refunds changed meanwhile"),
        _("Another refund was asked for. Read the order again and decide anew."),
    ),
    Code(
        "revision_open",
        409,
        _("Revision under way"),
        _("A newer version of this listing is being checked. Wait for it, or withdraw it."),
    ),
    Code("listing_closed", 409, _("Listing closed"), _("An archived or locked listing cannot be revised.")),
    Code(
        "merchant_not_active",
        409,
        _("Merchant not active"),
        _("Only active merchants can list products. See the merchant’s status."),
    ),
    Code("conflict", 409, _("Conflict"), _("Read the object again.")),
    Code(
        "stale_version",
        412,
        _("Not the current version"),
        _("Read the object again and send its new ETag as If-Match."),
    ),
    Code("body_too_large", 413, _("Body too large"), _("Send less at once, or smaller files.")),
    Code(
        "unsupported_media_type",
        415,
        _("Unsupported media type"),
        _("Send “Content-Type: application/json”."),
    ),
    Code(
        "validation_failed",
        422,
        _("Validation failed"),
        _("“errors” lists every problem with a pointer to its place in the request."),
    ),
    Code("invalid_amount", 422, _("Amount not valid"), _("Write amounts as plain text, like 12.34.")),
    Code(
        "idempotency_key_reused",
        422,
        _("Key used for something else"),
        _("This key was sent with another request within 24 hours. Use a new one."),
    ),
    Code(
        "precondition_required",
        428,
        _("If-Match missing"),
        _("Send the ETag of the version that you read, so that nobody’s change is overwritten."),
    ),
    Code(
        "quota_exceeded",
        429,
        _("Too many calls"),
        _("Wait for Retry-After. The RateLimit header of every answer says what is left."),
    ),
    Code(
        "internal_error",
        500,
        _("Failure on our side"),
        _("Repeat with the same Idempotency-Key. If it stays, quote the request_id."),
    ),
    Code("unavailable", 503, _("Busy"), _("Repeat after Retry-After with the same Idempotency-Key.")),
)

FIELD_CODES: dict[str, Promise] = {
    "required": _("The field is missing."),
    "null": _("The field may be left out, but not be null."),
    "blank": _("The text is empty."),
    "invalid": _("The value has the wrong form or type."),
    "invalid_choice": _("The value is not one of the choices."),
    "unknown_field": _("There is no field of that name here."),
    "max_length": _("The text or list is too long."),
    "min_length": _("The text or list is too short."),
    "too_long": _("The text is too long."),
    "max_value": _("The number is too large."),
    "min_value": _("The number is too small."),
    "max_digits": _("The number has too many digits."),
    "max_decimal_places": _("The number has too many decimals."),
    "max_whole_digits": _("The number has too many digits before the point."),
    "max_string_length": _("The number has too many digits."),
    "out_of_range": _("The value is outside of what is possible."),
    "too_small": _("The number is too small."),
    "negative": _("The number is negative."),
    "not_a_list": _("A list is expected."),
    "not_a_dict": _("An object is expected."),
    "empty": _("The list is empty."),
    "no_lines": _("An order has at least one line."),
    "null_characters_not_allowed": _("The text contains a null character."),
    "surrogate_characters_not_allowed": _("The text contains half a character."),
    "overflow": _("The moment is out of range."),
    "date": _("A moment is expected, not a date."),
    "make_aware": _("The moment does not exist in its time zone."),
    "in_future": _("The moment lies in the future."),
    "invalid_id": _("The value is not an id of this kind."),
    "invalid_base64": _("The file is not valid Base64."),
    "file_too_large": _("The file is too large."),
    "file_empty": _("The file is empty."),
    "file_type": _("The file is of a kind that is not accepted here."),
    "file_unreadable": _("The file is damaged."),
    "too_many_files": _("There are too many files already."),
    "unknown_currency": _("The currency is not known here."),
    "invalid_amount": _("The amount is not plain decimal text."),
    "invalid_rate": _("The exchange rate is not a number."),
    "too_many_decimals": _("The currency has fewer decimals."),
    "amount_too_large": _("The amount is larger than any real one."),
    "no_exchange_rate": _("There is no exchange rate for that currency and moment."),
    "card_number": _("The token looks like a card number, which must never be sent."),
    "invalid_tracking": _("The carrier does not use such numbers."),
    "exceeds_left": _("The parcel holds more than what is left of the order."),
    "exceeds_ordered": _("More pieces than were ordered, less those refunded already."),
    "exceeds_price": _("More than what the pieces cost."),
    "exceeds_total": _("More than what is left of the order’s total."),
    "nothing_to_refund": _("A refund is more than nothing."),
    "amount_mismatch": _("The amount is not that of the order or refund."),
    "unknown_line": _("The order has no such line."),
    "unknown_refund": _("The order has no such refund."),
    "unknown_kind": _("There is no such kind of payment event."),
    "invalid_country": _("The value is not a country."),
    "invalid_bank_account": _("The account number fails its check digits or form."),
    "invalid_email": _("The value is not an e-mail address."),
    "invalid_phone": _("The value is not a telephone number."),
    "outdated_terms": _("The seller terms have a newer version."),
    "terms_not_accepted": _("The applicant has not accepted the seller terms."),
    "not_requested": _("Only what was asked for can be changed now."),
    "unknown_category": _("There is no such category, or it has subcategories."),
    "required_field_missing": _("A field that every listing needs is empty or too short."),
    "invalid_sku": _("A SKU is 1 to 64 characters without a slash."),
    "duplicate_sku": _("The merchant has another listing with that SKU."),
    "unknown_filter": _("The list has no such filter."),
    "invalid_filter": _("The filter’s value makes no sense."),
    "invalid_limit": _("The limit is not in range."),
    "invalid_cursor": _("The cursor was not handed out by this list."),
    "invalid_flag": _("The value is neither true nor false."),
    "invalid_after": _("The value is neither a sequence number nor one of your events."),
    "unknown_type": _("There is no such event type."),
    "product_or_buyer": _("Exactly one of product and buyer is needed."),
}

_TITLES = {one.code: one.title for one in PROBLEM_CODES}
_BY_STATUS = {one.status: one.title for one in reversed(PROBLEM_CODES)}


def title_of(code: str, status: int) -> Promise | str:
    """Return the title of a code; one that is not listed reads as its status."""
    return _TITLES.get(code) or _BY_STATUS.get(status) or code
