"""How the admin looks: our accent and type on its kit, the environment on every page."""

from typing import Any

from django.templatetags.static import static
from django.utils.translation import gettext_lazy as _

# The accent of static/backoffice.css (#12606c) as a scale, and its warm greys.
_ACCENT = {
    "50": "oklch(97.6% .012 207)",
    "100": "oklch(94.6% .024 207)",
    "200": "oklch(89.5% .042 207)",
    "300": "oklch(82% .064 207)",
    "400": "oklch(72% .08 207)",
    "500": "oklch(57% .081 207)",
    "600": "oklch(45.5% .074 209)",
    "700": "oklch(39.5% .064 210)",
    "800": "oklch(33% .052 211)",
    "900": "oklch(28% .042 212)",
    "950": "oklch(21% .032 213)",
}
_GREYS = {
    "50": "#f6f6f4",
    "100": "#f0f0ed",
    "200": "#e4e4df",
    "300": "#cbcbc4",
    "400": "#8b9195",
    "500": "#6b7073",
    "600": "#54585b",
    "700": "#3d4246",
    "800": "#282c2f",
    "900": "#17191b",
    "950": "#101213",
}
# The badge beside the name of the environment, so that nobody takes production for a sandbox.
_BADGES = {
    "local": (_("Local"), "info"),
    "test": (_("Test"), "warning"),
    "production": (_("Production"), "danger"),
}


def admin_look(environment: str) -> dict[str, Any]:
    """Return the settings of the admin's kit."""
    badge = _BADGES[environment]
    return {
        "SITE_TITLE": "Backoffice",
        "SITE_HEADER": "Backoffice",
        "SITE_SUBHEADER": _("Administration"),
        "SITE_ICON": lambda request: static("mark.svg"),
        "SITE_FAVICONS": [
            {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("mark.svg")}
        ],
        "SHOW_LANGUAGES": True,
        "SHOW_BACK_BUTTON": True,
        "SHOW_VIEW_ON_SITE": False,
        "ENVIRONMENT": lambda request: [str(badge[0]), badge[1]],
        "BORDER_RADIUS": "6px",
        "COLORS": {"base": _GREYS, "primary": _ACCENT},
        "STYLES": [lambda request: static("admin.css")],
        "SIDEBAR": {"show_search": False, "command_search": True, "show_all_applications": False},
        "COMMAND": {"search_callback": "core.admin_site.find_by_public_id"},
    }
