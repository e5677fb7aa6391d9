"""Random texts never crash the parser, and while one is read nothing is run, imported or opened."""

import subprocess
import sys

import pytest

from benchmarks import fuzz

# What the watch of a worker notes while a statement runs.
_WATCHED = """
import ast, sys
from benchmarks import fuzz
sys.addaudithook(fuzz._note)
fuzz._watched = []
{statement}
seen, fuzz._watched = fuzz._watched, None
print(",".join(seen))
"""


@pytest.mark.slow
def test_random_texts_are_read_or_refused_and_do_nothing_else() -> None:
    findings = fuzz.fuzz(20_000, processes=1)
    assert sum(finding.count for finding in findings) == 20_000
    assert [crash for finding in findings for crash in finding.crashes] == []
    assert [escape for finding in findings for escape in finding.escapes] == []
    assert sum(finding.read for finding in findings) > 1_000


@pytest.mark.slow
@pytest.mark.parametrize(
    ("statement", "seen"),
    [
        ("ast.parse('1 + 1', mode='eval')", ""),
        ("compile('1 + 1', '', 'eval')", "compile"),
        ("ast.parse('1', type_comments=True)", "compile"),
        ("eval('1 + 1')", "compile,exec"),
        ("import wave", "import"),
    ],
)
def test_the_watch_tells_reading_from_running(statement: str, seen: str) -> None:
    source = _WATCHED.format(statement=statement)
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    assert done.stdout.strip().startswith(seen)
    assert bool(seen) == bool(done.stdout.strip())
