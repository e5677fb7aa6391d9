"""Evidence on the case page: pictures to look at closely, and a listing's old text laid over its new one."""

from typing import Any

import pytest
from django.template import Context, Template
from django.test import Client
from django.urls import reverse

from catalog.content import RevisionFields
from catalog.models import ListingRevision
from catalog.services import start_revision
from core.actors import SYSTEM
from core.ids import encode
from merchants.services import add_document
from tests.cases.builders import make_case, make_queue
from tests.console.scenes import public
from tests.make import NOON, make_application, make_image, make_listing

pytestmark = pytest.mark.django_db


def page_of(page: Client, subject: str, subject_id: int) -> str:
    case = make_case(queue=make_queue(f"{subject}s", subject=subject), subject_id=subject_id)
    return page.get(reverse("console:case", args=[public(case)])).content.decode()


def changed_listing(*, image: Any = None) -> ListingRevision:
    """Return the revision that doubles a live listing's weight, with another picture or the same one."""
    listing = make_listing(title="Spring Oolong, 250 g", image=make_image("teal"))
    listing.refresh_from_db()
    fields = RevisionFields(
        category_code="tea", title="Spring Oolong, 500 g", description="Picked by hand, packed in tins.",
        price_minor=9_900, currency="CNY", image=image,
    )  # fmt: skip
    return start_revision(listing, fields, actor=SYSTEM, at=NOON)


def address_of(revision: ListingRevision | None) -> str:
    assert revision is not None
    return reverse("console:image", args=[encode("rev", revision.pk)])


def test_a_changed_text_marks_the_words_in_one_text(page: Client) -> None:
    content = page_of(page, "listing", changed_listing().pk)
    assert "Spring Oolong, <del>250</del><ins>500</ins> g" in content


def test_a_changed_picture_stands_beside_the_old_one(page: Client) -> None:
    revision = changed_listing(image=make_image("brown"))
    content = page_of(page, "listing", revision.pk)
    assert '<div class="con-pictures">' in content
    for shown in (revision, revision.listing.live_revision):
        assert f'href="{address_of(shown)}"' in content


def test_an_unchanged_picture_is_shown_once_and_said_to_be_the_same(page: Client) -> None:
    content = page_of(page, "listing", changed_listing().pk)
    assert '<div class="con-pictures">' not in content
    assert "The picture stays the same." in content


def test_papers_that_are_pictures_open_in_the_viewer_and_others_as_files(page: Client) -> None:
    application = make_application()  # with a licence that is a PDF
    add_document(application, make_image(), "identity", actor=SYSTEM)
    content = page_of(page, "application", application.pk)
    assert content.count("data-view=") == 1
    assert '<dialog class="con-viewer" id="viewer"' in content


def test_a_text_that_is_new_altogether_is_all_added() -> None:
    template = Template("{% load ui %}{% diff rows inline=True %}")
    shown = template.render(Context({"rows": [("Title", None, "Oolong <b>"), ("Sku", "A", "A")]}))
    assert "<ins>Oolong &lt;b&gt;</ins>" in shown
    assert '<tr class="is-same"><th scope="row">Sku</th><td>A</td>' in shown
