"""What it was done to. A kind and an id instead of a generic foreign key."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Ref:
    """kind is a subject's noun ("order", "listing", "application", "merchant", …); id its primary key."""

    kind: str
    id: int

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}"
