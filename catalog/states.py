"""The declared moves of listings and of their revisions."""

from core.transitions import Machine, Move

LISTING = Machine(
    "listing",
    [
        Move("publish", ("draft", "suppressed"), "live", "X"),
        Move("pause", ("live",), "paused", "M"),
        Move("resume", ("paused",), "live", "M"),
        Move("suppress", ("live", "paused"), "suppressed", "XR"),
        Move("lock", ("live", "suppressed"), "locked", "R"),
        Move("unlock", ("locked",), "suppressed", "S"),
        Move("archive", ("draft", "live", "paused", "suppressed", "locked"), "archived", "MS"),
    ],
)

REVISION = Machine(
    "revision",
    [
        Move("submit", ("draft", "changes_requested"), "submitted", "MP"),
        Move("screen", ("submitted",), "screening", "X"),
        Move("approve", ("screening", "in_review"), "approved", "XR"),
        Move("review", ("screening",), "in_review", "X"),
        Move("request_changes", ("screening", "in_review"), "changes_requested", "XR"),
        Move("reject", ("screening", "in_review"), "rejected", "XR"),
        Move("reinstate", ("rejected",), "approved", "R"),
        Move(
            "withdraw",
            ("draft", "submitted", "screening", "in_review", "changes_requested"),
            "withdrawn",
            "M",
        ),
        Move("supersede", ("submitted", "screening", "in_review", "changes_requested"), "superseded", "X"),
    ],
)
