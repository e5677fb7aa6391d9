"""The words static/backoffice.js shows, in the language of the page."""

from django.utils.translation import gettext as _

from .formats import relative_templates


def script_strings() -> dict[str, object]:
    """Return every sentence the script may need; `%d` stands for a number."""
    return {
        "copied": _("Copied"),
        "requestId": _("Request id"),
        "failed": _("That did not work. Nothing was changed; try again."),
        "forbidden": _("You may not do this. Ask an administrator for the permission."),
        "notFound": _("This no longer exists. Reload the page."),
        "conflict": _("Someone changed this in the meantime. Reload the page and look again."),
        "busy": _("Too many requests. Wait a moment and try again."),
        "unreachable": _("The server cannot be reached. Check the connection and try again."),
        "noResults": _("Nothing found. Try fewer letters."),
        "results": _("Results: %d"),
        "page": _("Page"),
        "selected": _("%d selected"),
        "fileTooLarge": _("This file is larger than %d MB. Choose a smaller one."),
        "relative": relative_templates(),
    }
