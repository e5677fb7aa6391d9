"""Compiles conditions, or values to derive, into one Python function that judges one subject.

The function is assembled as a Python syntax tree from our own typed trees; no text that an
analyst wrote reaches the compiler except as a constant. For `order.amount / order.lines > 50 and
buyer.is_guest` it reads:

    def judge(facts, misfits, failures):
        get = facts.get
        x0 = get("order.amount")
        if x0 is not None and (x0.__class__ is not float or x0 != x0):
            x0 = as_number("order.amount", x0, misfits)
        …
        try:
            v0 = x0 / x1 if x1 and x0 is not None else None
            if v0 is not None and v0 - v0 != 0.0:
                v0 = None
            results = blank.copy()
            results["R-1"] = (
                (v0 > 50.0 and x2) if v0 is not None and x2 is not None
                else False if (t0 := v0 > 50.0 if v0 is not None else None) is False or x2 is False
                else None if t0 is None or x2 is None
                else True
            )
        except Exception:
            return one_by_one(facts, misfits, failures)
        return results

Fields and answers of lists are read once (x…), calculations and functions are computed once for
all conditions (v…), and what is left are comparisons of local variables: plain Python where
nothing is missing, Kleene's logic where something is.
"""

import ast
from collections.abc import Callable, Mapping
from functools import cache
from typing import TypeAlias, cast

from risk.rules import values
from risk.rules.emitter import Emitter
from risk.rules.expression import Expression
from risk.rules.tree import Constant

Facts: TypeAlias = Mapping[str, object]
# (facts, misfits, failures) → results. It adds to the two dictionaries that it is given.
Judge: TypeAlias = Callable[[Facts, values.Misfits, dict[str, str]], dict[str, bool | None]]
Deriver: TypeAlias = Callable[[Facts, values.Misfits, dict[str, str]], dict[str, Constant | None]]
_Function: TypeAlias = Callable[[Facts, values.Misfits, dict[str, str]], dict[str, object]]

_FUNCTION = """
def judge(facts, misfits, failures):
    get = facts.get
"""
# A typed tree cannot raise; should one ever do so, each condition is judged on its own.
_GUARDED = """
try:
    results = blank.copy()
except Exception:
    return one_by_one(facts, misfits, failures)
return results
"""


def compile_conditions(conditions: Mapping[str, Expression]) -> Judge:
    """Return one function that judges all conditions, by rule code, and reads each field once.

    A result is True, False, or None for missing. A field that is not in the facts is missing, and
    so is the answer to a question to a list; it is read like a field, by the name of its probe.
    A condition that raises gives None and its exception's name in `failures`; the others stand.
    """
    return cast("Judge", _compile(conditions))


def compile_values(expressions: Mapping[str, Expression]) -> Deriver:
    """Return one function that computes all values, as `compile_conditions` does, of whatever type."""
    return cast("Deriver", _compile(expressions))


def _compile(expressions: Mapping[str, Expression]) -> _Function:
    @cache
    def alone(code: str) -> _Function:
        return _generate({code: expressions[code]}, None)

    def one_by_one(facts: Facts, misfits: values.Misfits, failures: dict[str, str]) -> dict[str, object]:
        results: dict[str, object] = {}
        for code in expressions:
            try:
                results |= alone(code)(facts, misfits, failures)
            except Exception as error:  # a boundary: one rule must not take the others with it
                results[code] = None
                failures[code] = error.__class__.__name__
        return results

    return _generate(expressions, one_by_one)


def _generate(expressions: Mapping[str, Expression], one_by_one: _Function | None) -> _Function:
    """Return the generated function; without `one_by_one` it raises what a condition raises."""
    emitter = Emitter(expression.root for expression in expressions.values())
    results = [
        ast.Assign([_item("results", code)], emitter.emit(expression.root))
        for code, expression in expressions.items()
    ]
    guarded = ast.parse(_GUARDED).body
    attempt = cast("ast.Try", guarded[0])
    attempt.body = [*emitter.computing, *attempt.body, *results]
    function = cast("ast.FunctionDef", ast.parse(_FUNCTION).body[0])
    function.body += emitter.reading
    function.body += guarded if one_by_one else [*attempt.body, guarded[1]]
    module = ast.fix_missing_locations(ast.Module([function], []))
    namespace = {**emitter.namespace, "blank": dict.fromkeys(expressions), "one_by_one": one_by_one}
    exec(compile(module, "<ruleset>", "exec"), namespace)  # noqa: S102 - from our own nodes, not from text
    return cast("_Function", namespace["judge"])


def _item(name: str, key: str) -> ast.Subscript:
    return ast.Subscript(ast.Name(name, ast.Load()), ast.Constant(key), ast.Store())
