"""A row found by its key alone is the row that the ORM reads."""

from typing import Any

import pytest
from django.db import models

from accounts.models import APIKey
from core.lookups import find_row
from core.models import OutboxEvent
from merchants.models import Merchant
from orders.models import Order, OrderContact
from orders.placing import Contact
from tests.make import make_key, make_merchant, make_order

pytestmark = pytest.mark.django_db
# Moments, numbers, decimals, booleans, JSON, bytes and nulls, each on a real table.
MODELS = [Merchant, Order, OrderContact, OutboxEvent, APIKey]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_column_reads_as_the_orm_reads_it(model: type[models.Model]) -> None:
    make_order(contact=Contact("Ann Lee", "ann@example.com", "", ""))
    make_key(make_merchant())
    expected = model._default_manager.first()
    assert expected is not None
    found = find_row(model, expected.pk)
    assert found is not None
    assert _values(found) == _values(expected)


def test_a_row_found_is_one_that_is_stored(django_assert_num_queries: Any) -> None:
    merchant = make_merchant()
    with django_assert_num_queries(1):
        found = find_row(Merchant, merchant.pk)
    assert found == merchant
    found.name = "Another"
    found.save(update_fields=["name"])
    assert Merchant.objects.get().name == "Another"


def test_what_is_not_there_is_none() -> None:
    assert find_row(Merchant, 1) is None


def _values(row: models.Model) -> dict[str, Any]:
    values = {str(field.attname): getattr(row, field.attname) for field in row._meta.concrete_fields}
    return {name: bytes(one) if isinstance(one, memoryview) else one for name, one in values.items()}
