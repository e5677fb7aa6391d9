"""Short messages after an action, with an optional Undo, for full pages and for htmx answers."""

import json

from django.contrib import messages
from django.http import HttpRequest, HttpResponse

_UNDO = "undo="
_LEVELS = {
    "success": messages.SUCCESS,
    "info": messages.INFO,
    "warning": messages.WARNING,
    "error": messages.ERROR,
}


def add_toast(request: HttpRequest, text: str, *, kind: str = "success", undo_url: str | None = None) -> None:
    """Show the text on the next full page. `undo_url` is called with POST by the Undo button."""
    messages.add_message(request, _LEVELS[kind], text, extra_tags=f"{_UNDO}{undo_url}" if undo_url else "")


def trigger_toast(
    response: HttpResponse, text: str, *, kind: str = "success", undo_url: str | None = None
) -> HttpResponse:
    """Show the text when htmx receives this response; returns the response."""
    triggers = json.loads(response.headers.get("HX-Trigger", "{}"))
    triggers["toast"] = {"message": text, "kind": kind, "undo_url": undo_url}
    response.headers["HX-Trigger"] = json.dumps(triggers)  # ASCII: a header carries nothing else safely
    return response


def undo_url_of(extra_tags: str | None) -> str | None:
    """Return the Undo address that `add_toast` hid in a message's tags."""
    return extra_tags.removeprefix(_UNDO) if extra_tags and extra_tags.startswith(_UNDO) else None
