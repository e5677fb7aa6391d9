"""What verdicts do to listings and applications."""

import pytest

from accounts.models import User
from cases.choices import reasons_for, requestable
from cases.claims import claim_case
from cases.effects import possible_kinds
from cases.models import CaseStatus, ReviewCase
from cases.services import NewVerdict, open_case, record_verdict
from catalog.models import ListingRevision, ListingStatus, RevisionStatus
from catalog.services import begin_screening as screen_revision
from catalog.services import review_revision, submit_revision
from core.actors import SYSTEM
from core.errors import ValidationFailed
from core.reasons import REASONS
from core.refs import Ref
from merchants.models import ApplicationStatus, MerchantApplication, MerchantStatus
from merchants.services import begin_screening as screen_application
from merchants.services import review_application, submit_application
from risk.models import Label, Subject
from tests.cases.builders import NOON, make_case, make_queue, make_reviewer
from tests.make import make_application, make_revision

pytestmark = pytest.mark.django_db


def _claimed(subject: Ref, user: User, *, merchant_id: int) -> ReviewCase:
    case = open_case(None, subject=subject, title="T", value_minor=0, at=NOON, merchant_id=merchant_id)
    return claim_case(case, user, at=NOON)


def _revision_case(user: User) -> ReviewCase:
    revision = make_revision(submitted=True)
    screen_revision(revision)
    review_revision(revision, at=NOON, reason_codes=["no_score"])
    return _claimed(Ref("listing", revision.pk), user, merchant_id=revision.listing.merchant_id)


def application_case(user: User) -> ReviewCase:
    application = make_application()
    submit_application(application, actor=SYSTEM, at=NOON)
    screen_application(application)
    review_application(application, at=NOON, reason_codes=["no_score"])
    return _claimed(Ref("application", application.pk), user, merchant_id=application.merchant_id)


def _decide(case: ReviewCase, user: User, kind: str, *codes: str, requested: tuple[str, ...] = ()) -> None:
    verdict = NewVerdict(
        kind=kind,
        claim_token=case.claim_token,
        evidence_version=case.evidence_version,
        reason_codes=codes,
        requested=requested,
        message="Please look at this.",
    )
    record_verdict(case, verdict, reviewer=user, at=NOON)


def _revision(case: ReviewCase) -> ListingRevision:
    return ListingRevision.objects.select_related("listing").get(pk=case.subject_id)


def _application(case: ReviewCase) -> MerchantApplication:
    return MerchantApplication.objects.select_related("merchant").get(pk=case.subject_id)


def test_approved_revision_goes_live() -> None:
    user = make_reviewer()
    case = _revision_case(user)
    _decide(case, user, "approve")
    revision = _revision(case)
    assert (revision.status, revision.listing.status) == (RevisionStatus.APPROVED, ListingStatus.LIVE)
    assert Label.objects.get().subject_kind == "listing"


def test_rejected_revision_keeps_its_reasons() -> None:
    user = make_reviewer()
    case = _revision_case(user)
    _decide(case, user, "reject", "prohibited_goods")
    revision = _revision(case)
    assert (revision.status, revision.reason_codes) == (RevisionStatus.REJECTED, ["prohibited_goods"])
    assert Label.objects.get().is_bad is True


def test_requested_changes_name_their_fields_and_the_case_waits_for_them() -> None:
    user = make_reviewer()
    case = _revision_case(user)
    _decide(case, user, "request_info", "price_outlier", requested=("price", "title"))
    revision = _revision(case)
    assert revision.status == RevisionStatus.CHANGES_REQUESTED
    asked = [(issue["field"], issue["code"], issue["detail"]) for issue in revision.issues[-2:]]
    assert asked == [
        ("price", "price_outlier", "Please look at this."),
        ("title", "price_outlier", "Please look at this."),
    ]
    waiting = ReviewCase.objects.get(pk=case.pk)
    assert (waiting.status, waiting.claimed_by) == (CaseStatus.AWAITING_SUBJECT, None)
    assert not Label.objects.exists()
    submit_revision(revision, actor=SYSTEM, at=NOON)  # it can be handed in again


def test_approved_application_activates_the_merchant() -> None:
    user = make_reviewer()
    case = application_case(user)
    _decide(case, user, "approve")
    application = _application(case)
    assert application.status == ApplicationStatus.APPROVED
    assert application.merchant.status == MerchantStatus.ACTIVE
    assert Label.objects.get().merchant_id == application.merchant_id


def test_rejected_application_leaves_the_merchant_outside() -> None:
    user = make_reviewer()
    case = application_case(user)
    _decide(case, user, "reject", "document_reused")
    application = _application(case)
    assert application.status == ApplicationStatus.REJECTED
    assert application.merchant.status == MerchantStatus.ONBOARDING


def test_requested_information_names_its_requirements() -> None:
    user = make_reviewer()
    case = application_case(user)
    _decide(case, user, "request_info", "document_unreadable", requested=("document_licence",))
    application = _application(case)
    assert application.status == ApplicationStatus.INFO_REQUESTED
    (item,) = application.requested_items
    assert (item["requirement"], item["code"], item["message"]) == (
        "document_licence",
        "document_unreadable",
        "Please look at this.",
    )


@pytest.mark.parametrize(
    ("requested", "pointer"),
    [((), "/requested"), (("document_licence", "shoe_size"), "/requested/1")],
    ids=["nothing", "no such requirement"],
)
def test_request_for_nothing_that_exists_is_refused(requested: tuple[str, ...], pointer: str) -> None:
    user = make_reviewer()
    case = application_case(user)
    with pytest.raises(ValidationFailed) as refusal:
        _decide(case, user, "request_info", "document_unreadable", requested=requested)
    assert [error.pointer for error in refusal.value.errors] == [pointer]
    assert _application(case).status == ApplicationStatus.IN_REVIEW


def test_merchant_alert_case_labels_the_account() -> None:
    user = make_reviewer()
    case = make_case(queue=make_queue("merchant_alerts", subject="merchant"), merchant_id=None)
    case = claim_case(case, user, at=NOON)
    _decide(case, user, "reject", "policy_violation")
    assert (Label.objects.get().subject_kind, Label.objects.get().is_bad) == ("merchant", True)


@pytest.mark.parametrize(
    ("subject", "is_blind", "kinds"),
    [
        ("order", False, {"approve", "reject", "escalate", "hold"}),
        ("listing", False, {"approve", "reject", "request_info", "escalate", "hold"}),
        ("application", False, {"approve", "reject", "request_info", "escalate", "hold"}),
        ("listing", True, {"approve", "reject", "escalate", "hold"}),
    ],
)
def test_only_who_can_be_asked_is_asked(subject: str, is_blind: bool, kinds: set[str]) -> None:
    case = make_case(queue=make_queue(subject, subject=subject), is_blind=is_blind)
    assert set(possible_kinds(case)) == kinds
    make_queue(f"{subject}_senior", subject=subject, senior=True)
    assert set(possible_kinds(case)) == {*kinds, "escalate"}


@pytest.mark.parametrize("subject", Subject.values)
def test_every_reason_offered_is_declared_and_has_a_digit(subject: str) -> None:
    case = make_case(queue=make_queue(subject, subject=subject))
    reasons = reasons_for(case)
    assert 0 < len(reasons) <= 9
    assert all(reason.code in REASONS for reason in reasons)


def test_only_fields_that_exist_can_be_requested() -> None:
    listing = make_case(queue=make_queue("listings", subject="listing"))
    assert [code for code, _label in requestable(listing)] == [
        "title",
        "description",
        "category",
        "price",
        "image",
    ]
    case = application_case(make_reviewer())
    assert "document_licence" in dict(requestable(case))
