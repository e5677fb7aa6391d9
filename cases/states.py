"""The declared moves of review cases and of appeals."""

from core.transitions import Machine, Move

CASE = Machine(
    "case",
    [
        Move("claim", ("queued",), "claimed", "R"),
        Move("release", ("claimed",), "queued", "RX"),
        Move("resolve", ("claimed",), "resolved", "R"),
        Move("await_subject", ("claimed",), "awaiting_subject", "R"),
        Move("return", ("awaiting_subject", "on_hold"), "queued", "X"),
        Move("escalate", ("queued", "claimed"), "queued", "R"),
        Move("cancel", ("queued", "claimed", "awaiting_subject", "on_hold"), "cancelled", "X"),
    ],
)

APPEAL = Machine(
    "appeal",
    [
        Move("uphold", ("open",), "upheld", "R"),
        Move("deny", ("open",), "denied", "R"),
    ],
)
