"""The declared moves of review cases and of appeals."""

from core.transitions import Machine, Move

CASE = Machine(
    "case",
    [
        Move("claim", ("queued",), "claimed", "R"),
        Move("release", ("claimed",), "queued", "RX"),
        Move("await_second", ("claimed",), "awaiting_second", "R"),
        Move("decide", ("claimed", "awaiting_second"), "decided", "R"),
        Move("undo", ("decided", "awaiting_second"), "claimed", "R"),
        Move("refuse", ("awaiting_second",), "queued", "R"),
        Move("resolve", ("claimed", "awaiting_second", "decided"), "resolved", "RX"),
        Move("await_subject", ("claimed", "awaiting_second", "decided"), "awaiting_subject", "RX"),
        Move("hold", ("claimed",), "on_hold", "R"),
        Move("return", ("awaiting_subject", "on_hold", "awaiting_second", "decided"), "queued", "RX"),
        Move("escalate", ("queued", "claimed"), "queued", "R"),
        Move(
            "cancel",
            ("queued", "claimed", "awaiting_second", "decided", "awaiting_subject", "on_hold"),
            "cancelled",
            "X",
        ),
    ],
)

APPEAL = Machine(
    "appeal",
    [
        Move("uphold", ("open",), "upheld", "R"),
        Move("deny", ("open",), "denied", "R"),
    ],
)
