"""A morning of review: some cases decided, some of them twice, so that the quality pages have figures."""

from datetime import datetime
from random import Random

from accounts.models import Role, User
from accounts.services import grant_role
from cases.choices import reasons_for
from cases.models import CasePurpose, CaseStatus, Queue, ReviewCase, VerdictKind
from cases.quality.adjudicating import adjudicate
from cases.quality.golden import mark_golden
from cases.quality.models import LookKind, SecondLook
from cases.services import NewVerdict, claim_case, claim_next, record_verdict
from core.actors import SYSTEM

from .people import get_person

_DECIDED = 60
# Nobody signs in as these two. The second is less careful, and their figures and labels show it.
_REVIEWERS = (("kim.reyes@example.com", "Kim Reyes", 0.06), ("jo.tan@example.com", "Jo Tan", 0.25))
# While the demo is made many are looked at twice, to have something to show; then as many as a desk bears.
_SHARES_OF_THE_DEMO = {"blind_share": 0.5, "golden_share": 0}
_SHARES = {"blind_share": 0.1, "golden_share": 0.02}
# Above it a reviewer of the demo takes an order for bad.
_SUSPICIOUS = 0.3


def review_some(*, at: datetime) -> None:
    """Decide orders as two reviewers would, look at some again, make one golden and settle a disagreement."""
    chance = Random(7)  # noqa: S311 - it plays two people, and hides nothing
    people = [(_ensure(email, name), slips) for email, name, slips in _REVIEWERS]
    queues = Queue.objects.filter(code="orders")
    queues.update(**_SHARES_OF_THE_DEMO)
    waiting = ReviewCase.objects.filter(queue__in=queues, status=CaseStatus.QUEUED).count()
    # Half stays for whoever signs in.
    for number in range(min(_DECIDED, waiting // 2)):
        user, slips = people[number % len(people)]
        case = claim_next(user, at=at, queue=queues.get())
        if case is not None:
            _judge(case, user, chance.random() < slips, at)
    looks = SecondLook.objects.filter(kind=LookKind.BLIND, answered_at=None).select_related("case")
    for look in looks:
        user, slips = next(one for one in people if one[0].pk != look.first_reviewer_id)
        _judge(claim_case(look.case, user, at=at), user, chance.random() < slips, at)
    _settle_one(get_person("reviewer@example.com"), at)
    queues.update(**_SHARES)


def _judge(case: ReviewCase, user: User, is_slip: bool, at: datetime) -> None:
    case = ReviewCase.objects.select_related("queue", "decision").get(pk=case.pk)
    score = case.decision.score if case.decision else None
    is_bad = (score is not None and score >= _SUSPICIOUS) != is_slip
    kind = VerdictKind.REJECT if is_bad else VerdictKind.APPROVE
    codes = [reasons_for(case)[case.pk % 2].code] if is_bad else []
    verdict = NewVerdict(kind, case.claim_token, case.evidence_version, reason_codes=tuple(codes))
    record_verdict(case, verdict, reviewer=user, at=at)


def _settle_one(lead: User, at: datetime) -> None:
    """Let a lead decide one disagreement, and keep a case that both judged alike as golden."""
    blind = SecondLook.objects.filter(kind=LookKind.BLIND).select_related("original")
    if disputed := blind.filter(is_agreed=False).order_by("pk").first():
        codes = disputed.first_codes or disputed.second_codes
        note = "The device had placed four orders with three cards."
        adjudicate(disputed, kind="reject", reason_codes=codes, note=note, by=lead, at=at)
    alike = blind.filter(is_agreed=True, original__purpose=CasePurpose.WORK).order_by("pk").first()
    if alike is not None and alike.original is not None:
        mark_golden(
            alike.original,
            kind=alike.first_kind,
            reason_codes=alike.first_codes,
            why="Two reviewers came to it independently, and nothing speaks against it.",
            by=lead,
            at=at,
        )


def _ensure(email: str, name: str) -> User:
    found = User.objects.filter(email=email).first()
    if found is None:
        found = User.objects.create_user(email, name=name)
        grant_role(found, Role.REVIEWER, actor=SYSTEM)
    return found
