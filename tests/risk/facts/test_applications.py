"""Application facts: shared details count, later news does not, and one equals many."""

import math
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest

from core.actors import SYSTEM
from core.refs import Ref
from merchants import services
from merchants.models import Merchant, MerchantApplication, MerchantStatus
from risk.facts import applications
from risk.models import LabelSource
from risk.schemas.applications import SCHEMA
from risk.services import record_label
from tests.make import NOON, make_application, make_upload, make_user

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def submitted(at: datetime = NOON, **answers: Any) -> MerchantApplication:
    application = make_application(**answers)
    services.submit_application(application, actor=SYSTEM, at=at)
    return application


def values(application: MerchantApplication) -> dict[str, Any]:
    return dict(applications.gather(application, as_of=application.known_at).values)


def test_every_declared_field_has_a_value_and_nothing_else_does() -> None:
    facts = applications.gather(submitted(), as_of=NOON)
    assert set(facts.values) == {field.name for field in SCHEMA.fields}
    assert facts.vector.shape == (len(applications.INPUT_NAMES),)


def test_not_supplied_is_missing_and_no_history_is_zero() -> None:
    seen = values(submitted())
    assert math.isnan(seen["device_others_count"])
    assert (seen["bank_account_others_count"], seen["document_reuse_count"]) == (0, 0)


def test_shared_details_count_other_merchants_before_only() -> None:
    shared = {"bank_account": "6222021234567890", "device_ref": "device-9"}
    submitted(NOON - DAY, **shared)
    submitted(NOON, **shared)
    submitted(NOON + DAY, **shared)
    seen = values(submitted(NOON, **shared))
    assert (seen["bank_account_others_count"], seen["device_others_count"], seen["shared_kinds_count"]) == (
        1,
        1,
        3,
    )


def test_bad_counts_only_once_it_is_known() -> None:
    earlier = submitted(NOON - 3 * DAY, bank_account="6222021234567890")
    later = submitted(NOON, bank_account="6222021234567890")
    services.begin_screening(earlier)
    assert values(later)["bank_account_bad_count"] == 0
    services.reject_application(earlier, actor=SYSTEM, at=NOON + DAY, reason_codes=["document_reused"])
    assert values(later)["bank_account_bad_count"] == 0
    record_label(
        Ref("application", earlier.pk),
        is_bad=True,
        source=LabelSource.VERDICT,
        occurred_at=NOON - DAY,
        known_at=NOON - DAY,
        merchant_id=earlier.merchant_id,
    )
    assert values(later)["bank_account_bad_count"] == 1


def test_document_of_another_merchant_counts() -> None:
    first, second = make_application(), make_application()
    for application in (first, second):
        services.add_document(application, make_upload(b"the same licence"), "licence", actor=SYSTEM)
    services.submit_application(first, actor=SYSTEM, at=NOON - DAY)
    services.submit_application(second, actor=SYSTEM, at=NOON)
    seen = values(second)
    assert (seen["document_count"], seen["document_reuse_count"]) == (2, 1)


def test_terminated_entity_is_recognised() -> None:
    old = submitted(NOON - DAY)
    Merchant.objects.filter(pk=old.merchant_id).update(status=MerchantStatus.TERMINATED)
    assert values(submitted())["application.registration_is_terminated"] is True
    fresh = submitted(country="DE", registration_number="DE136695976", bank_account="DE89370400440532013000")
    assert values(fresh)["application.registration_is_terminated"] is False


def test_own_details() -> None:
    user = make_user(date_joined=NOON - timedelta(hours=5))
    seen = values(
        submitted(
            user=user,
            country="DE",
            registration_number="DE136695976",
            bank_account="NL91ABNA0417164300",
            contact_phone="+86 10 6552 9988",
            contact_email="x@mailinator.com",
        )
    )
    assert (seen["bank_country_differs"], seen["phone_country_differs"], seen["email_is_disposable"]) == (
        1,
        1,
        1,
    )
    assert (seen["hours_since_signup"], seen["registration_is_valid"]) == (5, 1)


def test_many_at_once_equal_one_by_one() -> None:
    all_of_them = [
        submitted(NOON + n * DAY, bank_account=f"622202123456789{n % 3}", device_ref=f"device-{n % 2}")
        for n in range(9)
    ]
    for bad in all_of_them[:2]:
        services.begin_screening(bad)
        services.reject_application(bad, actor=SYSTEM, at=NOON + 4 * DAY, reason_codes=["document_reused"])
    moments = [one.known_at for one in all_of_them]
    singly = [applications.gather(one, as_of=at).vector for one, at in zip(all_of_them, moments, strict=True)]
    np.testing.assert_array_equal(applications.read_inputs(all_of_them, moments), np.array(singly))


def test_queries_do_not_grow_with_the_number(django_assert_max_num_queries: Any) -> None:
    all_of_them = [submitted(bank_account="6222021234567890") for _ in range(8)]
    fresh = list(
        MerchantApplication.objects.select_related("applicant").filter(pk__in=[a.pk for a in all_of_them])
    )
    with django_assert_max_num_queries(7):
        applications.read_inputs(fresh, [one.known_at for one in fresh])
    with django_assert_max_num_queries(8):
        applications.gather(fresh[0], as_of=NOON)


def test_nothing_to_read_is_an_empty_matrix() -> None:
    assert applications.read_inputs([], []).shape == (0, len(applications.INPUT_NAMES))
