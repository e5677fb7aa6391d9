"""Lists: what is in them, what changes them, and the files they come from."""

from datetime import UTC, datetime, timedelta
from io import BytesIO

import pytest
import xlsxwriter
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import Role, User
from core.encryption import decrypt
from core.errors import Conflict, NotFound, PermissionDenied, ValidationFailed
from core.fingerprints import fingerprint
from core.models import AuditEntry
from risk.list_files import NewEntry, read_entries
from risk.list_values import BadValue, compared, normalise
from risk.models import EntityList, ListEntry, ListVersion
from risk.services import (
    add_entries,
    archive_list,
    copy_to_draft,
    create_list,
    export_list,
    import_entries,
    remove_entries,
    restore_version,
    save_rule,
    update_list,
)
from tests.make import NOON, make_live_ruleset, make_order, make_rule, make_user

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture
def ann() -> User:
    return make_user(Role.RISK_ANALYST)


def make_list(author: User, *values: str, code: str = "watched", kind: str = "text") -> EntityList:
    made = create_list(code, "Watched", kind=kind, author=author)
    if values:
        add_entries(made, [NewEntry(value) for value in values], author=author)
    return made


def standing(entity_list: EntityList) -> set[str]:
    rows = ListEntry.objects.filter(list=entity_list, removed_in=None)
    return {row.text or decrypt(row.sealed or b"") for row in rows}


class TestValues:
    @pytest.mark.parametrize(
        ("kind", "written", "kept"),
        [
            ("text", "  Li Lei ", "Li Lei"),
            ("text", "Cafe\u0301", "Café"),
            ("ip", "192.0.2.1", "192.0.2.1"),
            ("ip", "2001:DB8:0:0::1", "2001:db8::1"),
            ("address", " 5  Changsha\tRoad", "5 changsha road"),
            ("device", "dev-1", "dev-1"),
            ("card", "tok_4242", "tok_4242"),
            ("card", "4111111111111112", "4111111111111112"),
        ],
    )
    def test_a_value_is_kept_as_it_compares(self, kind: str, written: str, kept: str) -> None:
        assert normalise(kind, written) == kept

    @pytest.mark.parametrize(
        ("kind", "written", "code"),
        [
            ("text", "  ", "required"),
            ("text", "x" * 201, "too_long"),
            ("text", "a\x07b", "control_character"),
            ("ip", "192.0.2.0/24", "network"),
            ("ip", "192.0.2", "not_an_address"),
            ("card", "4111 1111 1111 1111", "card_number"),
            ("card", "5555-5555-5555-4444", "card_number"),
        ],
    )
    def test_what_cannot_be_in_a_list_is_refused_with_a_code(
        self, kind: str, written: str, code: str
    ) -> None:
        with pytest.raises(BadValue) as caught:
            normalise(kind, written)
        assert caught.value.code == code

    def test_an_identifier_compares_by_the_fingerprint_that_orders_carry(self) -> None:
        order = make_order()
        assert compared("ip", normalise("ip", "192.0.2.1")) == order.ip_key
        assert compared("device", normalise("device", "device-1")) == order.device_key

    @given(st.text(min_size=1, max_size=60))
    def test_normalising_twice_is_normalising_once(self, text: str) -> None:
        try:
            once = normalise("text", text)
        except BadValue:
            return
        assert normalise("text", once) == once


class TestChanges:
    def test_every_change_is_a_version_with_its_author(self, ann: User) -> None:
        made = make_list(ann, "a", "b")
        remove_entries(made, ["a"], author=ann, comment="wrong")
        versions = ListVersion.objects.order_by("number")
        assert [(v.number, v.added, v.removed, v.entry_count, v.comment) for v in versions] == [
            (1, 2, 0, 2, ""),
            (2, 0, 1, 1, "wrong"),
        ]
        assert {version.author for version in versions} == {ann}
        assert (EntityList.objects.get().version, standing(made)) == (2, {"b"})
        actions = (
            AuditEntry.objects.filter(subject_kind="list").order_by("id").values_list("action", flat=True)
        )
        assert list(actions) == ["list.created", "list.changed", "list.changed"]

    def test_the_same_again_changes_nothing(self, ann: User) -> None:
        made = make_list(ann, "a")
        with pytest.raises(Conflict) as caught:
            add_entries(made, [NewEntry(" a ")], author=ann)
        assert caught.value.code == "nothing_changed"
        assert ListVersion.objects.count() == 1

    def test_a_new_expiry_replaces_the_entry(self, ann: User) -> None:
        made = make_list(ann, "a")
        version = add_entries(made, [NewEntry("a", expires_at=NOON)], author=ann)
        assert (version.added, version.removed, version.entry_count) == (1, 1, 1)
        assert ListEntry.objects.get(removed_in=None).expires_at == NOON

    def test_bad_values_are_all_named_and_nothing_is_written(self, ann: User) -> None:
        made = make_list(ann, kind="ip")
        with pytest.raises(ValidationFailed) as caught:
            add_entries(made, [NewEntry("192.0.2.1"), NewEntry("x"), NewEntry("")], author=ann)
        assert [(error.pointer, error.code) for error in caught.value.errors] == [
            ("/entries/1/value", "not_an_address"),
            ("/entries/2/value", "required"),
        ]
        assert not ListEntry.objects.exists()

    def test_taking_out_what_is_not_there_is_told(self, ann: User) -> None:
        with pytest.raises(NotFound):
            remove_entries(make_list(ann, "a"), ["b"], author=ann)

    def test_an_identifier_is_stored_encrypted_beside_its_fingerprint(self, ann: User) -> None:
        make_list(ann, "192.0.2.1", kind="ip")
        row = ListEntry.objects.get()
        assert (row.text, row.key) == ("", fingerprint("ip", "192.0.2.1"))
        assert b"192" not in bytes(row.sealed or b"")
        assert decrypt(row.sealed or b"") == "192.0.2.1"

    @pytest.mark.parametrize("kind", ["text", "device"])
    def test_an_earlier_version_comes_back_as_a_new_one(self, ann: User, kind: str) -> None:
        made = make_list(ann, "a", "b", kind=kind)
        add_entries(made, [NewEntry("a", note="other"), NewEntry("c")], author=ann)
        remove_entries(made, ["b"], author=ann)
        version = restore_version(made, 1, author=ann, comment="undo")
        assert (version.number, standing(made)) == (4, {"a", "b"})
        assert ListEntry.objects.get(list=made, removed_in=None, **_value("a", kind)).note == ""
        restore_version(made, 3, author=ann)
        assert standing(made) == {"a", "c"}
        restore_version(made, 0, author=ann)
        assert standing(made) == set()

    def test_only_versions_it_had_come_back_and_only_if_they_differ(self, ann: User) -> None:
        made = make_list(ann, "a")
        with pytest.raises(NotFound):
            restore_version(made, 2, author=ann)
        with pytest.raises(Conflict):
            restore_version(made, 1, author=ann)

    @pytest.mark.parametrize(
        ("code", "wrong"), [("Blocked", "/code"), ("a-b", "/code"), ("", "/code"), ("watched", "/code")]
    )
    def test_a_code_is_small_letters_and_given_once(self, ann: User, code: str, wrong: str) -> None:
        make_list(ann)
        with pytest.raises(ValidationFailed) as caught:
            create_list(code, "Name", kind="text", author=ann)
        assert [error.pointer for error in caught.value.errors] == [wrong]

    def test_a_list_that_rules_ask_is_not_archived(self, ann: User) -> None:
        made = make_list(ann, "CNY")
        ruleset = make_live_ruleset(make_rule('order.currency in list("watched")', code="R-LIST"))
        with pytest.raises(Conflict) as caught:
            archive_list(made, author=ann, at=NOON)
        assert (caught.value.code, caught.value.extra["rulesets"]) == ("list_in_use", [ruleset.pk])
        assert "R-LIST" in caught.value.message
        make_live_ruleset()
        archive_list(made, author=ann, at=NOON)
        with pytest.raises(Conflict) as caught:
            add_entries(made, [NewEntry("x")], author=ann)
        assert caught.value.code == "list_archived"
        with pytest.raises(ValidationFailed):
            save_rule(
                copy_to_draft(ruleset, author=ann),
                make_rule('order.currency in list("watched")'),
                author=ann,
            )

    def test_a_rule_about_an_unknown_list_or_of_the_wrong_kind_cannot_be_saved(self, ann: User) -> None:
        make_list(ann, kind="ip")
        draft = copy_to_draft(make_live_ruleset(), author=ann)
        for condition in ('order.currency in list("watched")', 'order.ip in list("wtached")'):
            with pytest.raises(ValidationFailed):
                save_rule(draft, make_rule(condition), author=ann)
        save_rule(draft, make_rule('order.ip in list("watched")'), author=ann)

    @pytest.mark.parametrize("role", [None, Role.REVIEWER, Role.OPERATIONS])
    def test_only_analysts_touch_lists(self, ann: User, role: Role | None) -> None:
        made = make_list(ann, "a")
        other = make_user(*([role] if role else []))
        for attempt in (
            lambda: create_list("other", "Other", kind="text", author=other),
            lambda: update_list(made, name="x", description="", author=other),
            lambda: add_entries(made, [NewEntry("b")], author=other),
            lambda: remove_entries(made, ["a"], author=other),
            lambda: import_entries(made, b"value\nb\n", author=other),
            lambda: restore_version(made, 0, author=other),
            lambda: archive_list(made, author=other, at=NOON),
            lambda: export_list(made, author=other),
        ):
            with pytest.raises(PermissionDenied):
                attempt()


def _value(value: str, kind: str) -> dict[str, object]:
    return {"text": value} if kind == "text" else {"key": fingerprint(kind, value)}


class TestFiles:
    def test_good_rows_are_applied_and_bad_ones_reported(self, ann: User) -> None:
        made = make_list(ann, "192.0.2.9", kind="ip")
        content = (
            b"value,note,expires_at\n"
            b"192.0.2.1,seen twice,2026-12-31\n"
            b"nowhere,,\n"
            b"\n"
            b"192.0.2.2,,soon\n"
            b"192.0.2.1,,\n"
            b"192.0.2.3,,,extra\n"
            b"192.0.2.9,,\n"
        )
        result = import_entries(made, content, author=ann, comment="weekly")
        assert [(p.row, p.column, p.code) for p in result.problems] == [
            (3, "value", "not_an_address"),
            (5, "expires_at", "not_a_moment"),
            (6, "value", "repeated"),
            (7, "", "too_many_cells"),
        ]
        assert all(problem.detail for problem in result.problems)
        assert (result.row_count, result.added, result.unchanged, result.problem_count) == (6, 1, 1, 4)
        assert standing(made) == {"192.0.2.1", "192.0.2.9"}
        kept = ListEntry.objects.get(added_in=2)
        assert (kept.note, kept.expires_at) == ("seen twice", datetime(2027, 1, 1, tzinfo=UTC))

    def test_replacing_leaves_only_the_file(self, ann: User) -> None:
        made = make_list(ann, "a", "b")
        result = import_entries(made, b"value\nb\nc\n", author=ann, mode="replace")
        assert (result.added, result.removed, result.unchanged) == (1, 1, 1)
        assert standing(made) == {"b", "c"}

    def test_the_same_file_again_makes_no_version(self, ann: User) -> None:
        made = make_list(ann)
        import_entries(made, b"value\na\n", author=ann)
        again = import_entries(made, b"value\na\n", author=ann, mode="replace")
        assert (again.version, again.unchanged) == (None, 1)

    def test_a_file_without_good_rows_does_not_empty_a_list(self, ann: User) -> None:
        made = make_list(ann, "192.0.2.1", kind="ip")
        with pytest.raises(ValidationFailed) as caught:
            import_entries(made, b"value\nnowhere\n", author=ann, mode="replace")
        assert caught.value.errors[0].code == "no_good_rows"
        assert standing(made) == {"192.0.2.1"}

    @pytest.mark.parametrize(
        ("content", "code"),
        [
            (b"", "missing_column"),
            (b"name\nx\n", "missing_column"),
            (b"value,expiry\nx,2026-12-31\n", "unknown_column"),
            (b"value,value\nx,y\n", "unknown_column"),
            (b'value\n"x\n', "file_unreadable"),
            (b"value\n\0\n", "file_unreadable"),
            (b"PK\x03\x04 not a zip", "file_unreadable"),
            (b"\xff\xfe\x00v", "file_unreadable"),
        ],
    )
    def test_a_file_that_is_none_is_refused_whole(self, content: bytes, code: str) -> None:
        with pytest.raises(ValidationFailed) as caught:
            read_entries(content, kind="text")
        assert caught.value.errors[0].code == code

    def test_too_many_rows_are_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("risk.list_files.MAX_ROWS", 2)
        with pytest.raises(ValidationFailed) as caught:
            read_entries(b"value\n1\n2\n3\n", kind="text")
        assert caught.value.errors[0].code == "too_many_rows"

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
    @pytest.mark.parametrize("delimiter", [",", ";", "\t"])
    def test_files_of_spreadsheets_are_read_as_they_save_them(self, encoding: str, delimiter: str) -> None:
        content = f"Value{delimiter}Note\r\n李雷{delimiter}长沙\r\n".encode(encoding)
        assert read_entries(content, kind="text").entries == [NewEntry("李雷", "长沙")]

    def test_a_workbook_is_read(self) -> None:
        out = BytesIO()
        with xlsxwriter.Workbook(out) as book:
            sheet = book.add_worksheet()
            sheet.write_row(0, 0, ["value", "note", "expires_at"])
            sheet.write_row(1, 0, ["李雷", 7])
            sheet.write_datetime(
                1,
                2,
                datetime(2026, 12, 31, 18),  # noqa: DTZ001 (a spreadsheet knows no time zone)
                book.add_format({"num_format": "yyyy-mm-dd"}),
            )
        (entry,) = read_entries(out.getvalue(), kind="text").entries
        assert (entry.value, entry.note) == ("李雷", "7")
        assert entry.expires_at == datetime(2026, 12, 31, 18, tzinfo=UTC)

    @pytest.mark.parametrize("kind", ["text", "device"])
    def test_what_is_exported_can_be_imported(self, ann: User, kind: str) -> None:
        made = make_list(ann, kind=kind)
        entries = [NewEntry('a,"b"', "note", NOON), NewEntry("长沙")]
        add_entries(made, entries, author=ann)
        content = export_list(made, author=ann)
        assert read_entries(content, kind=kind).entries == entries
        assert import_entries(made, content, author=ann, mode="replace").version is None
        assert AuditEntry.objects.filter(action="list.exported").exists()

    def test_awkward_texts_survive_the_bulk_writer(self, ann: User) -> None:
        awkward = ["back\\slash", "quote'd", 'double"', "percent %s", "\\N", "\\.", "emoji 🙂", "{}"]
        assert standing(make_list(ann, *awkward)) == set(awkward)
