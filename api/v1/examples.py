"""Examples of the OpenAPI document. A test checks that each fits the shape it illustrates."""

from typing import Any

from drf_spectacular.utils import OpenApiExample

_ORDER, _MERCHANT, _LISTING = "ord_1hczaj5p90000", "mer_1hcz4x0m30000", "lst_1hcz7k2q80000"
_AT = "2026-03-02T12:00:00Z"


def sent(value: dict[str, Any]) -> list[OpenApiExample]:
    """Return the example of a request body."""
    return [OpenApiExample("Request", value=value, request_only=True)]


def answered(value: dict[str, Any]) -> list[OpenApiExample]:
    """Return the example of a successful answer."""
    return [OpenApiExample("Answer", value=value, response_only=True, status_codes=["200", "201"])]


def listed(value: dict[str, Any]) -> list[OpenApiExample]:
    """Return the example of a list with one row."""
    return answered({"data": [value], "next_cursor": None, "has_more": False})


# ── Decisions ────────────────────────────────────────────────────────────────────────────────────
_SUMMARY = {
    "id": "dec_1hczaj5q10000",
    "outcome": "review",
    "score_band": "medium",
    "reasons": ["We are checking this order before it goes on."],
    "next_step": "Please do not ship yet. You need not do anything: we will tell you.",
    "decided_at": _AT,
}
DECISION = {**_SUMMARY, "subject": {"kind": "order", "id": _ORDER}, "merchant": _MERCHANT}

STATEMENT = {
    "id": "sta_1hczaj5q20000",
    "subject": {"kind": "order", "id": _ORDER},
    "merchant": _MERCHANT,
    "effect": "declined",
    "heading": "Order 2026-000123 was declined. Please do not ship it.",
    "reasons": ["We could not confirm this order as safe, so it was not accepted."],
    "message": "",
    "facts": [
        {"label": "Order number", "value": "2026-000123"},
        {"label": "Total", "value": "49.90 CNY"},
        {"label": "Placed", "value": "2026-03-02 12:00 UTC"},
    ],
    "is_automated": True,
    "basis": "contract",
    "basis_text": "The contract: the marketplace’s terms that you accepted when you applied.",
    "cure": "There is nothing to put right. If you know the buyer, appeal and say so.",
    "appeal_text": "You can appeal in the portal or through the API until Sept. 2, 2026. …",
    "appeal_until": "2026-09-02T12:00:00Z",
    "created_at": _AT,
}

NEW_APPEAL = {"text": "The buyer is a customer of many years. See the invoices.", "files": ["JVBERi0xLjcK…"]}
APPEAL = {
    "id": "apl_1hczaj5q30000",
    "statement": "sta_1hczaj5q20000",
    "status": "open",
    "text": "The buyer is a customer of many years. See the invoices.",
    "message": "",
    "denial": None,
    "due_at": "2026-03-03T00:00:00Z",
    "created_at": _AT,
    "decided_at": None,
}

# ── Review ───────────────────────────────────────────────────────────────────────────────────────
_CASE, _LATER = "cas_1hczaj5q50000", "2026-03-02T12:00:30Z"
CLAIM = {"token": 1, "expires_at": "2026-03-02T12:15:00Z"}
CASE = {
    "id": _CASE,
    "status": "claimed",
    "queue": "orders",
    "title": "2026-000123",
    "subject": {"kind": "order", "id": _ORDER},
    "merchant": _MERCHANT,
    "due_at": "2026-03-03T12:00:00Z",
    "evidence_version": 1,
    "claim": CLAIM,
    "possible_kinds": ["approve", "reject", "escalate", "hold"],
    "reasons": [{"code": "stolen_card", "label": "The card is stolen"}],
    "requestable": [],
    "decision": {"id": "dec_1hczaj5q10000", "outcome": "review", "reason_codes": ["amount_unusual"]},
    "verdict": None,
}
RELEASED_CASE = {**CASE, "status": "queued", "claim": None}
NEW_VERDICT = {
    "claim_token": 1,
    "evidence_version": 1,
    "kind": "reject",
    "reason_codes": ["stolen_card"],
    "note": "The bank confirmed it.",
}
VERDICT = {
    "id": "ver_1hczaj5q60000",
    "case": _CASE,
    "kind": "reject",
    "status": "pending",
    "is_yours": True,
    "needs_second": False,
    "is_final": False,
    "reason_codes": ["stolen_card"],
    "requested": [],
    "message": "",
    "note": "The bank confirmed it.",
    "hold_until": None,
    "effective_at": _LATER,
    "created_at": _AT,
}
SIGNED_VERDICT = {**VERDICT, "needs_second": True}
REFUSED_VERDICT = {**SIGNED_VERDICT, "status": "refused", "effective_at": None}

# ── Orders ───────────────────────────────────────────────────────────────────────────────────────
NEW_ORDER = {
    "merchant": _MERCHANT,
    "external_id": "2026-000123",
    "currency": "CNY",
    "lines": [{"sku": "TP-01", "title": "Tea pot", "quantity": 1, "unit_price": "49.90"}],
    "buyer": {"id": "b-77", "email": "buyer@example.com", "device_id": "d-1", "ip": "192.0.2.1"},
    "card": {"token": "tok_9f2c", "country": "CN"},
    "shipping_country": "CN",
}
ORDER = {
    "id": _ORDER,
    "merchant": _MERCHANT,
    "external_id": "2026-000123",
    "market_order_id": None,
    "status": "awaiting_acceptance",
    "on_hold": None,
    "payment_status": "paid",
    "total": {"amount": "49.90", "currency": "CNY"},
    "placed_at": _AT,
    "received_at": _AT,
    "decided_at": _AT,
    "statement": None,
    "available_actions": ["accept", "refuse", "cancel"],
}
PLACED_ORDER = {
    **ORDER,
    "decision": {**_SUMMARY, "outcome": "approve", "score_band": "low", "reasons": [], "next_step": ""},
}
_LINE = "lin_1hczaj5p90001"
REFUND = {
    "id": "ref_1hczb2m400000",
    "order": _ORDER,
    "status": "pending",
    "reason": "damaged",
    "amount": {"amount": "49.90", "currency": "CNY"},
    "created_at": _AT,
}
SHIPMENT = {
    "id": "shp_1hczaz8k20000",
    "status": "shipped",
    "carrier": "SF Express",
    "tracking_number": "SF1234567890123",
}
ORDER_DETAIL = {
    **ORDER,
    "lines": [
        {
            "id": _LINE,
            "number": 1,
            "listing": _LISTING,
            "title": "Tea pot",
            "quantity": 1,
            "unit_price": {"amount": "49.90", "currency": "CNY"},
        }
    ],
    "shipments": [SHIPMENT],
    "refunds": [REFUND],
}
NEW_SHIPMENT = {"carrier": "SF Express", "tracking_number": "SF1234567890123", "lines": {_LINE: 1}}
NEW_REFUND = {
    "reason": "damaged",
    "comment": "The spout is broken.",
    "lines": [{"line": _LINE, "quantity": 1}],
}
NEW_PAYMENT = {"id": "pay-881", "kind": "refund_succeeded", "amount": "49.90", "refund": "ref_1hczb2m400000"}

# ── Applications ─────────────────────────────────────────────────────────────────────────────────
NEW_APPLICATION = {
    "company_name": "Tea House Ltd",
    "country": "CN",
    "entity_type": "company",
    "category_code": "tea",
    "registration_number": "91110000600037341L",
    "bank_account": "6222021234567890123",
    "contact_email": "owner@example.com",
    "contact_phone": "+86 10 6552 9988",
    "terms_version": "2026-11",
    "documents": [{"kind": "licence", "content": "JVBERi0xLjcKJSVFT0YK"}],
}
APPLICATION = {
    "id": "app_1hcz5c9v00000",
    "merchant": _MERCHANT,
    "status": "info_requested",
    "attempt": 1,
    "company_name": "Tea House Ltd",
    "country": "CN",
    "entity_type": "company",
    "category_code": "tea",
    "registration_number": "91110000600037341L",
    "submitted_at": _AT,
    "decided_at": None,
    "reasons": ["We could not read the document. Please upload a clearer copy."],
    "statement": "sta_1hczaj5q20000",
    "requested_items": [
        {
            "requirement": "document_licence",
            "message": "We could not read the document. Please upload a clearer copy.",
            "is_answered": False,
        }
    ],
    "available_actions": ["submit", "withdraw"],
}
APPLICATION_DETAIL = {
    **APPLICATION,
    "bank_account": "•••• 0123",
    "contact_email": "•••• .com",
    "contact_phone": "•••• 9988",
    "requirements": [
        {
            "code": "document_licence",
            "label": "Business licence",
            "status": "rejected",
            "is_blocking": True,
        }
    ],
}

# ── Listings ─────────────────────────────────────────────────────────────────────────────────────
_PRICE = {"amount": "49.90", "currency": "CNY"}
NEW_CONTENT = {
    "category": "tea",
    "title": "Tea pot, 600 ml",
    "description": "Fired by hand, glazed inside.",
    "price": _PRICE,
}
NEW_LISTING = {"merchant": _MERCHANT, "sku": "TP-01", "stock": 12, **NEW_CONTENT}
_REVISION = {
    "id": "rev_1hcz7k2q80001",
    "number": 1,
    "status": "approved",
    "category": "tea",
    "title": "Tea pot, 600 ml",
    "price": _PRICE,
    "has_image": False,
    "submitted_at": _AT,
    "decided_at": _AT,
    "reasons": [],
    "statement": None,
    "issues": [{"field": "image", "severity": "info", "message": "Please add an image of the product."}],
}
LISTING = {
    "id": _LISTING,
    "merchant": _MERCHANT,
    "sku": "TP-01",
    "status": "live",
    "stock": 12,
    "live_revision": _REVISION,
    "latest_revision": _REVISION,
    "available_actions": ["pause"],
}

# ── Everything else ──────────────────────────────────────────────────────────────────────────────
RECOMMENDED = {
    "data": [
        {
            "listing": _LISTING,
            "merchant": _MERCHANT,
            "sku": "TP-01",
            "title": "Tea pot, 600 ml",
            "price": _PRICE,
            "score": 0.218,
            "source": "bought_together",
        }
    ]
}
EVENTS = {
    "data": [
        {
            "id": "evt_1hczaj5q10001",
            "sequence": 4711,
            "type": "order.held",
            "subject": {"kind": "order", "id": _ORDER},
            "merchant": _MERCHANT,
            "created_at": _AT,
            "payload": {
                "status": "received",
                "reasons": ["We are checking this order before it goes on."],
            },
        }
    ],
    "next_after": 4711,
    "has_more": False,
}
MERCHANT = {
    "id": _MERCHANT,
    "name": "Tea House Ltd",
    "country": "CN",
    "status": "active",
    "joined_at": _AT,
}
MERCHANT_DETAIL = {
    **MERCHANT,
    "health": {"orders": 120, "handled": 118, "cancelled": 2, "refunded": 3, "late": 1},
}
USAGE = {
    "key": "key_1hcz4x0m30001",
    "name": "Shop system",
    "audience": "seller",
    "scopes": ["orders:read", "orders:write"],
    "expires_at": None,
    "quota": {"calls": 600, "seconds": 60, "remaining": 598, "reset_seconds": 1},
}
