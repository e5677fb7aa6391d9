"""Appeals in the portal: the form, its refusals, and what the merchant follows afterwards."""

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from cases.models import Appeal, AppealFile
from core.actors import SYSTEM
from core.ids import encode
from core.models import AuditEntry
from merchants.models import MemberRole, Membership
from orders.models import Order
from orders.services import decline_order
from tests.cases.appealed import decide
from tests.cases.builders import make_reviewer
from tests.make import make_image, make_merchant, make_order, make_upload, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner() -> User:
    return make_user()


@pytest.fixture
def order(owner: User, client: Client) -> Order:
    """An order that was declined just now."""
    client.force_login(owner)
    order = make_order(make_merchant(owner=owner), external_id="A-17")
    decline_order(order, actor=SYSTEM, at=timezone.now(), reason_codes=["stolen_card"])
    return order


def page(order: Order) -> str:
    return reverse("portal:order", args=[encode("ord", order.pk)])


def form(order: Order) -> str:
    assert order.decline_statement_id is not None
    return reverse("portal:appeal", args=[encode("sta", order.decline_statement_id)])


def test_a_declined_order_offers_the_appeal_and_shows_what_became_of_it(client: Client, order: Order) -> None:
    assert form(order) in client.get(page(order)).content.decode()
    assert "Order A-17 was declined." in client.get(form(order)).content.decode()
    files = {"files_0": make_upload(), "files_3": make_image()}
    answer = client.post(form(order), {"text": "My customer since 2019.", **files})
    assert (answer.status_code, answer.headers["Location"]) == (302, page(order))
    assert AppealFile.objects.count() == 2
    shown = client.get(page(order)).content.decode()
    for words in ("Your appeal", "My customer since 2019.", "Answer expected", "In review", "File 2"):
        assert words in shown
    assert form(order) not in shown


def test_an_upheld_appeal_is_told_and_the_order_goes_on(client: Client, order: Order) -> None:
    client.post(form(order), {"text": "Look again."})
    decide(Appeal.objects.get().case, make_reviewer(), "approve", message="Sorry.", codes=())
    shown = client.get(page(order)).content.decode()
    for words in ("Your appeal is upheld: order A-17 goes on.", "Sorry.", "Accept order"):
        assert words in shown
    chinese = client.get(page(order), headers={"Accept-Language": "zh-hans"}).content.decode()
    assert "申诉获得支持：订单 A-17 恢复处理" in chinese


def test_a_denied_appeal_says_why_and_that_it_is_the_end(client: Client, order: Order) -> None:
    client.post(form(order), {"text": "Look again."})
    decide(Appeal.objects.get().case, make_reviewer(), codes=["buyer_unreachable"], message="We rang twice.")
    shown = client.get(page(order)).content.decode()
    for words in (
        "The appeal is denied: order A-17 stays declined.",
        "The buyer could not be reached",
        "We rang twice.",
        "cannot be appealed again",
    ):
        assert words in shown


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({"text": " "}, "This field is required."),
        ({"text": "x", "files_2": SimpleUploadedFile("proof.pdf", b"MZ not a PDF")}, "Please choose a PDF"),
        ({"text": "x", "files_1": SimpleUploadedFile("proof.pdf", b"%PDF-1.7 cut off")}, "damaged"),
    ],
    ids=["nothing said", "disguised", "damaged"],
)
def test_what_cannot_be_accepted_is_said_beside_its_field(
    client: Client, order: Order, data: dict[str, object], says: str
) -> None:
    answer = client.post(form(order), data)
    assert answer.status_code == 422
    assert says in answer.content.decode()
    assert not Appeal.objects.exists()


def test_a_second_click_finds_the_appeal_that_there_is(client: Client, order: Order) -> None:
    for _ in range(2):
        assert client.post(form(order), {"text": "Look again."}).status_code == 302
    assert Appeal.objects.count() == 1
    assert "has been appealed already" in client.get(page(order)).content.decode()


def test_too_late_is_too_late(client: Client, order: Order) -> None:
    late = make_order(order.merchant)
    decline_order(late, actor=SYSTEM, at=timezone.now() - timedelta(days=190), reason_codes=["other"])
    assert form(late) not in client.get(page(late)).content.decode()
    assert client.get(form(late)).status_code == client.post(form(late), {"text": "x"}).status_code == 302
    assert not Appeal.objects.exists()


def test_a_member_who_only_reads_cannot_appeal(client: Client, order: Order) -> None:
    reader = make_user()
    Membership.objects.create(user=reader, merchant=order.merchant, role=MemberRole.READ_ONLY)
    client.force_login(reader)
    assert form(order) not in client.get(page(order)).content.decode()
    assert client.get(form(order)).status_code == 403
    assert client.post(form(order), {"text": "x"}).status_code == 403


def test_evidence_is_opened_on_record_and_by_its_merchant_only(client: Client, order: Order) -> None:
    client.post(form(order), {"text": "x", "files_0": make_image()})
    href = reverse("portal:appeal_file", args=[encode("apf", AppealFile.objects.get().pk)])
    assert client.get(href).headers["Content-Type"] == "image/png"
    assert AuditEntry.objects.filter(action="document.opened", subject_kind="appeal_file").count() == 1
    stranger = make_user()
    make_merchant(owner=stranger)
    client.force_login(stranger)
    assert client.get(href).status_code == 404
    assert client.get(form(order)).status_code == 404
