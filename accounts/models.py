"""Users, the staff roles they hold, and API keys."""

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from core.fields import TimeOrderedIdField


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)


class User(AbstractBaseUser, PermissionsMixin):
    """One row is one person who can sign in; the e-mail address is the login."""

    id = TimeOrderedIdField()
    email = models.EmailField(_("e-mail address"), unique=True)
    name = models.CharField(_("name"), max_length=120, blank=True)
    language = models.CharField(_("language"), max_length=10, blank=True)
    # What a reviewer reads, by language code of READABLE; queues may ask for it.
    languages = models.JSONField(_("reads"), default=list, blank=True)
    # In which the hours of this person's day are counted.
    time_zone = models.CharField(_("time zone"), max_length=64, default="Asia/Shanghai", blank=True)
    is_staff = models.BooleanField(_("may open the admin"), default=False)
    is_active = models.BooleanField(_("active"), default=True)
    date_joined = models.DateTimeField(_("joined"), default=timezone.now)

    objects = UserManager()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")
        constraints = [models.UniqueConstraint(Lower("email"), name="one_user_per_email")]

    def __str__(self) -> str:
        return self.name or self.email


class Role(models.TextChoices):
    """Staff roles; what each may do is in `accounts.permissions`."""

    REVIEWER = "reviewer", _("Reviewer")
    SENIOR_REVIEWER = "senior_reviewer", _("Senior reviewer")
    RISK_ANALYST = "risk_analyst", _("Risk analyst")
    OPERATIONS = "operations", _("Operations")


class RoleGrant(models.Model):
    """One row gives one user one staff role."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="role_grants")
    role = models.CharField(max_length=24, choices=Role)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("role")
        verbose_name_plural = _("roles")
        constraints = [models.UniqueConstraint(fields=["user", "role"], name="one_grant_per_user_and_role")]

    def __str__(self) -> str:
        return self.get_role_display()


class Audience(models.TextChoices):
    SELLER = "seller", _("Seller")  # sees the merchants granted to it
    OPERATOR = "operator", _("Operator")  # the marketplace itself: every merchant
    REVIEWER = "reviewer", _("Reviewer")  # one person’s own tools: reviews cases as that person


class APIKey(models.Model):
    """One row is one credential of a partner system, or of one reviewer’s own tools.

    Only the hash of its secret is kept.
    """

    id = TimeOrderedIdField()
    name = models.CharField(_("name"), max_length=80)
    prefix = models.CharField(max_length=16, unique=True)
    secret_hash = models.CharField(max_length=64)
    audience = models.CharField(max_length=12, choices=Audience)
    scopes = models.JSONField(default=list)
    allowed_networks = models.JSONField(default=list, blank=True)  # CIDR; empty = any
    # For whom it reviews; None for partner systems. It ends with the person.
    person = models.ForeignKey(User, null=True, on_delete=models.CASCADE, related_name="review_keys")
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(audience="reviewer", person__isnull=False)
                | (~models.Q(audience="reviewer") & models.Q(person__isnull=True)),
                name="reviewers_key_has_its_person",
            ),
            models.CheckConstraint(
                condition=models.Q(person__isnull=True) | models.Q(created_by=models.F("person")),
                name="person_makes_their_own_key",
            ),
        ]

    def __str__(self) -> str:
        return self.name
