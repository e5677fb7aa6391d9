"""What stands between a model and its promotion: each requirement, whether it is met, and what to do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from accounts.models import User
from core.ui.formats import relative_text
from risk import selectors as risk
from risk.models import FRESH_FOR, ModelComparison, ModelStatus, ModelVersion

from .verdict import Verdict, read_verdict
from .words import failure_words, step_words

_LOOKED_AT = 20  # the newest comparisons of a version
_OPEN = {ModelComparison.Status.QUEUED, ModelComparison.Status.RUNNING}


@dataclass(frozen=True)
class Requirement:
    """One thing a promotion needs; `text` says how it stands, and if it is not met what to do."""

    label: str
    is_met: bool
    text: str

    @property
    def tone(self) -> str:
        return "good" if self.is_met else "waits"


@dataclass(frozen=True)
class Gate:
    """How a version stands to the present champion.

    verdict        of its newest finished comparison, whichever champion that was with
    newest         its newest comparison, which may still run or have failed
    rolls_back_to  the version that comes back if this champion is rolled back
    """

    champion: ModelVersion | None
    requirements: Sequence[Requirement]
    verdict: Verdict | None
    newest: ModelComparison | None
    rolls_back_to: ModelVersion | None
    why_no_roll_back: str

    @property
    def is_comparing(self) -> bool:
        return self.newest is not None and self.newest.status in _OPEN

    @property
    def percent(self) -> int:
        """How far the newest comparison is, of 100."""
        return round(100 * self.newest.progress) if self.newest else 0

    @property
    def step(self) -> str:
        return step_words(self.newest.step) if self.newest and self.newest.step else _("Starting")

    @property
    def failed_message(self) -> str:
        newest = self.newest
        if newest is None or newest.status != newest.Status.FAILED:
            return ""
        return failure_words(newest.code, newest.message)

    @property
    def can_promote(self) -> bool:
        return bool(self.requirements) and all(one.is_met for one in self.requirements)

    @property
    def why_not(self) -> str:
        """Return the first thing that is missing, as a sentence; "" if nothing is."""
        return next((one.text for one in self.requirements if not one.is_met), "")


def read_gate(version: ModelVersion, user: User, categories: Mapping[str, str], *, at: datetime) -> Gate:
    """Return how a version stands at a moment, for the person who looks; at most five queries."""
    comparisons = list(risk.list_comparisons(version).defer("result")[:_LOOKED_AT])
    newest = comparisons[0] if comparisons else None
    champion = risk.find_champion_version(version.subject)
    finished = _finished(comparisons, champion)
    verdict = read_verdict(finished, categories) if finished else None
    if version.status == ModelStatus.CHAMPION:
        earlier = risk.find_promotion_to_return_to(version.subject)
        target = earlier.model if earlier else None
        return Gate(version, (), verdict, newest, target, _why_no_roll_back(target, user))
    requirements = (
        _is_promotable(version),
        _is_not_worse(version, champion, finished, at),
        _has_second_person(version, user),
    )
    return Gate(champion, requirements, verdict, newest, None, "")


def _finished(
    comparisons: Sequence[ModelComparison], champion: ModelVersion | None
) -> ModelComparison | None:
    """Return the newest that ended, one with the present champion before any other."""
    ended = [one for one in comparisons if one.status == one.Status.FINISHED]
    sha256 = champion.sha256 if champion else ""
    present = [one for one in ended if one.champion_sha256 == sha256]
    return next(iter(present or ended), None)


def _is_promotable(version: ModelVersion) -> Requirement:
    label = _("In shadow")
    if version.status == ModelStatus.SHADOW:
        return Requirement(label, True, _("It scores live traffic without effect."))
    if version.status == ModelStatus.CANDIDATE:
        text = _("Put it in shadow first: there it scores live traffic without effect.")
        return Requirement(label, False, text)
    if version.promotions.exists():
        return Requirement(_("Tried before"), True, _("It has been champion before."))
    return Requirement(label, False, _("It was put away without ever being champion: train anew instead."))


def _is_not_worse(
    version: ModelVersion, champion: ModelVersion | None, finished: ModelComparison | None, at: datetime
) -> Requirement:
    label = _("Not worse than the champion") if champion else _("Not worse than its baseline")
    if finished is None:
        return Requirement(label, False, _("It has not been compared yet: start a comparison."))
    ago = {"ago": relative_text(finished.finished_at or at, now=at)}
    if finished.champion_sha256 != (champion.sha256 if champion else ""):
        text = _("It was compared with another champion: compare it again with the present one.")
        return Requirement(label, False, text)
    if not finished.passes:
        return Requirement(
            label, False, _("Its comparison, made %(ago)s, did not pass; the reasons are below.") % ago
        )
    if finished.sha256 != version.sha256 or (finished.finished_at or at) < at - FRESH_FOR:
        text = _("The comparison is older than %(days)s days: compare it again.") % {"days": FRESH_FOR.days}
        return Requirement(label, False, text)
    return Requirement(label, True, _("Its comparison, made %(ago)s, passed.") % ago)


def _has_second_person(version: ModelVersion, user: User) -> Requirement:
    asked_by = version.training.requested_by_id
    if asked_by == user.pk:
        text = _("You asked for its training, so another person has to promote it.")
        return Requirement(_("A second person"), False, text)
    text = (
        _("Somebody else asked for its training, so you may promote it.")
        if asked_by
        else _("It was trained by the system, so you may promote it.")
    )
    return Requirement(_("A second person"), True, text)


def _why_no_roll_back(target: ModelVersion | None, user: User) -> str:
    if target is None:
        return _("No other model was champion before it.")
    if target.training.requested_by_id == user.pk:
        text = _(
            "Version %(number)s would return, and you asked for its training: another person has to do it."
        )
        return text % {"number": target.number}
    return ""
