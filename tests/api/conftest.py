"""A marketplace with one seller, one stranger, and keys for them."""

from dataclasses import dataclass

import pytest

from accounts.permissions import SCOPES
from cases.services import ensure_default_queues
from merchants.models import Merchant
from risk.rules.engine import Effect
from tests.api.calls import Partner
from tests.make import make_key, make_live_ruleset, make_merchant, make_model, make_rule


@dataclass(frozen=True)
class Market:
    """`seller` acts for `merchant`; `stranger` for another one; `operator` for all."""

    merchant: Merchant
    seller: Partner
    stranger: Partner
    operator: Partner


@pytest.fixture(autouse=True)
def _own_quota(settings: pytest.FixtureRequest, tmp_path: object) -> None:
    """Give each test its own buckets. Nothing is cleared: on Redis that would empty the whole database."""
    settings.CACHES = {  # type: ignore[attr-defined]
        "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": str(tmp_path)}
    }


@pytest.fixture
def market(db: None) -> Market:
    merchant = make_merchant()
    return Market(
        merchant,
        Partner(make_key(merchant, scopes=SCOPES)),
        Partner(make_key(make_merchant(), scopes=SCOPES)),
        Partner(make_key(scopes=SCOPES)),
    )


@pytest.fixture
def judged(db: None) -> None:
    """Orders are approved; above 1,000 reviewed, above 5,000 declined."""
    make_live_ruleset(
        make_rule("order.amount > 1000", Effect.REVIEW, reason_code="amount_unusual"),
        make_rule("order.amount > 5000", Effect.DECLINE, reason_code="card_testing"),
    )
    make_model(probability=0.01)
    ensure_default_queues()
