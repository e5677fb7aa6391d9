"""The four things that are judged."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Subject(models.TextChoices):
    ORDER = "order", _("Order")
    LISTING = "listing", _("Listing")
    APPLICATION = "application", _("Application")
    MERCHANT = "merchant", _("Merchant account")
