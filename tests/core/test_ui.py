"""The design system: words, shapes, formats, tags."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django import forms
from django.contrib.auth.models import AnonymousUser
from django.db.models import TextChoices
from django.http import HttpResponse
from django.template import Context, Template
from django.template.loader import render_to_string
from django.test import RequestFactory
from django.utils import translation

from cases.models import CaseStatus
from catalog.models import ListingStatus, RevisionStatus
from core.ui import formats, graphics, toasts
from core.ui.statuses import STATUSES, Tone, find_status
from intake.models import ImportStatus
from merchants.models import ApplicationStatus, MerchantStatus
from merchants.requirements import RequirementStatus
from orders.models import OrderStatus, PaymentStatus, RefundStatus, ShipmentStatus
from risk.models import ModelStatus, Outcome, RuleMode, RuleSetStatus
from tests.core.gallery import gallery_context

NOW = datetime(2025, 11, 20, 9, 30, tzinfo=UTC)
ROOT = Path(__file__).resolve().parents[2]


def render(source: str, **values: object) -> str:
    return Template("{% load i18n ui %}" + source).render(Context(values))


# ── Statuses ─────────────────────────────────────────────────────────────────────────────────────
def test_every_status_has_a_word_that_is_not_its_code() -> None:
    for states in STATUSES.values():
        for value, status in states.items():
            assert str(status.label).replace("_", "") == str(status.label) != "", value


@pytest.mark.parametrize(
    ("kind", "choices"),
    [
        ("application", ApplicationStatus),
        ("merchant", MerchantStatus),
        ("listing", ListingStatus),
        ("revision", RevisionStatus),
        ("order", OrderStatus),
        ("payment", PaymentStatus),
        ("shipment", ShipmentStatus),
        ("refund", RefundStatus),
        ("case", CaseStatus),
        ("import", ImportStatus),
        ("ruleset", RuleSetStatus),
        ("rule", RuleMode),
        ("model", ModelStatus),
        ("outcome", Outcome),
    ],
)
def test_every_stored_state_has_a_badge_with_the_models_word(kind: str, choices: type[TextChoices]) -> None:
    shown = {value: str(STATUSES[kind][value].label) for value in choices.values}
    assert shown == {value: str(label) for value, label in choices.choices}


def test_every_state_of_a_requirement_has_a_badge() -> None:
    assert {status.value for status in RequirementStatus} <= STATUSES["requirement"].keys()


def test_undeclared_status_shows_its_code_instead_of_failing() -> None:
    assert find_status("order", "brand_new").label == "Brand new"


def test_every_tone_has_its_own_shape() -> None:
    drawings = {re.sub(r'class="[^"]*"', "", render("{% tone_shape tone %}", tone=tone)) for tone in Tone}
    assert len(drawings) == len(Tone)


def test_badge_says_the_word_and_not_only_the_colour() -> None:
    html = render('{% status_badge "order" "declined" %}')
    assert "Declined" in html
    assert "is-bad" in html
    assert 'aria-hidden="true"' in html


def test_badge_escapes_an_undeclared_status() -> None:
    assert "<b>" not in render("{% status_badge 'order' value %}", value="<b>x</b>")


# ── Formats ──────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        (123456789, "CNY", "1,234,567.89"),
        (-5, "USD", "−0.05"),
        (1200, "JPY", "1,200"),
        (1, "KWD", "0.001"),
        (0, "EUR", "0.00"),
    ],
)
def test_amounts_follow_their_currency(minor: int, currency: str, text: str) -> None:
    assert formats.amount_text(minor, currency) == text


@pytest.mark.parametrize(
    ("probability", "points"), [(0.0, 0), (0.001, 1), (0.42, 42), (0.9999, 99), (1.0, 100)]
)
def test_only_certainty_shows_as_0_or_100(probability: float, points: int) -> None:
    assert formats.show_score(probability).points == points


def test_the_thresholds_belong_to_the_upper_band() -> None:
    bands = [formats.show_score(p, review_at=0.4, decline_at=0.8).band for p in (0.399, 0.4, 0.799, 0.8)]
    assert bands == ["low", "medium", "medium", "high"]


@pytest.mark.parametrize(
    ("distance", "text"),
    [
        (timedelta(seconds=-20), "just now"),
        (timedelta(minutes=-5), "5 min ago"),
        (timedelta(hours=-47), "47 h ago"),
        (timedelta(hours=-48), "2 d ago"),
        (timedelta(days=-30), "30 d ago"),
        (timedelta(days=-31), "Oct. 20, 2025"),
        (timedelta(minutes=59), "in 59 min"),
        (timedelta(hours=3), "in 3 h"),
    ],
)
def test_moments_use_their_largest_unit(distance: timedelta, text: str) -> None:
    assert formats.relative_text(NOW + distance, now=NOW) == text


@pytest.mark.parametrize(("hours", "urgency"), [(-1, "is-late"), (5, "is-soon"), (7, "is-due")])
def test_a_deadline_shows_its_urgency(hours: int, urgency: str) -> None:
    html = render("{% moment at due=True now=now %}", at=NOW + timedelta(hours=hours), now=NOW)
    assert urgency in html
    assert 'datetime="2025-11-20T' in html


def test_absent_values_show_a_dash_with_a_reason() -> None:
    assert 'title="Not known"' in render('{% money None "CNY" %}')
    assert "No score" in render("{% score None %}")


def test_the_page_speaks_chinese() -> None:
    with translation.override("zh-hans"):
        assert "待接单" in render('{% status_badge "order" "awaiting_acceptance" %}')
        assert formats.relative_text(NOW - timedelta(minutes=5), now=NOW) == "5 分钟前"


# ── Graphics ─────────────────────────────────────────────────────────────────────────────────────
def test_bars_start_at_zero_and_small_values_stay_visible() -> None:
    bars = graphics.draw_bars([0, 1, 1000], height=24)
    assert [bar.height for bar in bars] == [0, 1, 24]


def test_a_spark_needs_two_values() -> None:
    assert graphics.draw_spark([3]) is None
    assert graphics.draw_spark([3, 3]) is not None


def test_signed_bars_share_one_scale() -> None:
    up, down = graphics.draw_signed_bars([2.0, -1.0])
    assert (up.x, up.width) == (50, 50)
    assert (down.x, down.width) == (25, 25)


def test_the_pieces_of_a_difference_rebuild_both_texts() -> None:
    old, new = "Walnut desk lamp, brass", "Walnut lamp, brushed brass 黄铜"
    pieces = graphics.compare_words(old, new)
    assert "".join(p.text for p in pieces if p.kind != "added") == old
    assert "".join(p.text for p in pieces if p.kind != "removed") == new


def test_one_changed_han_character_is_one_change() -> None:
    pieces = graphics.compare_words("黄铜台灯", "黄铜吊灯")
    assert [(p.kind, p.text) for p in pieces] == [
        ("same", "黄铜"),
        ("removed", "台"),
        ("added", "吊"),
        ("same", "灯"),
    ]


# ── Forms ────────────────────────────────────────────────────────────────────────────────────────
class _Form(forms.Form):
    name = forms.CharField(help_text="As registered.")
    note = forms.CharField(required=False)
    paper = forms.FileField(required=False)


def test_a_field_is_tied_to_its_help_and_errors() -> None:
    html = render("{% field form.name %}", form=_Form({}))
    assert 'aria-describedby="id_name_help id_name_errors"' in html
    assert 'id="id_name_help"' in html
    assert 'id="id_name_errors"' in html
    assert 'aria-invalid="true"' in html
    assert 'for="id_name"' in html


def test_only_optional_fields_say_so() -> None:
    assert "optional" not in render("{% field form.name %}", form=_Form())
    assert "optional" in render("{% field form.note %}", form=_Form())


def test_the_summary_links_to_each_broken_field() -> None:
    assert 'href="#id_name"' in render("{% form_errors form %}", form=_Form({}))
    assert not render("{% form_errors form %}", form=_Form({"name": "x"})).strip()


def test_a_file_field_gets_a_preview() -> None:
    assert "data-upload-preview" in render("{% field form.paper %}", form=_Form())


# ── Navigation ───────────────────────────────────────────────────────────────────────────────────
def test_a_page_that_does_not_exist_is_left_out_of_the_navigation() -> None:
    request = RequestFactory().get("/")
    assert not render('{% nav_item "nowhere:home" "Home" "home" %}', request=request).strip()


def test_sorting_toggles_and_forgets_the_page() -> None:
    request = RequestFactory().get("/?sort=total&after=abc&tab=all")
    html = render('{% sort_header "total" "Total" %}', request=request)
    assert 'aria-sort="ascending"' in html
    assert "sort=-total" in html
    assert "after=" not in html
    assert "tab=all" in html


# ── Toasts ───────────────────────────────────────────────────────────────────────────────────────
def test_a_toast_header_is_ascii_and_keeps_other_triggers() -> None:
    response = HttpResponse(headers={"HX-Trigger": '{"refresh": true}'})
    toasts.trigger_toast(response, "已接单", undo_url="/undo/")
    header = response.headers["HX-Trigger"]
    assert header.isascii()
    assert '"refresh": true' in header
    assert '"/undo/"' in header


# ── The whole kit ────────────────────────────────────────────────────────────────────────────────
def page(language: str) -> str:
    request = RequestFactory().get("/gallery/")
    request.user = AnonymousUser()
    with translation.override(language):
        return render_to_string("components/gallery.html", gallery_context(NOW), request)


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_the_gallery_renders_within_the_security_policy(language: str) -> None:
    html = page(language)
    assert " style=" not in html
    assert "javascript:" not in html
    assert not re.search(r"\son\w+=", html)
    inline = re.findall(r"<script(?![^>]*\bsrc=)([^>]*)>", html)
    assert inline
    assert all('type="application/json"' in attributes for attributes in inline)


def test_every_icon_in_use_is_in_the_sprite() -> None:
    sprite = (ROOT / "static/vendor/tabler-icons-3.51.0/icons.svg").read_text()
    known = set(re.findall(r'<symbol id="([^"]+)"', sprite))
    used = set()
    for path in (ROOT / "templates").rglob("*.html"):
        text = path.read_text()
        used |= set(re.findall(r'{% icon "([^"]+)"', text))
        used |= set(re.findall(r'{% nav_item "[^"]+" \S+ "([^"]+)"', text))
        used |= set(re.findall(r'icon_name="([^"]+)"', text))
    assert used - known == set()


def test_the_failure_page_needs_no_context() -> None:
    assert "<h1>" in render_to_string("500.html")
