"""Linked applications: two steps, the newest first, and nothing that was not known yet."""

import random
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from core.ids import new_id
from core.models import Effect
from core.refs import Ref
from merchants.models import ApplicationStatus, MerchantApplication
from merchants.services import about
from risk.facts import applications
from risk.facts.application_links import (
    DETAIL_APPLICATIONS,
    FOLLOWED_APPLICATIONS,
    KEYS,
    STEP_APPLICATIONS,
)
from risk.models import LabelSource
from risk.schemas.applications import INPUTS
from risk.services import record_label
from tests.make import NOON, make_merchant, make_statement

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
SIZE, BAD = "linked_component_size", "linked_bad_within_two_count"


def apply(
    hours: int = 0, *, merchant: Any = None, rejected_after: int | None = None, **keys: int | None
) -> Any:
    """Return a submitted application with these details, as many hours after noon."""
    at = NOON + timedelta(hours=hours)
    is_rejected = rejected_after is not None
    application = MerchantApplication(
        id=new_id(),
        merchant=merchant or make_merchant(),
        company_name="Company",
        country="CN",
        entity_type="company",
        status=ApplicationStatus.REJECTED if is_rejected else ApplicationStatus.APPROVED,
        occurred_at=at,
        known_at=at,
        submitted_at=at,
        decided_at=at + timedelta(hours=rejected_after) if rejected_after is not None else at,
        **{KEYS[stem]: key for stem, key in keys.items()},
    )
    if is_rejected:
        application.rejection_statement = make_statement(about(application), Effect.REJECTED)
    application.save(force_insert=True)
    return application


def links(application: MerchantApplication) -> tuple[float, float]:
    values = applications.gather(application, as_of=application.known_at).values
    return values[SIZE], values[BAD]  # type: ignore[return-value]


def expected(one: MerchantApplication, others: Sequence[MerchantApplication]) -> tuple[int, int]:
    """Return the links by reading every application: the definition, word for word."""
    visible = sorted(
        (o for o in others if o.merchant_id != one.merchant_id and o.known_at < one.known_at),
        key=lambda o: (o.known_at, o.pk),
        reverse=True,
    )

    def details(application: MerchantApplication) -> set[tuple[str, int]]:
        pairs = ((column, getattr(application, column)) for column in KEYS.values())
        return {(column, key) for column, key in pairs if key is not None}

    def step(wanted: set[tuple[str, int]], known: set[int]) -> list[MerchantApplication]:
        reached = {
            o.pk
            for detail in wanted
            for o in [v for v in visible if detail in details(v)][:DETAIL_APPLICATIONS]
            if o.pk not in known
        }
        return [v for v in visible if v.pk in reached][:STEP_APPLICATIONS]

    near = step(details(one), set())
    used = {detail for o in near[:FOLLOWED_APPLICATIONS] for detail in details(o)}
    far = step(used - details(one), {o.pk for o in near})
    bad = [
        o
        for o in near + far
        if o.status == ApplicationStatus.REJECTED and o.decided_at and o.decided_at < one.known_at
    ]
    return 1 + len(near) + len(far), len(bad)


def test_alone_it_is_a_component_of_one() -> None:
    assert links(apply()) == (1, 0)
    assert links(apply(bank_account=1, device=2, phone=3, registration=4)) == (1, 0)


def test_the_second_step_leads_over_another_detail_and_the_third_is_not_taken() -> None:
    apply(-4, phone=7, registration=9, rejected_after=1)
    apply(-3, device=5, phone=7, rejected_after=1)
    apply(-2, bank_account=1, device=5)
    assert links(apply(bank_account=1)) == (3, 1)


def test_own_applications_and_later_ones_are_no_neighbours() -> None:
    merchant = make_merchant()
    apply(-5, merchant=merchant, bank_account=1, rejected_after=1)
    apply(0, bank_account=1)
    apply(1, bank_account=1)
    assert links(apply(merchant=merchant, bank_account=1)) == (1, 0)


def test_bad_counts_only_once_it_is_known() -> None:
    apply(-5, bank_account=1, rejected_after=5)
    assert links(apply(bank_account=1)) == (2, 0)
    other = apply(-5, bank_account=1)
    record_label(
        Ref("merchant", other.merchant_id),
        is_bad=True,
        source=LabelSource.VERDICT,
        occurred_at=NOON - DAY,
        known_at=NOON - timedelta(microseconds=1),
        merchant_id=other.merchant_id,
    )
    assert links(apply(bank_account=1)) == (3, 1)


def test_a_corrected_label_counts_until_its_correction_is_known() -> None:
    other = apply(-5, bank_account=1)
    for hours, is_bad in ((-3, True), (0, False)):
        at = NOON + timedelta(hours=hours)
        record_label(
            Ref("application", other.pk),
            is_bad=is_bad,
            source=LabelSource.VERDICT,
            occurred_at=at,
            known_at=at,
            merchant_id=other.merchant_id,
        )
    assert links(apply(bank_account=1)) == (2, 1)
    assert links(apply(1, bank_account=1)) == (3, 0)


def test_of_a_hub_only_the_newest_are_reached() -> None:
    for hour in range(DETAIL_APPLICATIONS + 10):
        apply(hour - 100, device=5, rejected_after=1 if hour < 10 else None)
    assert links(apply(device=5)) == (1 + DETAIL_APPLICATIONS, 0)


@pytest.mark.parametrize("seed", range(4))
def test_one_and_many_equal_the_definition_over_hubs_ties_and_corrections(seed: int) -> None:
    draw = random.Random(seed)
    merchants = [make_merchant() for _ in range(90)]
    everything = [
        apply(
            draw.randrange(-60, 0),
            merchant=draw.choice(merchants),
            rejected_after=draw.choice([None, None, 0, 30]),
            **{stem: draw.choice([None, 0, 0, draw.randrange(1, 60)]) for stem in KEYS},
        )
        for _ in range(220)
    ]
    moments = [one.known_at for one in everything]
    columns = [field.name for field in INPUTS]
    vectors = applications.read_inputs(everything, moments)[:, [columns.index(SIZE), columns.index(BAD)]]
    assert [tuple(row) for row in vectors.tolist()] == [expected(one, everything) for one in everything]
    for one, row in list(zip(everything, vectors.tolist(), strict=True))[::25]:
        assert links(one) == tuple(row)
