"""Runs the rules of `bin/bench rules` in other engines, in an environment of their own.

One JSON object per line. The first line holds conditions by dialect and rows; the answer is every
result by engine. Each later line names an engine and a number of rows; the answer is µs per row.
"""

import json
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import rule_engine  # type: ignore[import-not-found,unused-ignore]
import zen  # type: ignore[import-not-found,unused-ignore]
from cel_expr_python import cel  # type: ignore[import-not-found,unused-ignore]

Row = dict[str, Any]
Judge = Callable[[Any], Sequence[bool]]


def main() -> None:
    given = json.loads(sys.stdin.readline())
    engines = _engines(given["conditions"], given["rows"][0], given["moments"])
    rows = {"seconds": given["rows"], "whole": [_whole(row, given["moments"]) for row in given["rows"]]}
    answers = {
        name: [list(judge(row)) for row in rows[form][: given["compared"]]]
        for name, (judge, form) in engines.items()
    }
    _say(answers)
    for line in sys.stdin:
        name, count = json.loads(line)
        judge, form = engines[name]
        chosen = rows[form][:count]
        started = time.perf_counter()
        for row in chosen:
            judge(row)
        _say((time.perf_counter() - started) * 1e6 / len(chosen))


def _engines(
    conditions: dict[str, list[str]], sample: Row, moments: list[str]
) -> dict[str, tuple[Judge, str]]:
    together = zen.compile_expression(f"[{', '.join(conditions['zen'])}]")
    alone = [zen.compile_expression(condition) for condition in conditions["zen"]]
    python_rules = [rule_engine.Rule(condition) for condition in conditions["rule_engine"]]
    return {
        "zen": (together.evaluate, "seconds"),
        "zen_by_rule": (lambda row: [rule.evaluate(row) for rule in alone], "seconds"),
        "cel": (_cel(conditions["cel"], _whole(sample, moments)), "whole"),
        "rule_engine": (lambda row: [rule.matches(row) for rule in python_rules], "seconds"),
    }


def _cel(conditions: list[str], sample: Row) -> Judge:
    types = {bool: cel.Type.BOOL, float: cel.Type.DOUBLE, str: cel.Type.STRING, int: cel.Type.INT}
    environment = cel.NewEnv(variables={name: types[type(value)] for name, value in sample.items()})
    together = environment.compile(f"[{', '.join(conditions)}]")

    def judge(row: Row) -> Sequence[bool]:
        return [found.value() for found in together.eval(data=row).value()]

    return judge


def _whole(row: Row, moments: list[str]) -> Row:
    """Return the row with moments in whole seconds: CEL divides with a remainder in integers only."""
    return {name: int(value) if name in moments else value for name, value in row.items()}


def _say(answer: object) -> None:
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
