"""The declared moves of orders, shipments and refunds."""

from core.transitions import Machine, Move

_UNSHIPPED = ("received", "awaiting_payment", "awaiting_acceptance", "awaiting_fulfilment")

ORDER = Machine(
    "order",
    [
        Move("await_payment", ("received",), "awaiting_payment", "XR"),
        Move("await_acceptance", ("received", "awaiting_payment"), "awaiting_acceptance", "XRP"),
        Move("decline", ("received",), "declined", "XR"),
        Move("reinstate", ("declined",), "received", "R"),
        Move("accept", ("awaiting_acceptance",), "awaiting_fulfilment", "MX"),
        Move("refuse", ("awaiting_acceptance",), "refused", "MX"),
        Move("ship_part", ("awaiting_fulfilment",), "partially_shipped", "MP"),
        Move("ship", ("awaiting_fulfilment", "partially_shipped"), "shipped", "MP"),
        Move("deliver", ("shipped",), "delivered", "PBX"),
        Move("complete", ("delivered",), "completed", "BX"),
        Move("cancel", _UNSHIPPED, "cancelled", "MSBX"),
    ],
)

SHIPMENT = Machine(
    "shipment",
    [
        Move("ship", ("pending",), "shipped", "MP"),
        Move("deliver", ("shipped",), "delivered", "PX"),
        Move("cancel", ("pending",), "cancelled", "M"),
    ],
)

REFUND = Machine(
    "refund",
    [
        Move("process", ("pending", "failed"), "processing", "PX"),
        Move("succeed", ("pending", "processing"), "succeeded", "P"),
        Move("fail", ("pending", "processing"), "failed", "P"),
        Move("cancel", ("pending", "failed"), "cancelled", "MS"),
    ],
)
