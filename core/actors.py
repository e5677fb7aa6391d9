"""Who did it. Stored as text, so that the ground knows nothing of users, keys or merchants."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Actor:
    """kind is "user", "api_key" or "system"; id is that object's id as text, "" for the system."""

    kind: str
    id: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}" if self.id else self.kind


SYSTEM = Actor("system")
