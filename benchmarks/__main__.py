"""`bin/bench NAME [options]`: sets up the database it is given, runs one benchmark and prints its report.

A benchmark is a module here with a one-line docstring and

    def add_arguments(parser: argparse.ArgumentParser) -> None      (only if it has options)
    def run(options: argparse.Namespace) -> harness.Report
"""

import argparse
import importlib
import importlib.util
import os
import pkgutil
import sys
from pathlib import Path
from types import ModuleType
from typing import Protocol, cast

import benchmarks
from benchmarks import harness

ROOT = Path(__file__).resolve().parent.parent
_NOT_BENCHMARKS = {"__main__", "handbook", "harness", "load", "marketplace", "serving", "working_day"}


class Benchmark(Protocol):
    """What a benchmark module offers."""

    def run(self, options: argparse.Namespace) -> harness.Report: ...


def main(arguments: list[str]) -> int:
    names = _names()
    if not arguments or arguments[0] in {"-h", "--help", "--list"}:
        return _list(names)
    name, *rest = arguments
    if name not in names:
        print(f"There is no benchmark “{name}”; there are: {', '.join(names) or 'none'}.", file=sys.stderr)
        return 2
    _set_up_database()
    module = importlib.import_module(f"benchmarks.{name}")
    options = _options(name, module, rest)
    harness.print_report(name, cast("Benchmark", module).run(options))
    return 0


def _names() -> list[str]:
    found = {module.name for module in pkgutil.iter_modules(benchmarks.__path__)}
    return sorted(found - _NOT_BENCHMARKS)


def _list(names: list[str]) -> int:
    print("usage: bin/bench NAME [options]\n")
    for name in names:
        spec = importlib.util.find_spec(f"benchmarks.{name}")
        assert spec is not None
        assert spec.origin is not None
        print(f"  {name:20} {_first_line(Path(spec.origin))}")
    return 0


def _first_line(path: Path) -> str:
    # Read, not imported: a benchmark may need settings and seconds to load.
    return path.read_text().lstrip('"').split("\n", 1)[0].rstrip('"')


def _set_up_database() -> None:
    """Migrate the database of DATABASE_URL, or an embedded one apart from the demo's."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backoffice.settings")
    if "DATABASE_URL" not in os.environ:
        os.environ.setdefault("BACKOFFICE_VAR", str(ROOT / "var" / "bench"))
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", interactive=False, verbosity=0)


def _options(name: str, module: ModuleType, arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=f"bin/bench {name}", description=module.__doc__)
    if hasattr(module, "add_arguments"):
        module.add_arguments(parser)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
