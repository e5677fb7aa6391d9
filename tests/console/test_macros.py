"""Pages of macros: kept, changed, removed and brought back; the case page gets them as data."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Role, User
from cases.macros import MacroFields, create_macro
from cases.macros_models import Macro
from cases.services import claim_case
from core.ids import encode
from tests.cases.builders import NOON
from tests.console.conftest import SignIn
from tests.console.scenes import held_case
from tests.make import make_user

pytestmark = pytest.mark.django_db

FORM = {
    "name": "Stolen card",
    "name_zh": "盗刷",
    "kind": "reject",
    "reason_codes": ["stolen_card"],
    "note": "N",
}


def href(name: str, macro: Macro) -> str:
    return reverse(f"console:{name}", args=[encode("mac", macro.pk)])


def test_a_macro_is_written_changed_removed_and_brought_back(page: Client, reviewer: User) -> None:
    empty = page.get(reverse("console:macros")).content.decode()
    assert "No macros yet" in empty
    answer = page.post(reverse("console:macro-new") + "?subject=order", FORM)
    assert answer.headers["Location"] == reverse("console:macros")
    macro = Macro.objects.get()
    assert (macro.owner, macro.queue, macro.reason_codes) == (reviewer, None, ["stolen_card"])
    assert "Stolen card" in page.get(reverse("console:macros")).content.decode()
    assert "N</textarea>" in page.get(href("macro", macro)).content.decode()
    page.post(href("macro", macro), {**FORM, "kind": "hold", "hold_hours": "24"})
    macro.refresh_from_db()
    assert (macro.kind, macro.reason_codes, macro.hold_hours) == ("hold", [], 24)
    page.post(href("macro-remove", macro))
    listed = page.get(reverse("console:macros")).content.decode()
    assert "No macros yet" in listed
    assert f'data-toast-undo="{href("macro-restore", macro)}"' in listed
    page.post(href("macro-restore", macro))
    assert "No macros yet" not in page.get(reverse("console:macros")).content.decode()


def test_errors_come_back_beside_their_fields(page: Client) -> None:
    answer = page.post(reverse("console:macro-new"), {**FORM, "reason_codes": []})
    assert answer.status_code == 422
    assert answer.context["form"].errors["reason_codes"] == ["Give at least one reason."]
    assert page.get(reverse("console:macro-new") + "?subject=nonsense").status_code == 404


def test_seniors_share_and_reviewers_read(page: Client, sign_in: SignIn) -> None:
    queue = held_case().queue
    senior = sign_in(Role.SENIOR_REVIEWER)
    senior.post(reverse("console:macro-new"), {**FORM, "queue": queue.pk})
    macro = Macro.objects.get()
    assert macro.queue == queue
    shown = page.get(href("macro", macro)).content.decode()
    assert "Shared macros are kept by senior reviewers." in shown
    assert 'form="macro"' not in shown
    assert page.post(href("macro", macro), FORM).status_code == 403
    assert page.post(href("macro-remove", macro)).status_code == 403
    # Whoever is no senior has no queue to choose, and names one in vain.
    page.post(reverse("console:macro-new"), {**FORM, "name": "Mine", "queue": queue.pk})
    assert Macro.objects.get(name="Mine").queue is None
    colleague = sign_in(user=make_user(Role.SENIOR_REVIEWER))
    assert colleague.get(href("macro", Macro.objects.get(name="Mine"))).status_code == 404


def test_the_form_of_a_case_becomes_a_macro(page: Client) -> None:
    draft = {"draft": "1", "kind": "reject", "reason_codes": ["stolen_card", "other"], "note": "Called <b>"}
    answer = page.post(reverse("console:macro-new") + "?subject=order", draft)
    assert answer.status_code == 200
    html = answer.content.decode()
    assert "Called &lt;b&gt;</textarea>" in html
    assert answer.context["form"]["reason_codes"].value() == ["stolen_card", "other"]
    assert not Macro.objects.exists()


def test_the_case_page_carries_them_only_under_a_claim(page: Client, reviewer: User) -> None:
    case = held_case()
    fields = MacroFields(
        name="Stolen", kind="reject", reason_codes=("stolen_card",), note="</script><script>alert(1)</script>"
    )
    create_macro(fields, subject="order", by=reviewer, at=NOON)
    url = reverse("console:case", args=[encode("cas", case.pk)])
    assert "macro-data" not in page.get(url).content.decode()
    claim_case(case, reviewer, at=timezone.now())
    html = page.get(url).content.decode()
    assert 'data-macro="0"' in html
    assert "<script>alert(1)" not in html
    assert "\\u003C/script\\u003E" in html
