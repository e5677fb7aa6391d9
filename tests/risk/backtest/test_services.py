"""A backtest is requested for exactly what it tests, by whoever may, and for nothing impossible."""

from typing import Any

import pytest

from accounts.models import Role
from core.errors import PermissionDenied, ValidationFailed
from core.models import AuditEntry
from risk.backtest import services
from risk.models import Backtest
from risk.rulesets import draft_hash
from tests.make import NOON, make_rule, make_user
from tests.risk.backtest.histories import UNTIL
from tests.risk.backtest.trying import TRIED_RULES, make_draft, request

pytestmark = pytest.mark.django_db


@pytest.mark.django_db(transaction=True)
def test_a_request_names_its_content_and_sends_itself_to_a_worker(sent_tasks: list[Any]) -> None:
    analyst = make_user(Role.RISK_ANALYST)
    draft = make_draft(*TRIED_RULES)
    backtest = request(draft, requested_by=analyst)
    assert backtest.content_hash == draft_hash(draft)
    assert (backtest.status, backtest.baseline, backtest.requested_by) == ("queued", None, analyst)
    assert sent_tasks == [("risk.tasks.backtest.run_backtest", [backtest.pk])]
    assert AuditEntry.objects.filter(action="backtest.requested", subject_id=backtest.pk).exists()


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        pytest.param({"until": NOON}, "/until", id="no period"),
        pytest.param({"kind": "rule", "rule_code": "R-9"}, "/rule_code", id="no such rule"),
        pytest.param({"kind": "thresholds", "thresholds": {"review_at": 2}}, "/thresholds", id="thresholds"),
        pytest.param({"kind": "thresholds", "thresholds": {"reviews": 2}}, "/thresholds", id="no threshold"),
        pytest.param({"costs": {"loss": 1}}, "/costs", id="no such cost"),
        pytest.param({"costs": {"loss_share": "much"}}, "/costs", id="a cost that is no number"),
    ],
)
def test_an_impossible_request_is_refused(fields: dict[str, Any], pointer: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        request(make_draft(*TRIED_RULES), **fields)
    assert [error.pointer for error in refused.value.errors] == [pointer]
    assert not Backtest.objects.exists()


def test_a_draft_that_cannot_be_read_is_refused() -> None:
    draft = make_draft(make_rule("order.amount >", code="R-1"))
    with pytest.raises(ValidationFailed, match=r".") as refused:
        request(draft)
    assert refused.value.errors[0].pointer == "/rules"


def test_only_who_edits_rules_may_request_and_cancel() -> None:
    with pytest.raises(PermissionDenied):
        request(make_draft(), requested_by=make_user(Role.REVIEWER))
    with pytest.raises(PermissionDenied):
        services.cancel_backtest(request(make_draft()), canceller=make_user(Role.REVIEWER), at=UNTIL)
