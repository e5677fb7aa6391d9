"""How one form field is laid out, and the attributes that tie it to its help and errors."""

from dataclasses import dataclass

from django.forms import BoundField, CheckboxInput, CheckboxSelectMultiple, FileInput, RadioSelect, Select
from django.utils.safestring import SafeString

_CLASSES = {"choices": "", "check": "form-check-input", "select": "form-select", "file": "bo-upload-input"}


@dataclass(frozen=True)
class ShownField:
    """A field ready for components/field.html; `layout` is line, select, check, choices or file."""

    layout: str
    widget: SafeString


def show_field(bound: BoundField) -> ShownField:
    """Return the widget with its class, and aria links to its help and errors."""
    layout = _layout_of(bound)
    classes = _CLASSES.get(layout, "form-control")
    attrs: dict[str, str | bool] = {}
    if bound.errors:
        attrs["aria-invalid"] = "true"
        classes = f"{classes} is-invalid"
    if classes:
        attrs["class"] = classes
    described_by = [f"{bound.auto_id}_help"] if bound.help_text else []
    described_by += [f"{bound.auto_id}_errors"] if bound.errors else []
    if described_by:
        attrs["aria-describedby"] = " ".join(described_by)
    if bound.field.widget.attrs.get("rows") == "10":
        attrs["rows"] = "4"  # Django's own default is taller than most answers
    return ShownField(layout=layout, widget=bound.as_widget(attrs=attrs))


def _layout_of(bound: BoundField) -> str:
    widget = bound.field.widget
    if isinstance(widget, (RadioSelect, CheckboxSelectMultiple)):
        return "choices"
    if isinstance(widget, CheckboxInput):
        return "check"
    if isinstance(widget, Select):
        return "select"
    return "file" if isinstance(widget, FileInput) else "line"
