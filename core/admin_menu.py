"""The groups of the admin's navigation, in their order."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class MenuGroup(TextChoices):
    """Where a model stands in the navigation; the order here is the order there."""

    MERCHANTS = "merchants", _("Merchants")
    CATALOGUE = "catalogue", _("Catalogue")
    ORDERS = "orders", _("Orders")
    REVIEW = "review", _("Review")
    RISK = "risk", _("Risk control")
    RECOMMENDATIONS = "recommendations", _("Recommendations")
    PEOPLE = "people", _("People and keys")
    SYSTEM = "system", _("System")
