"""The console exists for staff only, and each page for those who may."""

import pytest
from django.test import Client
from django.urls import reverse
from django.urls.resolvers import URLPattern

from accounts.models import Role
from console.urls import urlpatterns
from tests.console.conftest import SignIn
from tests.console.scenes import held_case, public
from tests.make import make_merchant, make_user

pytestmark = pytest.mark.django_db

_ARGUMENTS: dict[str, object] = {
    "public_id": "cas_0000000000000",
    "code": "orders",
    "run_id": 1,
    "verdict_id": "ver_0000000000000",
    "subject": "order",
    "entry_id": 1,
    "number": 1,
    "what": "flips",
    "table": "queues",
}


def _href(pattern: URLPattern) -> str:
    arguments = {name: _ARGUMENTS[name] for name in pattern.pattern.converters}
    return reverse(f"console:{pattern.name}", kwargs=arguments)


PAGES = [pytest.param(_href, pattern, id=pattern.name) for pattern in urlpatterns]
READ_AND_WRITE = {
    "rule", "rule-new", "policy", "ruleset-approve", "backtest-new", "list-new", "list-import",
    "snooze-new", "look", "golden-new", "notice-settings",
    "macro-new", "macro",
}  # fmt: skip
POST_ONLY = [
    "claim-next", "case-claim", "case-release", "case-skip", "case-heartbeat", "case-preview", "case-verdict",
    "verdict-undo", "verdict-sign", "go-off", "come-back", "break-later", "case-note", "note-remove",
    "notices-read", "notices-undo",
    "queue-select", "bulk-preview", "bulk-decide", "bulk-cancel", "bulk-undo",
    "alert-acknowledge", "train", "model-promote", "ruleset-start", "ruleset-copy", "ruleset-withdraw",
    "condition-check", "condition-try", "rule-delete", "rule-move", "policy-preview", "policy-adopt",
    "backtest-cancel",
    "list-add", "list-remove", "list-restore", "list-preview", "list-import-errors", "list-export",
    "list-archive", "brake-release", "brake-pull", "snooze-end", "drift-measure",
    "golden-retire", "macro-remove", "macro-restore",
    "training-cancel", "model-compare", "model-shadow", "model-roll-back", "model-retire",
]  # fmt: skip


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize(("href", "pattern"), PAGES)
def test_merchant_finds_nothing(href, pattern: URLPattern, method: str, sign_in: SignIn) -> None:
    owner = make_user()
    make_merchant(owner=owner)
    answer = getattr(sign_in(user=owner), method)(href(pattern))
    # The method is looked at first, and tells as little.
    assert answer.status_code in {404, 405}


@pytest.mark.parametrize(("href", "pattern"), PAGES)
def test_whoever_is_not_signed_in_is_asked_to(href, pattern: URLPattern) -> None:
    method = "post" if pattern.name in POST_ONLY else "get"
    answer = getattr(Client(), method)(href(pattern))
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith(reverse("account_login"))


@pytest.mark.parametrize(("href", "pattern"), PAGES)
def test_wrong_method_is_refused(href, pattern: URLPattern, page: Client) -> None:
    if pattern.name in READ_AND_WRITE:
        assert page.delete(href(pattern)).status_code == 405
    elif pattern.name in POST_ONLY:
        assert page.get(href(pattern)).status_code == 405
    else:
        assert page.post(href(pattern)).status_code == 405


@pytest.mark.parametrize(
    ("role", "name", "expected"),
    [
        (Role.REVIEWER, "queue-list", 200),
        (Role.REVIEWER, "rules", 200),
        (Role.REVIEWER, "backtests", 200),
        (Role.REVIEWER, "backtest-new", 403),
        (Role.REVIEWER, "lists", 200),
        (Role.REVIEWER, "monitoring", 200),
        (Role.REVIEWER, "drift", 200),
        (Role.REVIEWER, "imports", 403),
        (Role.REVIEWER, "macros", 200),
        (Role.REVIEWER, "macro-new", 200),
        (Role.RISK_ANALYST, "macros", 403),
        (Role.REVIEWER, "quality", 200),
        (Role.REVIEWER, "quality-own", 200),
        (Role.REVIEWER, "disagreements", 403),
        (Role.REVIEWER, "golden-cases", 403),
        (Role.SENIOR_REVIEWER, "disagreements", 200),
        (Role.SENIOR_REVIEWER, "golden-cases", 200),
        (Role.RISK_ANALYST, "quality", 403),
        (Role.REVIEWER, "desk", 403),
        (Role.REVIEWER, "desk-forecast", 403),
        (Role.SENIOR_REVIEWER, "desk", 200),
        (Role.SENIOR_REVIEWER, "desk-forecast", 200),
        (Role.OPERATIONS, "desk", 200),
        (Role.RISK_ANALYST, "queue-list", 403),
        (Role.RISK_ANALYST, "cases", 403),
        (Role.RISK_ANALYST, "models", 200),
        (Role.RISK_ANALYST, "decisions", 200),
        (Role.OPERATIONS, "imports", 200),
        (Role.OPERATIONS, "rules", 403),
        (Role.OPERATIONS, "lists", 403),
        (Role.OPERATIONS, "monitoring", 403),
        (Role.OPERATIONS, "drift", 403),
        (Role.OPERATIONS, "home", 200),
        (Role.OPERATIONS, "alerts", 200),
    ],
)
def test_each_role_opens_its_pages(role: Role, name: str, expected: int, sign_in: SignIn) -> None:
    assert sign_in(role).get(reverse(f"console:{name}")).status_code == expected


@pytest.mark.parametrize(
    "name",
    [
        *("policy-adopt", "backtest-cancel", "snooze-end", "drift-measure"),
        *(
            name
            for name in POST_ONLY
            if name.startswith(("rule", "condition", "list", "brake", "train", "model"))
        ),
    ],
)
def test_reviewers_do_not_change_judgement(name: str, page: Client) -> None:
    pattern = next(pattern for pattern in urlpatterns if pattern.name == name)
    assert page.post(_href(pattern)).status_code == 403


def test_reviewer_does_not_see_a_case_of_their_own_merchant(sign_in: SignIn) -> None:
    user = make_user(Role.REVIEWER)
    case = held_case(make_merchant(owner=user))
    client = sign_in(user=user)
    assert client.get(reverse("console:case", args=[public(case)])).status_code == 404
    assert public(case) not in client.get(reverse("console:cases")).content.decode()


def test_senior_queue_does_not_exist_for_a_reviewer(page: Client, sign_in: SignIn) -> None:
    held_case()
    href = reverse("console:queue", args=["orders_senior"])
    assert page.get(href).status_code == 404
    assert sign_in(Role.SENIOR_REVIEWER).get(href).status_code == 200


@pytest.mark.parametrize("public_id", ["cas_0000000000000", "ord_0000000000000", "nonsense", "cas_zzz"])
def test_case_that_is_not_there(public_id: str, page: Client) -> None:
    assert page.get(reverse("console:case", args=[public_id])).status_code == 404
