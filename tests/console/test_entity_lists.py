"""Lists: made, searched, changed, imported, taken back; personal values never shown whole."""

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Role, User
from risk.list_files import NewEntry
from risk.models import EntityList, ListKind
from risk.services import add_entries, create_list
from tests.console.conftest import SignIn
from tests.make import make_live_ruleset, make_rule, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def author() -> User:
    return make_user(Role.RISK_ANALYST, name="Ana Ruiz")


@pytest.fixture
def analyst(sign_in: SignIn, author: User) -> Client:
    return sign_in(user=author)


@pytest.fixture
def names(author: User) -> EntityList:
    made = create_list("watched_names", "Watched names", kind=ListKind.TEXT, author=author)
    add_entries(made, [NewEntry("Silverhill"), NewEntry("Northgate", "seen twice")], author=author)
    return made


@pytest.fixture
def addresses(author: User) -> EntityList:
    made = create_list("blocked_ips", "Abused addresses", kind=ListKind.IP, author=author)
    add_entries(made, [NewEntry("203.0.113.63"), NewEntry("198.51.100.7")], author=author)
    return made


def url(name: str, found: EntityList, *more: object) -> str:
    return reverse(f"console:{name}", args=[found.code, *more])


def shown(client: Client, found: EntityList, **query: str) -> list[str]:
    return [row.shown for row in client.get(url("list", found), query).context["rows"]]


def standing(found: EntityList) -> set[str]:
    return set(found.entries.filter(removed_in=None).values_list("text", flat=True))


def upload(text: str, name: str = "values.csv") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, text.encode(), content_type="text/csv")


def test_list_is_made_and_opened(analyst: Client) -> None:
    made = {"name": "Stolen cards", "code": "stolen_cards", "kind": "card", "description": ""}
    answer = analyst.post(reverse("console:list-new"), made)
    assert answer.headers["Location"] == reverse("console:list", args=["stolen_cards"])
    again = analyst.post(reverse("console:list-new"), made)
    assert again.status_code == 422
    assert "code" in again.context["form"].errors


def test_index_names_the_live_rules_that_ask(
    analyst: Client, names: EntityList, addresses: EntityList
) -> None:
    make_live_ruleset(
        make_rule('listing.banned_term in list("watched_names")', code="R-NAME"), subject="listing"
    )
    users = {
        row.list.code: [code for _, code in row.users]
        for row in analyst.get(reverse("console:lists")).context["rows"]
    }
    assert users == {"watched_names": ["R-NAME"], "blocked_ips": []}


def test_texts_are_found_in_part_and_identifiers_as_a_whole(
    analyst: Client, names: EntityList, addresses: EntityList
) -> None:
    assert shown(analyst, names, q="north") == ["Northgate"]
    assert shown(analyst, names, q="twice") == ["Northgate"]
    assert shown(analyst, addresses, q="203.0.113.63") == ["203.•••.•••.63"]
    assert shown(analyst, addresses, q="203.0") == []


def test_personal_values_are_never_shown_whole(analyst: Client, addresses: EntityList) -> None:
    assert "203.0.113.63" not in analyst.get(url("list", addresses)).content.decode()
    preview = analyst.post(
        url("list-preview", addresses), {"mode": "add", "file": upload("value\n192.0.2.44\nnonsense\n")}
    ).content.decode()
    assert "192.0.2.44" not in preview
    assert "192.•••.•••.44" in preview


def test_value_is_added_and_undone(analyst: Client, names: EntityList) -> None:
    page = analyst.post(url("list-add", names), {"value": "Westlake", "note": "new"}, follow=True)
    assert standing(names) == {"Silverhill", "Northgate", "Westlake"}
    undo = url("list-restore", names, 1)
    assert undo in page.content.decode()
    analyst.post(undo)
    assert standing(names) == {"Silverhill", "Northgate"}


@pytest.mark.parametrize("value", ["", "not an address", "203.0.113.0/24"])
def test_wrong_value_is_refused_beside_the_field(value: str, analyst: Client, addresses: EntityList) -> None:
    answer = analyst.post(url("list-add", addresses), {"value": value})
    assert answer.status_code == 422
    assert answer.context["form"].errors["value"]
    assert addresses.entries.count() == 2


def test_value_is_removed_by_its_row(analyst: Client, addresses: EntityList) -> None:
    entry = addresses.entries.order_by("pk").first()
    assert entry is not None
    analyst.post(url("list-remove", addresses, entry.pk))
    assert addresses.entries.filter(removed_in=None).count() == 1
    assert analyst.post(url("list-remove", addresses, entry.pk)).status_code == 404


def test_expired_entry_is_marked(analyst: Client, author: User, names: EntityList) -> None:
    gone = NewEntry("Eastgate", expires_at=timezone.now() - timedelta(days=1))
    add_entries(names, [gone], author=author)
    rows = analyst.get(url("list", names)).context["rows"]
    assert {row.shown: row.is_expired for row in rows}["Eastgate"] is True


# ── Import ───────────────────────────────────────────────────────────────────────────────────────
GOOD_AND_BAD = "value,note\nWestlake,new\nSilverhill,\n,nothing\nWestlake,again\n"


def test_preview_says_what_a_file_would_do_and_changes_nothing(analyst: Client, names: EntityList) -> None:
    answer = analyst.post(url("list-preview", names), {"mode": "add", "file": upload(GOOD_AND_BAD)})
    read = answer.context["read"]
    assert ([entry.value for entry in read.entries], read.problem_count) == (["Westlake", "Silverhill"], 2)
    assert [problem.row for problem in answer.context["problems"]] == [4, 5]
    assert standing(names) == {"Silverhill", "Northgate"}


def test_file_is_added_as_one_version(analyst: Client, names: EntityList) -> None:
    posted = {"mode": "add", "comment": "October", "file": upload(GOOD_AND_BAD)}
    page = analyst.post(url("list-import", names), posted, follow=True).content.decode()
    assert standing(names) == {"Silverhill", "Northgate", "Westlake"}
    assert "2 rows left out" in page
    version = names.versions.order_by("-number").first()
    assert version is not None
    assert (version.comment, version.added) == ("October", 1)


def test_file_replaces_everything_when_asked(analyst: Client, names: EntityList) -> None:
    analyst.post(url("list-import", names), {"mode": "replace", "file": upload("value\nWestlake\n")})
    assert standing(names) == {"Westlake"}


@pytest.mark.parametrize("text", ["name\nWestlake\n", "\x00\x01", ""], ids=["no column", "no text", "empty"])
def test_unreadable_file_is_refused_in_words(text: str, analyst: Client, names: EntityList) -> None:
    answer = analyst.post(url("list-import", names), {"mode": "add", "file": upload(text)})
    assert answer.status_code == 422
    assert answer.context["form"].errors["file"]
    preview = analyst.post(url("list-preview", names), {"mode": "add", "file": upload(text)})
    assert preview.status_code == 200


def test_error_file_names_rows_and_reasons(analyst: Client, names: EntityList) -> None:
    answer = analyst.post(url("list-import-errors", names), {"mode": "add", "file": upload(GOOD_AND_BAD)})
    lines = answer.content.decode("utf-8-sig").splitlines()
    assert lines[0] == "row,column,code,detail"
    assert [line.split(",")[:3] for line in lines[1:]] == [
        ["4", "value", "required"],
        ["5", "value", "repeated"],
    ]


def test_export_comes_back_as_an_import(analyst: Client, addresses: EntityList) -> None:
    content = analyst.post(url("list-export", addresses)).content.decode("utf-8-sig")
    assert "203.0.113.63" in content
    preview = analyst.post(url("list-preview", addresses), {"mode": "add", "file": upload(content)})
    assert preview.context["read"].problem_count == 0


def test_reviewer_reads_and_does_not_export(page: Client, names: EntityList) -> None:
    assert page.get(url("list", names)).status_code == 200
    assert page.post(url("list-export", names)).status_code == 403


def test_list_that_is_asked_is_not_put_away(analyst: Client, names: EntityList) -> None:
    make_live_ruleset(
        make_rule('listing.banned_term in list("watched_names")', code="R-NAME"), subject="listing"
    )
    assert "R-NAME" in analyst.post(url("list-archive", names), follow=True).content.decode()
    names.refresh_from_db()
    assert names.archived_at is None
