"""What an order carries itself: calendar, size, countries. One definition, on columns; one order is a row."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from risk.features.columns import MICROSECONDS_PER_HOUR, Floats, Ints

THURSDAY = 3  # the epoch, 1970-01-01, with Monday as 0
NIGHT_ENDS_AT = 6  # hour; card fraud studies count 0:00–6:59 as night (Fraud Detection Handbook, chapter 3)
SATURDAY = 5


@dataclass(frozen=True, eq=False)
class OrderColumns:
    """Orders as columns, every array (n_orders,); a column that is None is missing in every row.

    placed_at             microseconds since the epoch, UTC
    amount_minor          minor units of the base currency
    line_count            NaN where unknown, like every Floats here
    item_count            sum of the lines' quantities
    billing_country       ISO 3166 alpha-2, "" where not supplied
    shipping_country      likewise
    buyer_signed_up_at    microseconds since the epoch, NaN where not supplied
    """

    placed_at: Ints
    amount_minor: Ints
    line_count: Floats | None = None
    item_count: Floats | None = None
    billing_country: npt.NDArray[np.str_] | None = None
    shipping_country: npt.NDArray[np.str_] | None = None
    buyer_signed_up_at: Floats | None = None


def direct_columns(orders: OrderColumns) -> dict[str, Floats]:
    """Return the column of every declared `Fact` by name.

    >>> saturday_night = np.array([1_000_000_000 * 86_400 * 2 + 3 * MICROSECONDS_PER_HOUR])
    >>> facts = direct_columns(OrderColumns(saturday_night, np.array([4990])))
    >>> [facts[name].item() for name in ("order_amount_minor", "order_is_night", "order_line_count")]
    [4990.0, 1.0, nan]
    """
    hours = orders.placed_at // MICROSECONDS_PER_HOUR
    hour, weekday = hours % 24, (hours // 24 + THURSDAY) % 7
    missing = np.broadcast_to(np.nan, len(orders.placed_at))
    signed_up_at = missing if orders.buyer_signed_up_at is None else orders.buyer_signed_up_at
    return {
        "order_amount_minor": orders.amount_minor.astype(np.float64),
        "order_line_count": missing if orders.line_count is None else orders.line_count,
        "order_item_count": missing if orders.item_count is None else orders.item_count,
        "order_hour": hour.astype(np.float64),
        "order_weekday": weekday.astype(np.float64),
        "order_is_weekend": (weekday >= SATURDAY).astype(np.float64),
        "order_is_night": (hour <= NIGHT_ENDS_AT).astype(np.float64),
        "order_countries_differ": _differ(orders, missing),
        "buyer_account_age_hours": (orders.placed_at - signed_up_at) / MICROSECONDS_PER_HOUR,
    }


def _differ(orders: OrderColumns, missing: Floats) -> Floats:
    billing, shipping = orders.billing_country, orders.shipping_country
    if billing is None or shipping is None:
        return missing
    differ = np.asarray(billing != shipping, dtype=np.float64)
    return np.where((billing == "") | (shipping == ""), np.nan, differ)
