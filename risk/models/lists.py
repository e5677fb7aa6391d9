"""Lists that rules ask about, their versions and entries, and snoozes of rules for one entity."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from core.fields import TimeOrderedIdField

from .subjects import Subject


class ListKind(models.TextChoices):
    """What the entries are; all but texts are kept as fingerprints with the value encrypted beside them."""

    TEXT = "text", _("Text")
    IP = "ip", _("Network address")
    DEVICE = "device", _("Device")
    CARD = "card", _("Card")
    BUYER = "buyer", _("Buyer")
    ADDRESS = "address", _("Address")


class EntityList(models.Model):
    """One row is one list, e.g. `blocked_ips`. `version` grows with every change of its entries."""

    id = TimeOrderedIdField()
    code = models.SlugField(_("code"), max_length=40, unique=True)
    name = models.CharField(_("name"), max_length=120)
    kind = models.CharField(_("kind"), max_length=12, choices=ListKind, default=ListKind.TEXT)
    description = models.TextField(_("description"), blank=True, max_length=500)
    version = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    archived_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("list")
        verbose_name_plural = _("lists")

    def __str__(self) -> str:
        return self.code


class ListVersion(models.Model):
    """One row is one change of a list: who, when, why, and how many entries came and went."""

    id = TimeOrderedIdField()
    list = models.ForeignKey(EntityList, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    comment = models.CharField(max_length=200, blank=True)
    added = models.PositiveIntegerField(default=0)
    removed = models.PositiveIntegerField(default=0)
    entry_count = models.PositiveIntegerField(default=0)  # after the change, expired entries included
    author = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("list version")
        verbose_name_plural = _("list versions")
        constraints = [models.UniqueConstraint(fields=["list", "number"], name="one_list_version_per_number")]

    def __str__(self) -> str:
        return f"{self.list_id} v{self.number}"


class ListEntry(models.Model):
    """One row is one value in a list, from the version that added it to the one that removed it.

    A text list keeps `text` as it compares; every other kind keeps the
    fingerprint in `key` and the value itself encrypted in `sealed`.
    """

    id = TimeOrderedIdField()
    list = models.ForeignKey(EntityList, on_delete=models.CASCADE, related_name="entries")
    text = models.CharField(max_length=200, blank=True)
    key = models.BigIntegerField(null=True)
    sealed = models.BinaryField(null=True)
    note = models.CharField(max_length=200, blank=True)
    added_in = models.PositiveIntegerField()  # version number
    removed_in = models.PositiveIntegerField(null=True)  # null = still in the list
    expires_at = models.DateTimeField(null=True, blank=True)  # null = for good

    class Meta:
        verbose_name = _("list entry")
        verbose_name_plural = _("list entries")
        indexes = [
            models.Index(fields=["list", "added_in"], name="list_entry_by_version"),
            # What left since a version: processes that hold a list fetch only what changed.
            models.Index(
                fields=["list", "removed_in"],
                name="list_entry_by_removal",
                condition=models.Q(removed_in__isnull=False),
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["list", "text"],
                condition=models.Q(removed_in=None, key=None),
                name="one_standing_entry_per_text",
            ),
            models.UniqueConstraint(
                fields=["list", "key"],
                condition=models.Q(removed_in=None, key__isnull=False),
                name="one_standing_entry_per_key",
            ),
            models.CheckConstraint(
                condition=(
                    models.Q(key=None, sealed=None) & ~models.Q(text="")
                    | models.Q(key__isnull=False, sealed__isnull=False, text="")
                ),
                name="list_entry_is_text_or_sealed_key",
            ),
            models.CheckConstraint(
                condition=models.Q(removed_in=None) | models.Q(removed_in__gt=models.F("added_in")),
                name="list_entry_leaves_after_it_came",
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)


class RuleSnooze(models.Model):
    """One row keeps one rule without effect for one entity until a moment; it is still recorded."""

    id = TimeOrderedIdField()
    subject = models.CharField(max_length=16, choices=Subject)
    rule_code = models.CharField(max_length=32)
    entity = models.CharField(max_length=12)  # merchant, buyer, device, card, address, ip
    key = models.BigIntegerField()  # the merchant's id, or the fingerprint
    until = models.DateTimeField()
    reason = models.CharField(max_length=200)
    author = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True, blank=True)  # ended by hand before its time
    ended_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        verbose_name = _("snooze")
        verbose_name_plural = _("snoozes")
        indexes = [
            models.Index(fields=["until"], name="snooze_standing", condition=models.Q(ended_at=None)),
        ]

    def __str__(self) -> str:
        return f"{self.rule_code} {self.entity}"
