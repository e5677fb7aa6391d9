"""The walks of applications and listings: decided at once, by a person, or sent back to be fixed."""

from datetime import timedelta

import pytest

from cases.models import CaseStatus, ReviewCase
from cases.services import ensure_default_queues
from catalog.models import ListingRevision
from core.actors import SYSTEM
from intake import pipeline
from intake.sweeping import sweep
from merchants.models import Merchant, MerchantApplication
from risk.decide import decide_application
from risk.models import Decision
from risk.rules.engine import Effect
from tests.make import (
    NOON,
    make_application,
    make_live_ruleset,
    make_model,
    make_revision,
    make_rule,
)

pytestmark = pytest.mark.django_db
LATER = NOON + timedelta(hours=1)


@pytest.fixture(autouse=True)
def _queues():
    ensure_default_queues()


def _apply(application, *, at=NOON, wait=True):
    pipeline.submit_application(application, actor=SYSTEM, at=at, wait=wait)
    return MerchantApplication.objects.get(pk=application.pk)


def _list(revision, *, at=NOON, wait=True):
    pipeline.submit_revision(revision, actor=SYSTEM, at=at, wait=wait)
    return ListingRevision.objects.get(pk=revision.pk)


def test_a_good_application_is_approved_and_its_merchant_becomes_active():
    make_live_ruleset(subject="application")
    make_model("application", probability=0.01)

    application = _apply(make_application())

    assert application.status == "approved"
    assert Merchant.objects.get(pk=application.merchant_id).status == "active"
    assert not ReviewCase.objects.exists()


def test_an_application_is_never_rejected_on_its_score_alone():
    from risk.starter.applications import POLICY

    make_live_ruleset(subject="application", thresholds=POLICY.thresholds)
    make_model("application", probability=0.99)

    assert _apply(make_application()).status == "in_review"
    assert ReviewCase.objects.get().status == CaseStatus.QUEUED


def test_a_hard_rule_rejects_an_application_with_its_reason():
    rule = make_rule("application.attempt >= 1", Effect.DECLINE, reason_code="terminated_entity")
    make_live_ruleset(rule, subject="application")
    make_model("application")

    application = _apply(make_application())

    assert (application.status, application.reason_codes) == ("rejected", ["terminated_entity"])


def test_a_rule_can_send_an_application_back_to_the_applicant():
    rule = make_rule(
        "application.attempt == 1", Effect.REVIEW, reason_code="registration_invalid", tag="ask_merchant"
    )
    make_live_ruleset(rule, subject="application")
    make_model("application")

    application = _apply(make_application())

    assert application.status == "info_requested"
    assert [item["requirement"] for item in application.requested_items] == ["registration_number"]
    assert not ReviewCase.objects.exists()


def test_a_good_listing_goes_live_and_a_doubtful_one_waits_for_a_person():
    make_live_ruleset(make_rule("listing.price > 1000"), subject="listing")
    make_model("listing", probability=0.01)

    good, doubtful = _list(make_revision()), _list(make_revision(price_minor=500_000))

    assert (good.status, good.listing.status) == ("approved", "live")
    assert (doubtful.status, doubtful.listing.status) == ("in_review", "draft")
    assert ReviewCase.objects.get().subject_id == doubtful.pk


def test_what_no_worker_came_for_is_decided_by_the_sweeper():
    for subject in ("application", "listing"):
        make_live_ruleset(subject=subject)
        make_model(subject)
    application, revision = _apply(make_application(), wait=False), _list(make_revision(), wait=False)

    assert (application.status, revision.status) == ("submitted", "submitted")
    assert sweep(at=LATER) == 2
    assert sweep(at=LATER) == 0
    assert Decision.objects.count() == 2


def test_a_judgement_that_fails_leaves_the_submission_for_the_sweeper(monkeypatch):
    make_live_ruleset(subject="application")
    make_model("application")
    with monkeypatch.context() as broken:
        broken.setattr(pipeline, "decide_application", lambda *_, **__: 1 / 0)
        application = _apply(make_application())

    assert application.status == "submitted"
    assert sweep(at=LATER) == 1


def test_one_subject_that_cannot_be_decided_holds_back_nobody(monkeypatch):
    make_live_ruleset(subject="application")
    make_model("application")
    first, second = _apply(make_application(), wait=False), _apply(make_application(), wait=False)
    monkeypatch.setattr(
        pipeline,
        "decide_application",
        lambda row, **at: 1 / 0 if row.pk == first.pk else decide_application(row, **at),
    )

    assert sweep(at=LATER) == 1
    assert MerchantApplication.objects.get(pk=first.pk).status == "submitted"
    assert MerchantApplication.objects.get(pk=second.pk).status == "approved"
