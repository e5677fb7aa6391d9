"""Template tags of the portal."""

from django import template

from core.ids import encode

register = template.Library()


@register.filter
def public_id(id: int, prefix: str) -> str:
    """Return the outside form of an id: `{{ order.pk|public_id:"ord" }}`."""
    return encode(prefix, id)
