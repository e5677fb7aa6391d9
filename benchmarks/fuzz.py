"""What a million random texts do to the parser of the rule language: crashes, the slowest, escapes."""

import argparse
import ast
import multiprocessing
import random
import string
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any, get_args

from benchmarks.harness import Report, Rows
from risk.rules.errors import ExpressionError
from risk.rules.expression import parse, parse_value
from risk.rules.schema import Field, FieldType, Schema
from risk.rules.tree import Literal, Node, walk

_SEED = 20_261_126
_CHUNK = 10_000

SCHEMA = Schema(
    "order",
    (
        Field("order.amount", FieldType.NUMBER),
        Field("order.lines", FieldType.NUMBER),
        Field("buyer_account_age_hours", FieldType.NUMBER),
        *(Field(f"device_orders_{n}d_count", FieldType.NUMBER) for n in range(150)),
        Field("order.is_gift", FieldType.BOOL),
        Field("order.has_card", FieldType.BOOL),
        Field("order.currency", FieldType.TEXT),
        Field("merchant.name", FieldType.TEXT),
        Field("order.placed_at", FieldType.MOMENT),
        Field("buyer.signup_at", FieldType.MOMENT),
        Field("order.ip", FieldType.KEY, "ip"),
    ),
)
LISTS = {"blocked_ips": "ip", "watchlist": "text", "vip": "text"}
VALID = (
    "order.amount > 500 and buyer_account_age_hours < 24",
    'order.ip in list("blocked_ips")',
    'similar(lower(merchant.name), list("watchlist")) >= 0.92',
    'order.currency not in ["DE", "FR", "GB"] or order.is_gift',
    "hours_between(order.placed_at, buyer.signup_at) < 1",
    "50 <= order.amount < 200 and not order.has_card",
    "default(order.amount / order.lines, 0) * 2 - 1 >= -5",
    r'matches(merchant.name, "^[a-z]+\d{2,}(ltd|inc)?$")',
    'order.placed_at >= date("2026-01-31") and hour(order.placed_at) in [0, 1, 2]',
    "min(order.amount, order.lines, 3) is not missing # a comment",
    'contains(lower(merchant.name), "bot") == (order.currency is missing)',
)
PYTHON = (
    "__import__('os').system('id')",
    "().__class__.__mro__[1].__subclasses__()",
    "(lambda: order.amount)() > 1",
    "[x for x in [1, 2]] == 1",
    "{k: v for k, v in {}} is missing",
    "(x := order.amount) > 0",
    "f'{order.amount!r}' == '1'",
    "f'{__import__(\"os\")}' == ''",
    "order.amount if order.is_gift else 1",
    "eval('1') == exec('1')",
    "open('/etc/passwd').read() == ''",
    "getattr(order, 'amount') > 1",
    "order.amount.__class__ == 1",
    "default.__globals__['x'] is missing",
    "await order",
    "yield order.amount",
    "*order, **order",
    "order[0:1] @ order ** 99999",
    "print(breakpoint(), end='')",
    "import os; os.system('id')",
    "b'a' in rb'a' + u'a'",
    "9 ** 9 ** 9 ** 9 > 1",
    "'a' * 10 ** 10 == ''",
    "...is None",
    "lambda *a, **k: (yield)",
    "type('X', (), {})() == 1",
)
WORDS = """
and or not in is missing default list similar date matches contains starts ends lower abs round min max hour
weekday hours_between days_between true false None if else for lambda order.amount order.currency
merchant.name order.placed_at order.ip order buyer x é 中国 1 0.5 1e999 0x1F 1_000 1j "a" 'b' "2026-01-31"
"blocked_ips" == != <= >= := -> ** // << ...
"""
PIECES = r"""
a b \d \w \s \D \b \. \\ . ^ $ | ( ) (?: * + ? {2} {2,} {1,100} {1000} [a-z] [^x] [[:alpha:]] [ ] (?i) (?=a)
(?<=a) (?P<n>a) \1 \pL \x41 \Q *? (a+)+ (a|a)* (a|b|ab)* (.*)* ((a{9}){9}){9} é 中 😀
"""
TOKENS = (*"()[]{}.,:;+-*/%<>=!&|^~@#'\"\\ \t\n\r", *WORDS.split())
PATTERN_PARTS = PIECES.split()
NESTS = (
    ("(", ")"),
    ("not (", ")"),
    ("-(", ")"),
    ("abs(", ")"),
    ("lower(", ")"),
    ("default(", ", 0)"),
    ("1 + (", ")"),
    ("order.is_gift and (", ")"),
    ("[", "]"),
    ("{", "}"),
    ("(x:=", ")"),
    ("-", ""),
)
CHAINS = (
    ("order.is_gift", " and "),
    ("order.amount > 1", " or "),
    ("not order.is_gift", "\nor "),
    ("order.is_gift", " == "),
    ("ordr.amout", " + "),
    ("order.lines", "+"),
    ("1", " < "),
    ("1", "-"),
    ("(1)", "*"),
    ("x", " in "),
    ("a", "."),
    ("'a'", ","),
    ("'a'", ",\n"),
    ("'é'", " "),
    ('"\\"', ", "),
)


def _soup(chance: random.Random) -> str:
    return chance.choice(("", " ")).join(chance.choices(TOKENS, k=chance.randrange(1, 60)))


def _mutated(chance: random.Random) -> str:
    return _mutate(chance, chance.choice(VALID))


def _python(chance: random.Random) -> str:
    code = chance.choice(PYTHON)
    form = chance.randrange(4)
    if form == 0:
        return code
    if form == 1:
        return f"order.is_gift {chance.choice(('and', 'or', '==', 'is', 'in'))} {code}"
    if form == 2:
        return f"{chance.choice(('lower', 'default', 'abs', 'matches', 'list'))}({code}, {code})"
    return _mutate(chance, code)


def _deep(chance: random.Random) -> str:
    opening, closing = chance.choice(NESTS)
    depth = int(2 ** chance.uniform(0, 10))
    inner = chance.choice(("order.amount > 1", "order.is_gift", "1", "merchant.name", ""))
    return f"{opening * depth}{inner}{closing * chance.choice((depth, depth, depth - 1, depth + 1))}"


def _chain(chance: random.Random) -> str:
    part, word = chance.choice(CHAINS)
    joined = word.join([part] * int(2 ** chance.uniform(0, 10.5)))
    form = chance.choice(("{}", "({})", "order.currency in [{}]", "min({}) > 1", "{} > 0"))
    return form.replace("{}", joined)


def _unicode(chance: random.Random) -> str:
    planes = (0x80, 0x250, 0x3000, 0xE010, 0xFFFF, 0x1D800, 0x10FFFF)
    text = "".join(chr(chance.randrange(chance.choice(planes))) for _ in range(chance.randrange(1, 40)))
    return chance.choice(("{}", "order.currency == '{}'", "{} > 1", "lower({}) == 'a'")).replace("{}", text)


def _pattern(chance: random.Random) -> str:
    parts = chance.choices(PATTERN_PARTS, k=chance.randrange(1, 12))
    pattern = "".join(parts) * chance.choice((1, 1, 1, 2, 9))
    if chance.random() < 0.9:
        return f'matches(merchant.name, "{pattern}")'
    return " or ".join(f'matches(merchant.name, "{number}{pattern}")' for number in range(90))


def _listed(chance: random.Random) -> str:
    code = chance.choice((*LISTS, "blocked", "watch_list", "", "x" * 3_000))
    operand = chance.choice(("order.ip", "merchant.name", "lower(merchant.name)", "order.amount", "'a'"))
    form = chance.choice(("{o} in list('{c}')", "{o} not in list('{c}')", "similar({o}, list('{c}')) > 0"))
    return form.format(o=operand, c=code)


def _noise(chance: random.Random) -> str:
    return "".join(chance.choices(string.printable, k=int(2 ** chance.uniform(0, 12.1))))


def _mutate(chance: random.Random, text: str) -> str:
    for _ in range(chance.randrange(5)):
        start = chance.randrange(len(text) + 1)
        end = min(len(text), start + chance.randrange(4))
        text = text[:start] + chance.choice(("", "", chance.choice(TOKENS), text[start:end] * 2)) + text[end:]
    return text


GENERATORS: dict[str, Callable[[random.Random], str]] = {
    "token soup": _soup,
    "mutated rules": _mutated,
    "Python code": _python,
    "deep nesting": _deep,
    "long chains": _chain,
    "Unicode": _unicode,
    "patterns": _pattern,
    "lists": _listed,
    "noise": _noise,
}


@dataclass(frozen=True)
class Finding:
    """What one chunk of texts did.

    slowest   (milliseconds of processor time, text)
    crashes   texts that raised anything but a refusal, or gave a tree that is not ours
    escapes   (what happened while a text was read, text)
    """

    count: int
    read: int
    slowest: tuple[float, str]
    crashes: Sequence[tuple[str, str]]
    escapes: Sequence[tuple[str, str]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--expressions", type=int, default=1_000_000)
    parser.add_argument("--processes", type=int, default=multiprocessing.cpu_count())
    parser.add_argument("--seed", type=int, default=_SEED)


def run(options: argparse.Namespace) -> Report:
    """Read the texts in worker processes that watch for anything but reading."""
    findings = fuzz(options.expressions, processes=options.processes, seed=options.seed)
    slowest_ms, slowest = max(finding.slowest for finding in findings)
    crashes = [crash for finding in findings for crash in finding.crashes]
    escapes = [escape for finding in findings for escape in finding.escapes]
    metrics = {
        "expressions": sum(finding.count for finding in findings),
        "crashes": len(crashes),
        "slowest_ms": round(slowest_ms, 2),
        "escapes": len(escapes),
    }
    shown = [(what, repr(text[:80])) for what, text in (*crashes, *escapes)[:20]]
    tables = (Rows("What went wrong", ("what", "text"), shown),) if shown else ()
    read = sum(finding.read for finding in findings)
    return Report(metrics, tables, {"read": read, "slowest": repr(slowest[:60]), "seed": options.seed})


def fuzz(count: int, *, processes: int, seed: int = _SEED) -> list[Finding]:
    """Return what random texts did, by chunk; a worker that dies raises BrokenProcessPool."""
    chunks = [(seed + start, min(_CHUNK, count - start)) for start in range(0, count, _CHUNK)]
    # Fresh interpreters: an audit hook cannot be taken back.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context, initializer=_watch) as pool:
        return list(pool.map(_read_chunk, chunks))


_watched: list[str] | None = None  # what happened while a text is read, or None in between


def _watch() -> None:
    # What is imported when it is first needed is no escape: read one text of each kind before.
    warnings.simplefilter("ignore", SyntaxWarning)  # of Python, on what it reads nevertheless
    chance = random.Random(0)
    for generate in GENERATORS.values():
        for number in range(50):
            _attempt(generate(chance), number)
    sys.addaudithook(_note)


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    global _watched
    if _watched is None:
        return
    events, _watched = _watched, None  # asking for the frame is an event as well
    try:
        if event != "compile" or not _is_parsing(sys._getframe(1)):
            events.append(event)
    finally:
        _watched = events


def _is_parsing(frame: Any) -> bool:
    """Tell whether compile() was called by ast.parse, and only for a syntax tree."""
    return frame.f_code is ast.parse.__code__ and frame.f_locals["flags"] == ast.PyCF_ONLY_AST


def _read_chunk(chunk: tuple[int, int]) -> Finding:
    global _watched
    seed, count = chunk
    chance = random.Random(seed)
    generators = list(GENERATORS.values())
    slowest, read = (0.0, ""), 0
    crashes: list[tuple[str, str]] = []
    escapes: list[tuple[str, str]] = []
    for number in range(count):
        text = generators[number % len(generators)](chance)
        _watched, started = [], time.thread_time()
        outcome = _attempt(text, number // len(generators))
        elapsed_ms, events, _watched = (time.thread_time() - started) * 1_000, _watched, None
        slowest = max(slowest, (elapsed_ms, text))
        read += outcome == ""
        crashes += [(outcome, text)] if outcome else []
        escapes += [(event, text) for event in events or ()]
    return Finding(count, read, slowest, crashes, escapes)


def _attempt(text: str, number: int) -> str | None:
    """Read a text, every second one as a condition.

    Returns "" if it was read, None if it was refused, or what is wrong with either.
    """
    try:
        read = parse if number % 2 else parse_value
        root = read(text, SCHEMA, LISTS).root
    except ExpressionError as error:
        is_inside = 0 <= error.offset <= error.offset + error.length <= len(text)
        return None if is_inside else "a place outside the text"
    except Exception as error:  # whatever it is, it is the finding
        return error.__class__.__name__
    return "" if all(map(_is_ours, walk(root))) else "a node that is not ours"


def _is_ours(node: Node) -> bool:
    is_value = not isinstance(node, Literal) or type(node.value) in (float, bool, str, datetime)
    return type(node) in get_args(Node) and is_value
