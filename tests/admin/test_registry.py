"""A walk over every model in the admin: all are there, all are quick, none gives in to a bare POST."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.db import connection, transaction
from django.db.models import CompositePrimaryKey, Model
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext, override_settings
from django.urls import reverse

from accounts.models import Role, User
from core.admin_base import BackofficeAdmin
from core.admin_words import FIELD_WORDS
from tests.admin.rows import SECRETS, make_everything
from tests.make import make_user

OUR_APPS = (
    "core", "accounts", "merchants", "catalog", "orders", "risk", "recommendations", "cases", "intake",
    "delivery", "simulation",
)  # fmt: skip
# Session, user, the page of rows, its capped count; every foreign key shown comes by join.
LIST_QUERIES = 8
# Session, user, the row, one per foreign key and two per table of related rows.
PAGE_QUERIES = 30


def our_models() -> Iterator[type[Model]]:
    """Every table but those whose key has several columns, which Django's admin cannot show."""
    for label in OUR_APPS:
        models = apps.get_app_config(label).get_models()
        yield from (model for model in models if not isinstance(model._meta.pk, CompositePrimaryKey))


MODELS = pytest.mark.parametrize("model", list(our_models()), ids=lambda model: model._meta.label)


@pytest.fixture(scope="module")
def _rows(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """One row of everything, made once for the walk and undone at its end."""
    files = override_settings(MEDIA_ROOT=tmp_path_factory.mktemp("media"))
    with django_db_blocker.unblock(), files, transaction.atomic():
        make_everything()
        yield
        transaction.set_rollback(True)


@pytest.fixture
def staff(_rows: None, db: None, client: Client) -> Client:
    client.force_login(User.objects.create_superuser("root@example.com"))
    return client


def admin_of(model: type[Model]) -> Any:
    return admin.site.get_model_admin(model)


def address(model: type[Model], page: str, *args: object) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


@MODELS
def test_every_model_is_registered_under_the_base_class(model: type[Model]) -> None:
    assert isinstance(admin_of(model), BackofficeAdmin)


@MODELS
def test_nothing_happens_in_bulk(model: type[Model], rf: RequestFactory) -> None:
    request = rf.get("/")
    request.user = User(is_superuser=True, is_staff=True)
    assert admin_of(model).get_actions(request) == {}


@MODELS
def test_every_column_has_a_name_in_both_languages(model: type[Model]) -> None:
    taken = {"id", *admin_of(model).hidden}
    columns = {
        field.name for field in model._meta.concrete_fields if field.get_internal_type() != "BinaryField"
    }
    assert columns - taken <= FIELD_WORDS.keys()


@MODELS
def test_lists_and_pages_answer_within_their_queries(model: type[Model], staff: Client) -> None:
    row = model._default_manager.first()
    assert row is not None, "make_everything() has no row of it"
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert staff.get(address(model, "changelist")).status_code == 200
    assert len(queries) <= LIST_QUERIES
    with CaptureQueriesContext(connection) as queries:
        page = staff.get(address(model, "change", row.pk))
    assert page.status_code == 200
    assert len(queries) <= PAGE_QUERIES
    assert not [secret for secret in SECRETS if secret in page.content.decode()]


@MODELS
def test_histories_answer(model: type[Model], staff: Client) -> None:
    row = model._default_manager.first()
    assert row is not None
    assert staff.get(address(model, "history", row.pk)).status_code == 200


@MODELS
def test_searching_answers_whatever_is_typed(model: type[Model], staff: Client) -> None:
    for text in ("ord_1hczaj5p90000", "no such % thing"):
        assert staff.get(address(model, "changelist"), {"q": text}).status_code == 200


@MODELS
def test_a_stranger_is_sent_to_the_house_sign_in(model: type[Model], client: Client, db: None) -> None:
    answer = client.get(address(model, "changelist"))
    assert answer["Location"].startswith(reverse("admin:login"))
    assert client.get(answer["Location"])["Location"].startswith(reverse(settings.LOGIN_URL))


@MODELS
def test_what_is_read_only_refuses_a_post(model: type[Model], staff: Client) -> None:
    page, row = admin_of(model), model._default_manager.first()
    assert row is not None
    if not page.editable:
        assert staff.post(address(model, "change", row.pk), {}).status_code == 403
    if not page.can_add:
        assert staff.post(address(model, "add"), {}).status_code == 403
    if not page.can_remove:
        assert staff.post(address(model, "delete", row.pk), {"post": "yes"}).status_code == 403
    assert type(row)._default_manager.filter(pk=row.pk).exists()


@MODELS
def test_staff_roles_look_and_touch_nothing(model: type[Model], staff: Client) -> None:
    client = Client()
    client.force_login(make_user(Role.OPERATIONS, is_staff=True))
    row = model._default_manager.first()
    assert row is not None
    assert client.get(address(model, "change", row.pk)).status_code == 200
    assert client.post(address(model, "change", row.pk), {}).status_code == 403
    assert client.get(address(model, "add")).status_code == 403
