"""People who are kept away from a case."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from core.fields import TimeOrderedIdField


class CaseExclusion(models.Model):
    """One row keeps one person away from one case, because they have decided about it before."""

    id = TimeOrderedIdField()
    case = models.ForeignKey(
        "cases.ReviewCase", on_delete=models.CASCADE, related_name="exclusions", db_index=False
    )
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")

    class Meta:
        verbose_name = _("exclusion")
        verbose_name_plural = _("exclusions")
        constraints = [
            models.UniqueConstraint(fields=["case", "user"], name="one_exclusion_per_case_and_person")
        ]

    def __str__(self) -> str:
        return f"{self.user_id} · {self.case_id}"
