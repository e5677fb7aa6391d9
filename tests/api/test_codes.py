"""No code leaves the API that its errors page does not explain."""

import ast
from collections.abc import Iterator
from pathlib import Path

from api.codes import FIELD_CODES, PROBLEM_CODES
from api.v1.events import EVENT_TYPES

ROOT = Path(__file__).parents[2]
# What a request to the API can reach; the console and its people have errors of their own.
REACHED = (
    *("api", "catalog", "core", "merchants", "orders", "intake/pipeline.py", "intake/withdrawals.py"),
    *(f"cases/{name}.py" for name in ("claims", "open_queues", "settling", "signatures", "verdicts")),
)
DOMAIN_ERRORS = {"Conflict", "InvalidTransition", "NotFound", "PermissionDenied", "InvalidAmount"}
# Raised only on the way of a person: restarting an application, archiving a listing.
NOT_OFFERED = {"application_open", "cannot_apply_again", "open_orders"}


def sources(*folders: str) -> Iterator[ast.AST]:
    for folder in folders:
        start = ROOT / folder
        for path in [start] if start.is_file() else start.rglob("*.py"):
            if "migrations" not in path.parts:
                yield from ast.walk(ast.parse(path.read_text()))


def name_of(node: ast.Call) -> str:
    return node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")


def literal(node: ast.expr | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def test_every_problem_code_is_explained() -> None:
    raised = {
        literal(keyword.value)
        for node in sources(*REACHED)
        if isinstance(node, ast.Call) and name_of(node) in DOMAIN_ERRORS
        for keyword in node.keywords
        if keyword.arg == "code"
    } | {
        literal(node.value)
        for node in sources(*REACHED)
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "default_code"
    }
    known = {code.code for code in PROBLEM_CODES} | FIELD_CODES.keys()
    assert "duplicate_order" in raised
    assert {code for code in raised if code} - known - NOT_OFFERED == set()


def test_every_field_code_is_explained() -> None:
    raised = {
        literal(node.args[1])
        for node in sources(*REACHED)
        if isinstance(node, ast.Call) and name_of(node) == "FieldError" and len(node.args) > 1
    }
    assert "in_future" in raised
    assert {code for code in raised if code} - FIELD_CODES.keys() - {"unknown_scope"} == set()


def test_no_code_is_explained_twice() -> None:
    codes = [code.code for code in PROBLEM_CODES]
    assert len(codes) == len(set(codes))


def test_every_event_of_the_house_is_in_the_feed_or_its_own() -> None:
    own = {
        "backtest.requested",
        "backtest.resumed",
        "model.training_requested",
        "review_case.created",
        "review_case.resolved",
    }
    recorded = {
        name
        for node in sources("catalog", "intake", "merchants", "orders", "risk", "cases")
        if isinstance(node, ast.Call) and name_of(node) in {"record", "_announce", "_announce_listing"}
        for name in [literal(node.args[0]) if node.args else None]
        if name and "." in name
    }
    assert "order.placed" in recorded
    audited = {name for name in recorded if name not in EVENT_TYPES and name not in own}
    assert not {name for name in audited if name.startswith(("order.", "refund.", "inventory."))} - {
        "order.contact_opened"
    }
