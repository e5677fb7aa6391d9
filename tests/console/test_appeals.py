"""Appeals on the case page: beside their statement, evidence on record, the first reviewer refused."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from cases.models import AppealFile
from core.ids import encode
from core.models import AuditEntry
from merchants.models import Membership
from risk.decide import decide_order
from tests.cases.appealed import appeal, refused
from tests.cases.builders import make_reviewer
from tests.make import NOON, make_image, make_live_ruleset, make_rule

pytestmark = pytest.mark.django_db


def test_the_case_shows_the_appeal_beside_the_statement(client: Client) -> None:
    first, second = make_reviewer("first@example.com"), make_reviewer("second@example.com")
    _order, statement = refused("order", first)
    case = appeal(statement, text="My customer since 2019.", files=[make_image()]).case
    href = reverse("console:case", args=[encode("cas", case.pk)])
    client.force_login(second)
    page = client.get(href).content.decode()
    for words in ("My customer since 2019.", "Order A-17 was declined.", "Another reason", "File 1"):
        assert words in page
    client.force_login(first)
    answer = client.post(reverse("console:case-claim", args=[encode("cas", case.pk)]), follow=True)
    assert "somebody else looks at it" in answer.content.decode()
    case.refresh_from_db()
    assert case.status == "queued"


def test_the_case_shows_what_the_system_found_about_the_subject(client: Client) -> None:
    first, second = make_reviewer("first@example.com"), make_reviewer("second@example.com")
    make_live_ruleset(make_rule("order.amount > 1", code="R-DEAR"))
    order, statement = refused("order", first)
    decide_order(order, as_of=NOON)
    case = appeal(statement).case
    client.force_login(second)
    page = client.get(reverse("console:case", args=[encode("cas", case.pk)])).content.decode()
    assert "R-DEAR" in page
    assert "People opened this case themselves." not in page


def test_evidence_is_opened_on_record_and_not_by_the_merchants_own(client: Client) -> None:
    first, second = make_reviewer("first@example.com"), make_reviewer("second@example.com")
    order, statement = refused("order", first)
    appeal(statement, files=[make_image()])
    href = reverse("console:appeal-file", args=[encode("apf", AppealFile.objects.get().pk)])
    client.force_login(second)
    assert client.get(href).headers["Content-Type"] == "image/png"
    entry = AuditEntry.objects.get(action="document.opened")
    assert (entry.subject_kind, entry.actor_id) == ("appeal_file", str(second.pk))
    Membership.objects.create(user=second, merchant=order.merchant, role="owner")
    assert client.get(href).status_code == 404
    client.force_login(User.objects.create_user("nobody@example.com"))
    assert client.get(href).status_code in {403, 404}
