"""A partner's system: sends orders to the served site by the REST API, as any other program would."""

import json
import urllib.request
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from core.ids import encode
from merchants.models import Merchant


def send_order(site: str, token: str, merchant: Merchant, *, number: str, price: str) -> Mapping[str, Any]:
    """Post an order, wait for its decision, and return the answer."""
    body = {
        "merchant": encode("mer", merchant.pk),
        "external_id": number,
        "currency": "CNY",
        "lines": [{"sku": "TEA-250", "title": "Spring Oolong, 250 g", "quantity": 2, "unit_price": price}],
        "buyer": {"id": "buyer-7", "name": "Wang Fang", "device_id": "phone-7", "ip": "192.0.2.7"},
        "card": {"token": "tok_7", "country": "CN"},
        "shipping_country": "CN",
        "billing_country": "CN",
    }
    request = urllib.request.Request(
        f"{site}/api/v1/orders?wait=true",
        data=json.dumps(body).encode(),
        headers={
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
            "Idempotency-Key": uuid4().hex,
        },
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return dict(json.load(answer))
