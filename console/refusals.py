"""Why a service said no, as one sentence for a toast or a callout."""

from core.errors import DomainError, ValidationFailed


def sentence_of(refusal: DomainError) -> str:
    """Return what is wrong: of several fields every detail, else the message."""
    if isinstance(refusal, ValidationFailed):
        return " ".join(error.detail for error in refusal.errors)
    return refusal.message
