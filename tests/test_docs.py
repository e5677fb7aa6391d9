"""What the documentation says is so: links lead somewhere, names exist, every example runs."""

import ast
import importlib
import importlib.util
import os
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.machinery import SourceFileLoader
from itertools import product
from pathlib import Path
from types import ModuleType

import polars as pl
import polib  # type: ignore[import-untyped]
import pytest
from django.apps import apps
from django.core.management import get_commands

from core.actors import SYSTEM
from core.transitions import Machine
from intake.imports import describe, list_mappings, parse_mapping, run_import
from intake.imports.mapping import LINE_FIELDS, MERCHANT_FIELDS, ORDER_FIELDS
from intake.imports.problems import SENTENCES
from risk.rules.columnar import compile_columns
from risk.rules.engine import Effect, Mode
from risk.rules.expression import ExpressionError, parse, parse_value
from risk.rules.functions import FUNCTIONS
from risk.rules.scalar import compile_conditions, compile_values
from risk.rules.schema import Field, FieldType, Schema
from risk.schemas import schema_of

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = [*sorted(DOCS.rglob("*.md")), *filter(Path.exists, [ROOT / "README.md"])]
OURS = {path.parent.name for path in ROOT.glob("*/__init__.py")}
FILE_SUFFIXES = (".css", ".js", ".sqlite3", ".toml")
SUBJECTS = ("order", "listing", "application", "merchant")

pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())


def blocks(page: str, language: str) -> list[str]:
    """Return the fenced blocks of a page in a language."""
    text = (DOCS / page).read_text("utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def tables(page: str, heading: str) -> list[list[str]]:
    """Return the rows of the first table after a heading, its own head left out."""
    rest = (DOCS / page).read_text("utf-8").split(heading, 1)[1]
    found = re.search(r"^\|[-| ]+\|\n((?:\|.*\n)+)", rest, re.MULTILINE)
    assert found, f"{page} has no table after {heading!r}"
    return [[cell.strip() for cell in line[1:-1].split(" |")] for line in found[1].splitlines()]


def code_spans(text: str) -> list[str]:
    """Return the inline code of a page; fenced blocks are something else."""
    return re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE))


# ── Every page ───────────────────────────────────────────────────────────────────────────────────
@pages
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text("utf-8")
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"(https?|mailto):", target):
            continue
        name, _, anchor = target.partition("#")
        goal = (page.parent / name) if name else page
        if not goal.exists() or (anchor and anchor not in _anchors(goal.read_text("utf-8"))):
            broken.append(target)
    assert broken == []


def _anchors(text: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pages
def test_commands_exist(page: Path) -> None:
    text = page.read_text("utf-8")
    for name in re.findall(r"(?<![\w/.])bin/([a-z_]+)", text):
        assert os.access(ROOT / "bin" / name, os.X_OK), f"bin/{name}"
    for name in re.findall(r"bin/bench ([a-z_]+)", text):
        assert (ROOT / "benchmarks" / f"{name}.py").exists(), f"bin/bench {name}"
    for name in re.findall(r"manage\.py ([a-z_]+)", text):
        assert name in get_commands(), f"manage.py {name}"
    for name in re.findall(r"python -m ([a-z_.]+)", text):
        assert importlib.util.find_spec(name) is not None, f"python -m {name}"


@pages
def test_files_and_names_exist(page: Path) -> None:
    for span in code_spans(page.read_text("utf-8")):
        if re.fullmatch(r"[\w.*-]+(/[\w.*-]*)+", span) and (ROOT / span.split("/")[0]).exists():
            if not span.startswith("var/"):
                assert list(ROOT.glob(span.replace("NAME", "*"))), span
        elif found := re.match(rf"(?:{'|'.join(sorted(OURS))})(?:\.\w+)+", span):
            assert _exists(found[0]) or found[0].endswith(FILE_SUFFIXES), span


def _exists(dotted: str) -> bool:
    """Tell whether a dotted name leads to a module or to something in one."""
    parts = dotted.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found: object = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for part in parts[length:]:
            if not hasattr(found, part):
                return False
            found = getattr(found, part)
        return True
    return False


@pages
def test_tests_that_are_named_exist(page: Path) -> None:
    named = {span for span in code_spans(page.read_text("utf-8")) if re.fullmatch(r"test_\w+", span)}
    assert named <= _test_names()


def _test_names() -> set[str]:
    sources = (path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    return {name for source in sources for name in re.findall(r"def (test_\w+)", source)}


@pages
def test_nothing_of_one_machine_is_told(page: Path) -> None:
    assert not re.search(r"(?<![\w.])/(work|home|root|Users)/", page.read_text("utf-8"))


# ── docs/states.md ───────────────────────────────────────────────────────────────────────────────
def _load_states() -> ModuleType:
    """bin/states has no suffix, as a command should."""
    loader = SourceFileLoader("states_tool", str(ROOT / "bin" / "states"))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[loader.name] = module
    loader.exec_module(module)
    return module


def test_states_are_those_of_the_machines() -> None:
    assert (DOCS / "states.md").read_text("utf-8") == _load_states().page(), "run bin/states"


def test_no_machine_is_left_out() -> None:
    shown = {name for name, _ in _load_states().machines()}
    assert shown == set(_declared_machines())


def _declared_machines() -> Iterator[str]:
    for config in apps.get_app_configs():
        if config.name in OURS and importlib.util.find_spec(f"{config.name}.states"):
            module = importlib.import_module(f"{config.name}.states")
            yield from (f"{module.__name__}.{n}" for n, v in vars(module).items() if isinstance(v, Machine))


# ── docs/rules.md ────────────────────────────────────────────────────────────────────────────────
EXAMPLES = [
    (subject, condition)
    for subject in SUBJECTS
    for block in blocks("rules.md", subject)
    for condition in block.strip().split("\n\n")
]


@pytest.mark.parametrize(("subject", "condition"), EXAMPLES)
def test_rule_example_is_read_and_runs(subject: str, condition: str) -> None:
    assert _judge(condition, schema_of(subject), {}) in {True, False, None}


@pytest.mark.parametrize(("condition", "code"), tables("rules.md", "## What is refused, and how"))
def test_refused_example_is_refused_like_that(condition: str, code: str) -> None:
    with pytest.raises(ExpressionError) as refusal:
        parse(condition.strip("`"), schema_of("order"))
    assert refusal.value.code == code


def test_every_refusal_is_listed() -> None:
    listed = set(code_spans((DOCS / "rules.md").read_text("utf-8")))
    listed |= {code for _, code in tables("rules.md", "## What is refused, and how")}
    assert set(_refusal_codes()) - listed == set()


def _refusal_codes() -> Iterator[str]:
    """Yield the code of every error that the parser raises: by keyword, or the word after the sentence."""
    place = {"error": 2, "_error_at": 3, "error_inside": 4}
    sources = [(ROOT / "risk" / "rules" / name).read_text("utf-8") for name in ("expression.py", "source.py")]
    for call in (node for source in sources for node in ast.walk(ast.parse(source))):
        if not isinstance(call, ast.Call):
            continue
        given = [keyword.value for keyword in call.keywords if keyword.arg == "code"]
        index = place.get(getattr(call.func, "attr", ""))
        given += call.args[index : index + 1] if index is not None else []
        yield from (str(node.value) for node in given if isinstance(node, ast.Constant))


@pytest.mark.parametrize("row", tables("rules.md", "## Missing is not false"), ids="-".join)
def test_truth_table_is_what_the_language_does(row: list[str]) -> None:
    schema = Schema("order", (Field("a", FieldType.BOOL), Field("b", FieldType.BOOL)))
    values = {"true": True, "false": False, "missing": None}
    a, b, *expected = (values[cell] for cell in row)
    results = [_judge(text, schema, {"a": a, "b": b}) for text in ("a and b", "a or b", "not a")]
    assert results == expected


@pytest.mark.parametrize(
    ("condition", "facts", "expected"), tables("rules.md", "stored with the decision and shown on the case.")
)
def test_shown_result_is_the_result(condition: str, facts: str, expected: str) -> None:
    given = dict(fact.split(" = ") for fact in facts.split(", ") if fact)
    values = {name: ast.literal_eval(value) for name, value in given.items()}
    result = _judge(condition.strip("`"), schema_of("order"), values)
    assert {True: "true", False: "false", None: "missing"}[result] == expected


FUNCTION_FIELDS = Schema(
    "order",
    (
        Field("name", FieldType.TEXT),
        Field("amount", FieldType.NUMBER),
        Field("placed_at", FieldType.MOMENT),
        Field("signup_at", FieldType.MOMENT),
        Field("ip", FieldType.KEY, "ip"),
    ),
)
FUNCTION_RESULTS = tables("rules.md", "In this table `name` is a text")


@pytest.mark.parametrize(("written", "facts", "expected"), FUNCTION_RESULTS)
def test_shown_result_of_a_function_is_the_result_both_ways(written: str, facts: str, expected: str) -> None:
    given = dict(fact.rsplit(" = ", 1) for fact in re.split(r", (?=\w+ = )", facts) if fact)
    values = {name: _value(name, value) for name, value in given.items()}
    expression = parse_value(written.strip("`"), FUNCTION_FIELDS, {"blocked_ips": "ip", "watchlist": "text"})
    misfits: dict[str, str] = {}
    failures: dict[str, str] = {}
    result = compile_values({"V": expression})(values, misfits, failures)["V"]
    assert (misfits, failures) == ({}, {})
    assert _shown(result) == expected
    # A column of nothing but the row itself keeps the height where no fact is given.
    frame = pl.DataFrame({"row": [0], **{name: [value] for name, value in values.items()}})
    assert compile_columns({"V": expression}).judge(frame)["V"].to_list() == [result]


def _value(name: str, text: str) -> object:
    if name.endswith("_at"):
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    return ast.literal_eval(text)


def _shown(result: object) -> str:
    if result is None:
        return "missing"
    if isinstance(result, bool):
        return "true" if result else "false"
    return f'"{result}"' if isinstance(result, str) else str(result)


def test_every_function_is_documented_with_a_result() -> None:
    shown = " ".join(written for written, _, _ in FUNCTION_RESULTS)
    assert {name for name in (*FUNCTIONS, "date", "similar", "list") if f"{name}(" not in shown} == set()
    described = " ".join(cell for _, cell, _ in tables("rules.md", "## Functions"))
    assert {
        signature.usage for signature in FUNCTIONS.values() if f"`{signature.usage}`" not in described
    } == set()


def _judge(condition: str, schema: Schema, facts: dict[str, object]) -> bool | None:
    """Return what a condition says; a fact that does not fit, or a rule that raises, fails the test."""
    misfits: dict[str, str] = {}
    failures: dict[str, str] = {}
    judge = compile_conditions({"R": parse(condition, schema)})
    results = judge(facts, misfits, failures)
    assert (misfits, failures) == ({}, {})
    return results["R"]


@pytest.mark.parametrize("subject", SUBJECTS)
def test_every_field_is_documented_and_no_other(subject: str) -> None:
    section = (DOCS / "rules.md").read_text("utf-8").split(f"## Fields of {subject}s")[1].split("\n## ")[0]
    plain = {span for span in code_spans(section) if re.fullmatch(r"[a-z][a-z0-9_.]+", span)}
    patterns = list(_fields_of_patterns()) if subject == "order" else []
    declared = {field.name for field in schema_of(subject).fields}
    assert declared - plain - set(patterns) == set()
    # For a merchant different cards and buyers go up to 7 days, as the text below the table says.
    never = {"merchant_cards_30d_distinct", "merchant_buyers_30d_distinct"}
    assert (plain | set(patterns)) - declared - never == set()


def _fields_of_patterns() -> Iterator[str]:
    for pattern, _, entities, windows in tables("rules.md", "History, before the order and without it."):
        for entity, window in product(entities.split(", "), windows.split(", ")):
            yield pattern.strip("`").replace("ENTITY", entity).replace("WINDOW", window)


def test_every_effect_and_mode_is_documented() -> None:
    effects = {row[0].strip("`") for row in tables("rules.md", "## Effects")}
    assert effects == {effect.value for effect in Effect}
    assert {mode.value for mode in Mode} <= set(code_spans((DOCS / "rules.md").read_text("utf-8")))


# ── docs/importing.md ────────────────────────────────────────────────────────────────────────────
@pytest.mark.django_db
def test_the_import_of_the_page_gives_what_the_page_shows(tmp_path: Path) -> None:
    (mapping,), (rows, errors), (said,) = (blocks("importing.md", kind) for kind in ("toml", "csv", "text"))
    path = tmp_path / "orders.csv"
    path.write_text(rows)
    at = datetime(2026, 3, 2, tzinfo=UTC)
    batch = run_import(path, parse_mapping("shop", mapping), actor=SYSTEM, at=at)
    assert describe(batch)[:-1] == said.splitlines()
    assert batch.error_file.read().decode() == errors


def test_every_shipped_mapping_is_named() -> None:
    assert set(list_mappings()) <= set(code_spans((DOCS / "importing.md").read_text("utf-8")))


def test_every_field_of_a_mapping_is_named() -> None:
    section = (DOCS / "importing.md").read_text("utf-8").split("## Keys of a mapping")[1].split("\n## ")[0]
    named = set(code_spans(section))
    assert named >= ORDER_FIELDS | LINE_FIELDS | MERCHANT_FIELDS


def test_every_import_problem_is_documented_and_no_other() -> None:
    sources = {path.name: path.read_text("utf-8") for path in (ROOT / "intake" / "imports").glob("*.py")}
    refusals = set(re.findall(r'code="(\w+)"', "".join(sources.values()))) - SENTENCES.keys()
    used = {
        code
        for code in SENTENCES
        if any(f'"{code}"' in source for name, source in sources.items() if name != "problems.py")
    }
    text = (DOCS / "importing.md").read_text("utf-8")
    documented = {
        code for line in re.findall(r"^\| (`[a-z_`, ]+`) \|", text, re.MULTILINE) for code in code_spans(line)
    }
    assert (refusals | used) - documented == set()
    assert documented - refusals - used <= {"import_refused", "title", "file"}


# ── docs/benchmarks.md ───────────────────────────────────────────────────────────────────────────
def test_every_benchmark_has_its_section_and_metrics() -> None:
    helpers = {"__init__", "__main__", "handbook", "harness", "load", "marketplace", "serving", "working_day"}
    text = (DOCS / "benchmarks.md").read_text("utf-8")
    for path in sorted((ROOT / "benchmarks").glob("*.py")):
        if path.stem in helpers:
            continue
        heading = f"## {path.stem}"
        assert heading in text, heading
        for metric, *_ in tables("benchmarks.md", heading):
            assert f'"{metric.strip("`")}"' in path.read_text("utf-8"), f"{path.stem}: {metric}"


# ── docs/decisions, docs/glossary.md ─────────────────────────────────────────────────────────────
def test_every_decision_is_in_the_index() -> None:
    index = (DOCS / "decisions" / "README.md").read_text("utf-8")
    pages = sorted((DOCS / "decisions").glob("[0-9]*.md"))
    assert [name for page in pages if (name := page.name) not in index] == []
    for page in pages:
        text = page.read_text("utf-8")
        parts = ("# ", "## Context", "## Decision", "## Consequences")
        assert all(f"\n{part}" in f"\n{text}" for part in parts), page.name


def test_chinese_terms_are_those_of_the_pages() -> None:
    parts = [polib.pofile(str(path)) for path in (ROOT / "locale/zh_Hans/parts").glob("*.po")]
    words: dict[str, set[str]] = {}
    for entry in (entry for part in parts for entry in part):
        words.setdefault(entry.msgid.lower(), set()).add(entry.msgstr)
    anywhere = " ".join(word for found in words.values() for word in found)
    terms = re.findall(
        r"^\| \*\*([^|*]+)\*\* \| ([^|]+) \|", (DOCS / "glossary.md").read_text("utf-8"), re.MULTILINE
    )
    assert len(terms) > 40
    for english, chinese in terms:
        said = words.get(english.lower(), set()) | words.get(f"{english.lower()}s", set())
        if chinese != "–":
            assert chinese in (" ".join(said) or anywhere), english
