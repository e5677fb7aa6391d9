"""Which model inputs each subject's vectors hold, by the hash stored with them."""

from .facts import applications, listings, merchants, orders


def input_names_of(subject: str, feature_hash: str) -> tuple[str, ...]:
    """Return the names of a stored vector's columns; ValueError if that schema is no longer declared."""
    names, current_hash = current_inputs(subject)
    if feature_hash != current_hash:
        raise ValueError(f"The {subject} inputs {feature_hash[:12]} are not declared in this version.")
    return names


def is_declared(subject: str, feature_hash: str) -> bool:
    """Tell whether this version of the code can name a stored vector's columns."""
    return current_inputs(subject)[1] == feature_hash


def current_inputs(subject: str) -> tuple[tuple[str, ...], str]:
    """Return a subject's declared inputs and the hash of their definitions."""
    if subject == "order":
        return orders.ORDER_INPUT_NAMES, orders.ORDER_FEATURE_HASH
    if subject == "listing":
        return listings.INPUT_NAMES, listings.FEATURE_HASH
    if subject == "application":
        return applications.INPUT_NAMES, applications.FEATURE_HASH
    if subject == "merchant":
        return merchants.INPUT_NAMES, merchants.FEATURE_HASH
    raise ValueError(f"{subject} has no model inputs.")
