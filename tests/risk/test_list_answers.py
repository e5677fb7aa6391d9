"""What lists answer to conditions, what processes hold of them, and that columns answer the same."""

from datetime import datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import Role, User
from core.fingerprints import fingerprint
from risk import lists, live
from risk.list_files import NewEntry
from risk.lists import answer_probe_columns, answer_probes, find_list
from risk.models import EntityList
from risk.rules.schema import Field, FieldType
from risk.rules.tree import Call, Probe, Reference
from risk.services import (
    add_entries,
    import_entries,
    remove_entries,
    restore_version,
)
from tests.make import NOON, make_user
from tests.risk.test_lists import make_list, standing
from tests.risk.test_live import Clock, elsewhere

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
NAME = Reference(Field("applicant.name", FieldType.TEXT))
IP = Reference(Field("order.ip", FieldType.KEY, "ip"))


@pytest.fixture
def ann() -> User:
    return make_user(Role.RISK_ANALYST)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def member(operand: Reference | Call, code: str = "watched") -> Probe:
    return Probe("member", operand, code)


def similar(operand: Reference | Call, code: str = "watched") -> Probe:
    return Probe("similar", operand, code)


def answer(probe: Probe, value: object, as_of: datetime = NOON) -> Any:
    answers, failed = answer_probes([probe], {probe.field.name: value}, as_of=as_of)
    assert failed == []
    return answers[probe.name]


class TestMembership:
    def test_a_text_is_in_a_list_as_it_is_written(self, ann: User) -> None:
        make_list(ann, "Li Lei")
        assert answer(member(NAME), "Li Lei") is True
        assert answer(member(NAME), "li lei") is False
        assert answer(member(Call("lower", (NAME,))), "Li Lei") is False

    def test_lower_case_is_asked_in_lower_case(self, ann: User) -> None:
        make_list(ann, "li lei")
        assert answer(member(Call("lower", (NAME,))), "LI Lei") is True

    @pytest.mark.parametrize("value", [None, 7, float("nan")])
    def test_a_missing_or_misfit_fact_has_no_answer(self, ann: User, value: object) -> None:
        make_list(ann, "Li Lei")
        assert answer(member(NAME), value) is None
        assert answer(similar(NAME), value) is None

    def test_an_identifier_is_in_a_list_by_its_fingerprint(self, ann: User) -> None:
        make_list(ann, "192.0.2.1", kind="ip")
        assert answer(member(IP), fingerprint("ip", "192.0.2.1")) is True
        assert answer(member(IP), fingerprint("ip", "192.0.2.2")) is False
        assert answer(member(IP), "192.0.2.1") is None

    def test_an_entry_counts_until_it_expires(self, ann: User) -> None:
        made = make_list(ann)
        add_entries(made, [NewEntry("Li Lei", expires_at=NOON)], author=ann)
        assert answer(member(NAME), "Li Lei", NOON - HOUR) is True
        assert answer(member(NAME), "Li Lei", NOON) is False
        assert answer(similar(NAME), "Li Lei", NOON - HOUR) == 1.0
        assert answer(similar(NAME), "Li Lei", NOON) == 0.0

    def test_a_list_that_cannot_be_read_is_named_and_the_others_answer(
        self, ann: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make_list(ann, "x")
        make_list(ann, "y", code="broken")
        refresh = lists._refresh

        def fail(held: Any, id: int, version: int) -> Any:
            if id == EntityList.objects.get(code="broken").pk:
                raise OSError("disk")
            return refresh(held, id, version)

        monkeypatch.setattr("risk.lists._refresh", fail)
        probes = [member(NAME), member(NAME, "broken"), member(NAME, "gone")]
        answers, failed = answer_probes(probes, {"applicant.name": "x"}, as_of=NOON)
        assert [answers[probe.name] for probe in probes] == [True, None, None]
        assert failed == ["list:broken", "list:gone"]


class TestNearness:
    @pytest.mark.parametrize(
        ("text", "nearness"),
        [
            ("Anna Smith-Jones", 1.0),
            ("JONES, Anna Smith", 1.0),
            ("Ａｎｎａ smith jones", 1.0),
            ("Ana Smith Jones", 2 * 15 / 31),
            ("Wang Wei", pytest.approx(0.25, abs=0.2)),
            ("!!!", 0.0),
        ],
    )
    def test_order_case_and_marks_do_not_matter_letters_do(self, ann: User, text: str, nearness: Any) -> None:
        make_list(ann, "Anna Smith Jones")
        assert answer(similar(NAME), text) == nearness

    def test_the_nearest_entry_counts(self, ann: User) -> None:
        make_list(ann, "Somebody Else", "Li Lei", "Li Le")
        assert answer(similar(NAME), "Li Lei") == 1.0

    def test_an_empty_list_is_near_nobody(self, ann: User) -> None:
        make_list(ann)
        assert answer(similar(NAME), "Li Lei") == 0.0


class TestHeld:
    def test_a_change_elsewhere_is_seen_within_two_seconds(self, ann: User, clock: Clock) -> None:
        made = make_list(ann, "a")
        assert answer(member(NAME), "b") is False
        with elsewhere():
            add_entries(made, [NewEntry("b")], author=ann)
        clock.now += 2
        assert answer(member(NAME), "b") is True

    def test_only_what_changed_is_fetched(
        self, ann: User, clock: Clock, django_assert_num_queries: Any
    ) -> None:
        made = make_list(ann, *(f"name {number}" for number in range(50)))
        before = find_list("watched")
        add_entries(made, [NewEntry("new"), NewEntry("name 1", "other note", NOON)], author=ann)
        remove_entries(made, ["name 2"], author=ann)
        live.list_states()
        with django_assert_num_queries(2):
            after = find_list("watched")
        assert (before.version, after.version) == (1, 3)
        assert "name 2" in before.until, "a decision under way keeps the version it began with"
        assert set(after.until) == standing(made)
        assert after.until["name 1"] == NOON.timestamp()
        with django_assert_num_queries(0):
            find_list("watched")

    @pytest.mark.parametrize("kind", ["text", "device"])
    def test_following_changes_ends_where_loading_afresh_does(self, ann: User, kind: str) -> None:
        made = make_list(ann, "a", "b", "c", kind=kind)
        find_list("watched")
        for change in (
            lambda: remove_entries(made, ["a"], author=ann),
            lambda: add_entries(made, [NewEntry("a", expires_at=NOON)], author=ann),
            lambda: restore_version(made, 1, author=ann),
            lambda: import_entries(made, b"value\nc\nd\n", author=ann, mode="replace"),
            lambda: restore_version(made, 3, author=ann),
        ):
            change()
            followed = find_list("watched")
            lists._held.clear()
            assert find_list("watched").until == followed.until

    def test_a_version_that_is_being_written_is_not_seen_in_part(self, ann: User) -> None:
        made = make_list(ann, "a")
        state = live.list_states()["watched"]
        add_entries(made, [NewEntry("b")], author=ann)
        assert set(lists._refresh(None, state.id, state.version).until) == {"a"}


class TestColumns:
    VALUES = st.lists(
        st.tuples(st.sampled_from(["a", "A", "b", "for now", "FOR NOW", "", None]), st.integers(-2, 2)),
        max_size=12,
    )

    def test_columns_answer_as_single_questions_do(self, ann: User) -> None:
        made = make_list(ann, "a", "b")
        add_entries(made, [NewEntry("for now", expires_at=NOON)], author=ann)
        make_list(ann, "192.0.2.1", code="ips", kind="ip")
        lowered = Call("lower", (NAME,))
        probes = [member(NAME), member(lowered), similar(NAME), similar(lowered), member(IP, "ips")]

        @given(self.VALUES)
        def agree(rows: list[tuple[str | None, int]]) -> None:
            keys = [fingerprint("ip", "192.0.2.1") if hours else None for _, hours in rows]
            frame = pl.DataFrame(
                {
                    "applicant.name": [name for name, _ in rows],
                    "order.ip": keys,
                    "as_of": [NOON + hours * HOUR for _, hours in rows],
                },
                schema={
                    "applicant.name": pl.String,
                    "order.ip": pl.Int64,
                    "as_of": pl.Datetime("us", "UTC"),
                },
            )
            columns, failed = answer_probe_columns(probes, frame, at="as_of")
            assert (failed, columns.height) == ([], frame.height)
            for row, answers in zip(frame.to_dicts(), columns.to_dicts(), strict=True):
                single, _ = answer_probes(probes, row, as_of=row["as_of"])
                assert answers == single

        agree()

    def test_one_moment_serves_all_rows(self, ann: User) -> None:
        make_list(ann, "a")
        frame = pl.DataFrame({"applicant.name": ["a", "b", None]})
        columns, _ = answer_probe_columns([member(NAME)], frame, at=NOON)
        assert columns[member(NAME).name].to_list() == [True, False, None]

    def test_a_list_that_is_gone_and_a_field_that_is_lacking_are_missing_throughout(self, ann: User) -> None:
        make_list(ann, "a")
        frame = pl.DataFrame({"applicant.name": ["a"]})
        probes = [member(NAME, "gone"), member(IP), similar(NAME, "gone")]
        columns, failed = answer_probe_columns(probes, frame, at=NOON)
        assert failed == ["list:gone"]
        assert [columns[probe.name].to_list() for probe in probes] == [[None], [None], [None]]
