"""Macros: who keeps them, on which cases they are offered, and what the database refuses."""

from dataclasses import replace

import pytest
from django.db import IntegrityError, transaction

from accounts.models import Role
from cases.macros import (
    MOST_MACROS,
    MacroFields,
    change_macro,
    create_macro,
    get_macro,
    list_macros,
    list_offered,
    remove_macro,
    restore_macro,
)
from cases.macros_models import MOST_HOLD_HOURS, Macro
from cases.verdicts import LONGEST_HOLD
from core.errors import Conflict, NotFound, PermissionDenied, ValidationFailed
from core.models import AuditEntry
from tests.cases.builders import NOON, make_case, make_queue, make_reviewer
from tests.make import make_user

pytestmark = pytest.mark.django_db

STOLEN = MacroFields(
    name="Stolen card", kind="reject", reason_codes=("stolen_card",), message="Sorry.", note="Bank called."
)
PLAIN = MacroFields(name="Plain", kind="approve")


def test_what_is_kept_is_offered_in_the_order_it_was_written() -> None:
    lin, case = make_reviewer(), make_case()
    first = create_macro(STOLEN, subject="order", by=lin, at=NOON)
    second = create_macro(replace(PLAIN, name="  A plain one "), subject="order", by=lin, at=NOON)
    assert list_offered(case, lin) == [first, second]
    assert second.name == "A plain one"
    assert list_offered(case, make_reviewer("sam@example.com")) == []
    actions = AuditEntry.objects.filter(subject_kind="macro").order_by("pk").values_list("action", "actor_id")
    assert list(actions) == [("macro.created", str(lin.pk))] * 2


def test_a_case_offers_only_what_it_would_accept() -> None:
    lin, queue = make_reviewer(), make_queue()
    case = make_case(queue=queue)
    stolen = create_macro(STOLEN, subject="order", by=lin, at=NOON)
    hold = create_macro(
        MacroFields(name="Later", kind="hold", hold_hours=4), subject="order", by=lin, at=NOON
    )
    listing = replace(STOLEN, name="Image", reason_codes=("image_reused",))
    create_macro(listing, subject="listing", by=lin, at=NOON)
    gone = create_macro(replace(STOLEN, name="Old"), subject="order", by=lin, at=NOON)
    Macro.objects.filter(pk=gone.pk).update(reason_codes=["stolen_card", "no_longer_known"])
    assert list_offered(case, lin) == [stolen, hold]
    queue.hidden_verdicts = ["hold"]
    queue.save()
    case.refresh_from_db()
    assert list_offered(case, lin) == [stolen]


def test_a_shared_macro_is_kept_by_seniors_and_offered_on_its_queue_alone() -> None:
    lin, sam = make_reviewer(), make_reviewer("sam@example.com", role=Role.SENIOR_REVIEWER)
    queue, senior_queue = make_queue(), make_queue("orders_senior", senior=True)
    with pytest.raises(PermissionDenied):
        create_macro(STOLEN, subject="order", by=lin, at=NOON, queue=queue)
    shared = create_macro(STOLEN, subject="order", by=sam, at=NOON, queue=queue)
    above = create_macro(STOLEN, subject="order", by=sam, at=NOON, queue=senior_queue)
    assert list_offered(make_case(queue=queue), lin) == [shared]
    assert set(list_macros(lin)) == {shared}
    assert set(list_macros(sam)) == {shared, above}
    with pytest.raises(PermissionDenied):
        change_macro(shared, PLAIN, by=lin)
    with pytest.raises(PermissionDenied):
        remove_macro(shared, by=lin, at=NOON)
    with pytest.raises(NotFound):
        get_macro(above.pk, lin)
    assert change_macro(shared, PLAIN, by=sam).kind == "approve"


def test_a_personal_macro_does_not_exist_for_others() -> None:
    lin, sam = make_reviewer(), make_reviewer("sam@example.com", role=Role.SENIOR_REVIEWER)
    macro = create_macro(STOLEN, subject="order", by=lin, at=NOON)
    for refused in (
        lambda: get_macro(macro.pk, sam),
        lambda: change_macro(macro, PLAIN, by=sam),
        lambda: remove_macro(macro, by=sam, at=NOON),
        lambda: restore_macro(macro, by=sam),
    ):
        with pytest.raises(NotFound):
            refused()
    with pytest.raises(PermissionDenied):
        create_macro(PLAIN, subject="order", by=make_user(Role.RISK_ANALYST), at=NOON)


def test_a_removal_is_undone_unless_the_name_was_taken() -> None:
    lin, case = make_reviewer(), make_case()
    macro = create_macro(STOLEN, subject="order", by=lin, at=NOON)
    remove_macro(macro, by=lin, at=NOON)
    assert list_offered(case, lin) == []
    with pytest.raises(Conflict):
        change_macro(macro, PLAIN, by=lin)
    restore_macro(macro, by=lin)
    assert list_offered(case, lin) == [macro]
    remove_macro(macro, by=lin, at=NOON)
    create_macro(STOLEN, subject="order", by=lin, at=NOON)
    with pytest.raises(Conflict) as refusal:
        restore_macro(macro, by=lin)
    assert refusal.value.code == "name_taken"


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        (replace(STOLEN, name=" "), "/name"),
        (replace(STOLEN, name="x" * 61), "/name"),
        (replace(STOLEN, reason_codes=()), "/reason_codes"),
        (replace(STOLEN, reason_codes=("image_reused",)), "/reason_codes"),
        (replace(STOLEN, kind="request_info"), "/kind"),
        (replace(STOLEN, kind="escalate"), "/kind"),
        (replace(STOLEN, is_final=True), "/is_final"),
        (replace(PLAIN, kind="hold"), "/hold_hours"),
        (replace(PLAIN, kind="hold", hold_hours=MOST_HOLD_HOURS + 1), "/hold_hours"),
        (replace(PLAIN, note="x" * 4_001), "/note"),
    ],
)
def test_what_cannot_be_a_verdict_is_refused(fields: MacroFields, pointer: str) -> None:
    with pytest.raises(ValidationFailed) as refusal:
        create_macro(fields, subject="order", by=make_reviewer(), at=NOON)
    assert [error.pointer for error in refusal.value.errors] == [pointer]


def test_names_are_taken_once_and_there_is_an_end_to_them() -> None:
    lin = make_reviewer()
    create_macro(STOLEN, subject="order", by=lin, at=NOON)
    with pytest.raises(ValidationFailed) as refusal:
        create_macro(STOLEN, subject="order", by=lin, at=NOON)
    assert [error.code for error in refusal.value.errors] == ["name_taken"]
    other = replace(STOLEN, reason_codes=("policy_violation",))
    create_macro(other, subject="listing", by=lin, at=NOON)  # of other cases
    for number in range(1, MOST_MACROS):
        create_macro(replace(PLAIN, name=f"Plain {number}"), subject="order", by=lin, at=NOON)
    with pytest.raises(ValidationFailed) as refusal:
        create_macro(replace(PLAIN, name="One more"), subject="order", by=lin, at=NOON)
    assert [error.code for error in refusal.value.errors] == ["too_many"]


@pytest.mark.parametrize(
    "change",
    [
        {"name": ""},
        {"kind": "escalate"},
        {"reason_codes": []},
        {"hold_hours": 4},
        {"is_final": True},
        {"owner": None},
        {"kind": "hold", "hold_hours": MOST_HOLD_HOURS + 1},
    ],
)
def test_the_database_refuses_it_too(change: dict[str, object]) -> None:
    macro = create_macro(STOLEN, subject="order", by=make_reviewer(), at=NOON)
    with pytest.raises(IntegrityError), transaction.atomic():
        Macro.objects.filter(pk=macro.pk).update(**change)
    with pytest.raises(IntegrityError), transaction.atomic():
        Macro.objects.filter(pk=macro.pk).update(queue=make_queue())


def test_a_macro_holds_as_long_as_a_verdict_may() -> None:
    assert LONGEST_HOLD.total_seconds() == MOST_HOLD_HOURS * 3600
