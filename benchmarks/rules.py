"""How long a hundred rules take on one decision and over a million rows, beside other rule engines."""

import argparse
import json
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median
from typing import Any

import polars as pl

from benchmarks.harness import ROOT, Report, Rows
from risk.rules.columnar import DTYPES
from risk.rules.engine import CompiledRuleset, Effect, RuleDefinition, compile_ruleset
from risk.rules.schema import Field, FieldType, Schema

PEERS = ("zen-engine==2.1.3", "cel-expr-python==0.1.3", "rule-engine==5.1.0")
_ENVIRONMENT = ROOT / "var" / "bench" / "peers-venv"
_SCRIPT = ROOT / "benchmarks" / "peers" / "rules.py"
_SEED = 20_261_126
_ROUNDS = 7
_SLOW = {"zen_by_rule": 50, "rule_engine": 50}  # rows a round: these take milliseconds a row

NUMBERS = [f"count_{n}" for n in range(38)]
FLAGS = [f"flag_{n}" for n in range(6)]
TEXTS = ["country", "card_country", "currency", "category", "email", "domain", "name", "city", "agent"]
TEXTS += ["phone", "postcode", "channel"]
MOMENTS = ["placed_at", "signup_at", "first_order_at", "changed_at"]
SCHEMA = Schema(
    "order",
    (
        *(Field(name, FieldType.NUMBER) for name in NUMBERS),
        *(Field(name, FieldType.BOOL) for name in FLAGS),
        *(Field(name, FieldType.TEXT) for name in TEXTS),
        *(Field(name, FieldType.MOMENT) for name in MOMENTS),
    ),
)
COUNTRIES = ["CN", "HK", "MO", "TW", "SG", "JP", "KR", "DE", "FR", "GB", "US", "CA", "AU", "BR", "NG", "RU"]
DOMAINS = ["gmail.com", "GMail.com", "qq.com", "163.com", "outlook.com", "mail.ru", "example.org"]


@dataclass(frozen=True)
class Condition:
    """One condition in the dialect of each engine. Moments are seconds for the others, which favours them."""

    ours: str
    zen: str
    cel: str
    rule_engine: str


def conditions() -> list[Condition]:
    """Return the fixed mix: 40 comparisons, 25 of three parts, 15 memberships, 10 of text, 10 of time."""
    return [*_comparisons(), *_combinations(), *_memberships(), *_texts(), *_times()]


def _alike(text: str) -> Condition:
    """Return a condition that reads the same everywhere but for CEL's words."""
    return Condition(text, text, text.replace(" and ", " && ").replace(" or ", " || "), text)


def _comparisons() -> Iterator[Condition]:
    signs = [">", ">=", "<", "<=", "==", "!="]
    for n in range(28):
        yield _alike(f"{NUMBERS[n]} {signs[n % 6]} {5.0 + n}")
    for n in range(8):
        yield _alike(f"{NUMBERS[n]} {signs[n % 4]} {NUMBERS[37 - n]}")
    for n in range(4):
        yield _alike(f"{NUMBERS[n]} * 3.0 > {NUMBERS[30 + n]} + {10.0 * n}")


def _combinations() -> Iterator[Condition]:
    for n in range(13):
        yield _alike(f"{NUMBERS[n]} > {3.0 + n} and {NUMBERS[n + 20]} < {30.0 - n} and {FLAGS[n % 6]}")
    for n in range(12):
        country = COUNTRIES[n % len(COUNTRIES)]
        yield _alike(f'{NUMBERS[n + 13]} > {45.0 - n} or country == "{country}" or {FLAGS[n % 6]}')


def _memberships() -> Iterator[Condition]:
    for n in range(9):
        listed = ", ".join(f'"{country}"' for country in COUNTRIES[n : n + 3 + n % 5])
        yield _alike(f"{('country', 'card_country')[n % 2]} in [{listed}]")
    for n in range(3):
        listed = ", ".join(f'"{country}"' for country in COUNTRIES[n * 3 : n * 3 + 6])
        text = f"card_country not in [{listed}]"
        yield Condition(text, text, f"!(card_country in [{listed}])", text)
    for n in range(3):
        yield _alike(f"{NUMBERS[n]} in [{', '.join(str(float(n + 7 * k)) for k in range(6))}]")


def _texts() -> Iterator[Condition]:
    for field, part in (("email", "test"), ("agent", "bot"), ("name", "ltd")):
        yield Condition(
            f'contains({field}, "{part}")',
            f'contains({field}, "{part}")',
            f'{field}.contains("{part}")',
            f'"{part}" in {field}',
        )
    for field, part in (("phone", "+86"), ("postcode", "31"), ("city", "New")):
        yield Condition(
            f'starts({field}, "{part}")',
            f'startsWith({field}, "{part}")',
            f'{field}.startsWith("{part}")',
            f'{field}.starts_with("{part}")',
        )
    yield Condition(
        'ends(email, ".ru")', 'endsWith(email, ".ru")', 'email.endsWith(".ru")', 'email.ends_with(".ru")'
    )
    yield Condition(
        'lower(domain) == "gmail.com"',
        'lower(domain) == "gmail.com"',
        'domain.matches("(?i)^gmail[.]com$")',  # CEL has no lower case of its own
        'domain.as_lower == "gmail.com"',
    )
    for field, pattern in (("email", "^[a-z]+[0-9]{2,}@"), ("phone", "^[+]86 ?1[3-9]")):
        yield Condition(
            f'matches({field}, "{pattern}")',
            f'matches({field}, "{pattern}")',
            f'{field}.matches("{pattern}")',
            f'{field} =~~ "{pattern}"',
        )


def _times() -> Iterator[Condition]:
    # placed_at is the latest of all moments: the others need not take an absolute value.
    for field, hours in (("signup_at", 1), ("signup_at", 24), ("first_order_at", 48), ("changed_at", 2)):
        text = f"(placed_at - {field}) / 3600.0 < {hours}.0"
        yield Condition(
            f"hours_between(placed_at, {field}) < {hours}",
            text,
            f"placed_at - {field} < {hours * 3600}",
            text,
        )
    for sign, hour in (("<", 6), (">=", 22)):
        text = f"placed_at % 86400.0 {sign} {hour * 3600}.0"
        yield Condition(f"hour(placed_at) {sign} {hour}", text, text.replace(".0", ""), text)
    text = "(placed_at + 259200.0) % 604800.0 >= 432000.0"  # the first day of all was a Thursday
    yield Condition("weekday(placed_at) >= 5", text, text.replace(".0", ""), text)
    for field, day in (
        ("signup_at", "2026-01-31"),
        ("changed_at", "2026-05-01"),
        ("placed_at", "2026-06-18"),
    ):
        seconds = datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()
        text = f"{field} >= {seconds}"
        yield Condition(f'{field} >= date("{day}")', text, text.replace(".0", ""), text)


def build_ruleset() -> CompiledRuleset:
    """Return the mix as a ruleset."""
    return compile_ruleset(
        [
            RuleDefinition(
                code=f"R-{number:03}",
                name="",
                condition=condition.ours,
                effect=Effect.POINTS,
                points=1,
                reason_code="bench",
            )
            for number, condition in enumerate(conditions())
        ],
        SCHEMA,
    )


def rows(count: int, *, missing: float = 0.0) -> list[dict[str, Any]]:
    """Return rows of facts; `missing` is the share of facts that are None."""
    chance = random.Random(_SEED)
    return [_row(chance, missing) for _ in range(count)]


def _row(chance: random.Random, missing: float) -> dict[str, Any]:
    placed = chance.randrange(1_767_225_600, 1_790_000_000)
    row: dict[str, Any] = {name: float(chance.randrange(50)) for name in NUMBERS}
    row |= {name: chance.random() < 0.5 for name in FLAGS}
    row |= {
        "country": chance.choice(COUNTRIES),
        "card_country": chance.choice(COUNTRIES),
        "currency": chance.choice(["CNY", "USD", "EUR"]),
        "category": chance.choice(["toys", "shoes", "phones"]),
        "domain": (domain := chance.choice(DOMAINS)),
        "email": f"{chance.choice(['ann', 'test', 'li.wei', 'bo'])}{chance.randrange(2_000)}@{domain}",
        "name": chance.choice(["Ann Lee", "Acme ltd", "李伟"]),
        "city": chance.choice(["New York", "杭州", "Berlin"]),
        "agent": chance.choice(["Mozilla/5.0", "searchbot/2.1", "curl/8"]),
        "phone": f"{chance.choice(['+86 1', '+49 ', '+861'])}{chance.randrange(10**9)}",
        "postcode": str(chance.randrange(10**5, 10**6)),
        "channel": chance.choice(["app", "web"]),
    }
    row |= {name: float(placed - chance.randrange(1, 400_000)) for name in MOMENTS} | {
        "placed_at": float(placed)
    }
    if missing:
        row = {name: None if chance.random() < missing else value for name, value in row.items()}
    return row


def with_moments(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the row with moments instead of seconds."""
    return {
        name: datetime.fromtimestamp(value, UTC) if name in MOMENTS and value is not None else value
        for name, value in row.items()
    }


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--decisions", type=int, default=5_000, help="rows judged one by one, per round")
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows judged as columns")
    parser.add_argument("--no-peers", action="store_true", help="only ours: nothing is installed")


def run(options: argparse.Namespace) -> Report:
    """Measure one decision beside the others, taking turns, then history."""
    ruleset = build_ruleset()
    plain = rows(options.decisions)
    facts = [with_moments(row) for row in plain]
    gaps = [with_moments(row) for row in rows(options.decisions, missing=0.1)]
    timed: dict[str, list[float]] = {"ours": [], "ours_missing": []}
    own: dict[str, Callable[[], float]] = {
        "ours": lambda: _time_decisions(ruleset, facts),
        "ours_missing": lambda: _time_decisions(ruleset, gaps),
    }
    if options.no_peers:
        _take_turns(own, timed)
    else:
        with _peers(plain, ruleset, facts) as peers:
            _take_turns(own | peers, timed)
    return _report(
        options, {name: median(found) for name, found in timed.items()}, _time_columns(options.rows)
    )


def _take_turns(runners: Mapping[str, Callable[[], float]], timed: dict[str, list[float]]) -> None:
    for _ in range(_ROUNDS):
        for name, measure in runners.items():
            timed.setdefault(name, []).append(measure())


def _time_decisions(ruleset: CompiledRuleset, facts: Sequence[dict[str, Any]]) -> float:
    """Return the microseconds of one whole evaluation."""
    evaluate = ruleset.evaluate
    started = time.perf_counter()
    for row in facts:
        evaluate(row)
    return (time.perf_counter() - started) * 1e6 / len(facts)


@contextmanager
def _peers(
    plain: list[dict[str, Any]], ruleset: CompiledRuleset, facts: Sequence[dict[str, Any]]
) -> Iterator[dict[str, Callable[[], float]]]:
    """Yield what measures each other engine; all have to give our answers first."""
    process = subprocess.Popen(
        [_peers_python(), str(_SCRIPT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )

    def ask(question: object) -> Any:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(question) + "\n")
        process.stdin.flush()
        return json.loads(process.stdout.readline())

    mix = conditions()
    dialects = {name: [getattr(one, name) for one in mix] for name in ("zen", "cel", "rule_engine")}
    compared = min(200, len(plain))
    answers = ask({"conditions": dialects, "rows": plain, "moments": MOMENTS, "compared": compared})
    ours = [list(ruleset.evaluate(row).results.values()) for row in facts[:compared]]
    for name, found in answers.items():
        _require_same(name, found, ours, mix)
    try:
        yield {
            name: lambda name=name: float(ask([name, _SLOW.get(name, len(plain))]))  # type: ignore[misc]
            for name in answers
        }
    finally:
        process.terminate()
        process.wait()


def _require_same(
    name: str, found: list[list[bool]], ours: list[list[bool | None]], mix: list[Condition]
) -> None:
    for number, (theirs, own) in enumerate(zip(found, ours, strict=True)):
        wrong = [
            mix[n].ours for n, pair in enumerate(zip(theirs, own, strict=True)) if pair[0] is not pair[1]
        ]
        if wrong:
            raise SystemExit(f"{name} answers otherwise on row {number}: {', '.join(wrong)}")


def _peers_python() -> str:
    """Return the interpreter of the other engines; the environment is made when it is first needed."""
    python = _ENVIRONMENT / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(_ENVIRONMENT)], check=True)
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PEERS]
    subprocess.run(install, check=True)
    return str(python)


def _time_columns(count: int) -> dict[str, float]:
    """Return seconds for the rows as columns, and one by one; the latter from a tenth of them at most."""
    ruleset = build_ruleset()
    pattern = pl.DataFrame(
        [with_moments(row) for row in rows(min(count, 50_000), missing=0.1)],
        schema={field.name: DTYPES[field.type] for field in SCHEMA.fields},
    )
    frame = pl.concat([pattern] * -(-count // pattern.height)).head(count).rechunk()
    seconds = []
    for _ in range(3):
        started = time.perf_counter()
        answered = ruleset.columns.judge(frame)
        seconds.append(time.perf_counter() - started)
    sample = frame.head(max(1, count // 10))
    started = time.perf_counter()
    one_by_one = [ruleset.evaluate(row).results for row in sample.iter_rows(named=True)]
    row_seconds = (time.perf_counter() - started) * count / sample.height
    if pl.DataFrame(one_by_one, schema=answered.schema).equals(answered.head(sample.height)) is False:
        raise SystemExit("The columns answer otherwise than the rows.")
    return {"columns": median(seconds), "by_row": row_seconds}


def _report(options: argparse.Namespace, timed: Mapping[str, float], history: Mapping[str, float]) -> Report:
    metrics = {
        "us_per_decision": round(timed["ours"], 2),
        "us_with_missing": round(timed["ours_missing"], 2),
        "columns_seconds": round(history["columns"], 3),
        "columns_speedup": round(history["by_row"] / history["columns"], 1),
    }
    if "zen" in timed:
        metrics |= {
            "zen_us_per_decision": round(timed["zen"], 1),
            "speedup_over_zen": round(timed["zen"] / timed["ours"], 2),
            "zen_by_rule_us": round(timed["zen_by_rule"], 1),
            "cel_us": round(timed["cel"], 1),
            "rule_engine_us": round(timed["rule_engine"], 1),
        }
    cells = [(name, found, found / timed["ours"]) for name, found in timed.items()]
    return Report(
        metrics,
        (
            Rows("100 rules on one decision", ("engine", "µs", "÷ ours"), cells),
            Rows(
                f"100 rules on {options.rows:,} rows",
                ("way", "seconds"),
                [("columns", history["columns"]), ("row by row", history["by_row"])],
            ),
        ),
        {"decisions": options.decisions, "rows": options.rows, "peers": ", ".join(PEERS)},
    )
