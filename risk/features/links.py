"""Link features of an order, declared once: how many other buyers hang together with it, how many are bad.

A node is a buyer. Two buyers are linked when they used the same device, card or address within the window.
From the order being judged one step leads over its own device, card and address to the linked buyers; a
second step leads over the devices, cards and addresses of those buyers to the buyers linked with them.

Two computations read these bounds, `link_sql` (one order, in SQL) and `link_sets` (history, in numpy), and
agree exactly. What both mean:

- An order counts for the moment `as_of` if and only if `known_at < as_of` and
  `as_of - window <= occurred_at < as_of`. The order being judged is known at `as_of`, so it never counts
  itself, and neither does another order that became known in the same microsecond.
- An order is one row id; a row that is delivered twice counts once. A corrected row counts as it now stands.
- Every bound keeps the newest, so that a hub (a drop address, a shop's own device) costs no more than
  anybody else. Orders are newest by (occurred_at, id); buyers and keys by their newest kept order, then by
  key.
- A bad buyer is one with a bad label of whatever age, known before `as_of`. A corrected label counts up to
  and at the moment its correction became known, and the correction after it.
- The order's own buyer is one node, named or not. An order without device, card and address is missing (NaN).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from risk.features.declarations import Unit

LINK_WINDOW_HOURS = 30 * 24

# What one question may read: 3 × OWN_ORDERS rows for the first step, FOLLOWED_BUYERS × BUYER_ORDERS and
# FOLLOWED_KEYS × KEY_ORDERS for the second, and a label lookup for each of 2 × STEP_BUYERS. Among 300,000
# orders on PostgreSQL 15 an ordinary order took 0.3 ms, and one at a hub 1 to 2 ms.
OWN_ORDERS = 50  # newest orders of each of the order's own device, card and address
STEP_BUYERS = 100  # different buyers that one step keeps: beyond this a ring is a ring
FOLLOWED_BUYERS = 20  # of the first step's buyers, those whose orders are read
BUYER_ORDERS = 5  # newest orders of each of these: what an account used last
FOLLOWED_KEYS = 30  # of the devices, cards and addresses in them, the order's own left out
KEY_ORDERS = 20  # newest orders of each of these


@dataclass(frozen=True)
class Link:
    """One number about the buyers around an order.

    definition    what it counts and all its bounds, for the schema hash
    cap           the most it can be
    """

    name: str
    definition: str
    cap: int

    @property
    def unit(self) -> "Unit":
        # `declarations` lists these beside the others, so this module cannot need it to be loaded.
        from risk.features.declarations import Unit

        return Unit.COUNT


_BOUNDS = (
    f"device,card,address|{LINK_WINDOW_HOURS}h|{OWN_ORDERS}|{STEP_BUYERS}|{FOLLOWED_BUYERS}|{BUYER_ORDERS}"
    f"|{FOLLOWED_KEYS}|{KEY_ORDERS}"
)
LINKED_BUYERS = Link("linked_buyers_30d_count", f"buyers in one step|{_BOUNDS}", STEP_BUYERS)
LINKED_COMPONENT = Link(
    "linked_component_30d_size", f"buyers in two steps and its own|{_BOUNDS}", 1 + 2 * STEP_BUYERS
)
LINKED_BAD_BUYERS = Link("linked_bad_buyers_30d_count", f"bad buyers in two steps|{_BOUNDS}", 2 * STEP_BUYERS)
ORDER_LINKS = (LINKED_BUYERS, LINKED_COMPONENT, LINKED_BAD_BUYERS)

# English and Simplified Chinese, as `wording.Wording` takes them.
LINK_LABELS = {
    LINKED_BUYERS.name: (
        "Other buyers with its device, card or address in 30 days",
        "30 天内共用其设备、银行卡或地址的其他买家数",
    ),
    LINKED_COMPONENT.name: (
        "Buyers linked within two steps in 30 days, its own included",
        "30 天内两步关联的买家数（含本买家）",
    ),
    LINKED_BAD_BUYERS.name: (
        "Bad buyers linked within two steps in 30 days",
        "30 天内两步关联的不良买家数",
    ),
}
