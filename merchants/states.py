"""The declared moves of merchant applications and merchant accounts."""

from core.transitions import Machine, Move

APPLICATION = Machine(
    "application",
    [
        Move("submit", ("draft", "info_requested"), "submitted", "MP"),
        Move("screen", ("submitted",), "screening", "X"),
        Move("approve", ("screening", "in_review"), "approved", "XR"),
        Move("review", ("screening",), "in_review", "X"),
        Move("request_info", ("screening", "in_review"), "info_requested", "XR"),
        Move("reject", ("screening", "in_review"), "rejected", "XR"),
        Move(
            "withdraw", ("draft", "submitted", "screening", "in_review", "info_requested"), "withdrawn", "M"
        ),
        Move("expire", ("draft", "info_requested"), "expired", "X"),
        Move("reinstate", ("rejected",), "approved", "R"),
    ],
)

MERCHANT = Machine(
    "merchant",
    [
        Move("activate", ("onboarding",), "active", "X"),
        Move("restrict", ("active",), "restricted", "XS"),
        Move("lift", ("restricted",), "active", "XS"),
        Move("suspend", ("active", "restricted"), "suspended", "XS"),
        Move("reinstate", ("suspended",), "active", "S"),
        Move("close", ("active", "restricted", "suspended"), "closing", "MS"),
        Move("terminate", ("closing",), "terminated", "X"),
    ],
)
