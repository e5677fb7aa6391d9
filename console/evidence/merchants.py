"""Evidence on a merchant account: its score over time and what it is made of."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext_lazy

from core.errors import NotFound
from merchants.models import Merchant
from orders.models import Order
from risk.accounts import RESTRICTION_PROPOSED
from risk.models import AccountScore, Alert

_SCORES = 60
# What `risk.accounts.Evidence` counts, in its order: the name it is kept by, in words, decimals shown.
_PARTS = (
    ("known", gettext_lazy("Orders whose outcome is known"), 0),
    ("bad", gettext_lazy("Of these proved bad"), 0),
    ("pending", gettext_lazy("Orders whose outcome is open"), 0),
    ("expected", gettext_lazy("Of these bad by their scores"), 1),
)


@dataclass(frozen=True)
class ScorePart:
    """One count that the account score is made of."""

    label: str
    value: float
    decimals: int


@dataclass(frozen=True)
class MerchantEvidence:
    """Everything the evidence pane shows of a merchant account."""

    merchant: Merchant
    scores: Sequence[AccountScore]
    alerts: Sequence[Alert]
    recent_orders: Sequence[Order]

    @property
    def is_restriction_proposed(self) -> bool:
        """Tell whether rules propose to restrict the account and nobody has seen to it yet."""
        return any(
            alert.code == RESTRICTION_PROPOSED and alert.acknowledged_at is None for alert in self.alerts
        )

    @property
    def values(self) -> list[float]:
        return [score.score for score in self.scores]

    @property
    def parts(self) -> list[ScorePart]:
        """Return what the newest score is made of."""
        found = self.scores[-1].parts if self.scores else {}
        return [
            ScorePart(str(label), found[name], decimals) for name, label, decimals in _PARTS if name in found
        ]


def gather(merchant_id: int) -> MerchantEvidence:
    """Return the evidence on a merchant account; four queries."""
    merchant = Merchant.objects.filter(pk=merchant_id).first()
    if merchant is None:
        raise NotFound("No such merchant.")
    scores = AccountScore.objects.filter(merchant=merchant).order_by("-as_of")[:_SCORES]
    return MerchantEvidence(
        merchant=merchant,
        scores=list(scores)[::-1],
        alerts=list(Alert.objects.filter(merchant=merchant).order_by("-pk")[:10]),
        recent_orders=list(Order.objects.filter(merchant=merchant).order_by("-occurred_at")[:10]),
    )
