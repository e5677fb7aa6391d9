"""Applications that share a bank account, device, phone or registration number, one and two steps away."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from merchants.models import MerchantApplication
from risk.facts.application_links import Neighbour, details_of, read_neighbours
from risk.models import Subject

from .graph import PER_STEP, Kinds, Links, Other, lay_out

_NAMES: Mapping[str, str | Promise] = {
    "bank_account": _("Bank account"),
    "device": _("Device"),
    "phone": _("Phone"),
    "registration": _("Registration number"),
}
_ICONS = {"bank_account": "coin", "device": "device-mobile", "phone": "phone", "registration": "certificate"}


def gather(application_id: int) -> Links | None:
    """Return the applications around one; six queries. None if it gave nothing that could link it."""
    application = MerchantApplication.objects.filter(pk=application_id).first()
    own = details_of(application) if application is not None else ()
    if application is None or not own:
        return None
    now = timezone.now()
    neighbours = read_neighbours([application], [now])
    near = neighbours.near(application, now)
    # One more of each than is shown: it tells that there are more.
    far = neighbours.far(application, now, near)[: 4 * PER_STEP]
    near = near[: PER_STEP + 1]
    rows = _rows([*near, *far])
    return lay_out(
        Subject.APPLICATION,
        own,
        _as_others(near, rows, now),
        _as_others(far, rows, now),
        Kinds(_NAMES, _ICONS),
    )


def _rows(found: Sequence[Neighbour]) -> dict[int, MerchantApplication]:
    return MerchantApplication.objects.select_related("merchant").in_bulk([one.id for one in found])


def _as_others(
    found: Sequence[Neighbour], rows: Mapping[int, MerchantApplication], now: datetime
) -> list[Other]:
    return [
        Other(
            id=one.id,
            kind=Subject.APPLICATION,
            title=rows[one.id].company_name or rows[one.id].merchant.name,
            note="",
            at=one.known_at,
            status=rows[one.id].status,
            proved_bad=one.is_bad(now) or None,
            details=frozenset(one.details),
        )
        for one in found
    ]
