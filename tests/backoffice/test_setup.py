"""bin/_setup.sh: what is missing on a machine is told in one sentence with its cure."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = ("sh", "cat", "cksum", "date", "dirname", "env", "grep", "mkdir", "rm", "tail")


class Machine:
    """A checkout and a PATH with nothing on it but the tools every system has, and what a test adds."""

    def __init__(self, folder: Path) -> None:
        self.root, self.path = folder / "checkout", folder / "path"
        (self.root / "bin").mkdir(parents=True)
        self.path.mkdir()
        for name in ("_setup.sh", "demo"):
            shutil.copy(ROOT / "bin" / name, self.root / "bin")
        (self.root / "requirements.txt").write_text("django==5.2.19\n")
        for tool in TOOLS:
            (self.path / tool).symlink_to(str(shutil.which(tool)))

    def add_python(self, name: str, script: str) -> None:
        self._script(self.path / name, script)

    def add_environment(self, script: str) -> None:
        (self.root / ".venv" / "bin").mkdir(parents=True)
        self._script(self.root / ".venv" / "bin" / "python", script)

    def demo(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        environment = {"PATH": str(self.path), "HOME": os.environ.get("HOME", "/")}
        return subprocess.run(
            ["sh", "bin/demo", *arguments], cwd=self.root, env=environment, capture_output=True, text=True
        )

    def _script(self, path: Path, script: str) -> None:
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def told(result: "subprocess.CompletedProcess[str]") -> str:
    assert result.returncode == 1
    return result.stderr.splitlines()[-1]


def test_no_python_is_told_with_the_cure(machine: Machine) -> None:
    sentence = told(machine.demo())
    assert "Python 3.11, 3.12 or 3.13 is needed" in sentence
    assert "apt-get install python3" in sentence


def test_an_old_python_is_no_python(machine: Machine) -> None:
    machine.add_python("python3", "exit 1")  # its answer to the version check
    assert "is needed" in told(machine.demo())


def test_a_shim_that_does_not_start_is_passed_over(machine: Machine) -> None:
    machine.add_python("python3.13", "echo 'version not installed' >&2; exit 127")
    machine.add_python("python3.12", 'case "$*" in *ensurepip*) exit 1;; *) exit 0;; esac')
    assert told(machine.demo()).startswith("backoffice: python3.12 lacks the venv")


def test_a_missing_ensurepip_is_told_with_the_cure(machine: Machine) -> None:
    machine.add_python("python3", 'case "$*" in *ensurepip*) exit 1;; *) exit 0;; esac')
    assert "apt-get install python3-venv" in told(machine.demo())


def test_an_unreachable_index_is_told_with_the_cure(machine: Machine) -> None:
    machine.add_environment(
        'case "$*" in *install*) echo "ERROR: Could not find a version (from versions: none)"; exit 1;; esac'
    )
    assert "no package index could be reached" in told(machine.demo())


def test_another_failure_of_pip_is_quoted(machine: Machine) -> None:
    machine.add_environment('case "$*" in *install*) echo "ERROR: No space left on device"; exit 1;; esac')
    assert "No space left on device" in told(machine.demo())


def test_a_missing_openmp_is_told_with_the_cure(machine: Machine) -> None:
    machine.add_environment(
        'case "$*" in *lightgbm*) echo "OSError: libgomp.so.1: cannot open" >&2; exit 1;; esac'
    )
    assert "apt-get install libgomp1" in told(machine.demo())


def test_requirements_are_installed_once_and_again_when_they_change(machine: Machine) -> None:
    machine.add_environment('echo "$*" >>calls')
    calls = machine.root / "calls"

    def installations() -> int:
        assert machine.demo("--check").returncode == 0
        return calls.read_text().count("pip install")

    assert installations() == 1
    assert installations() == 1
    (machine.root / "requirements.txt").write_text("django==5.2.20\n")
    assert installations() == 2
    assert calls.read_text().splitlines()[-1] == "-m backoffice.demo --check"


def test_no_address_of_a_package_index_is_pinned() -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        text = (ROOT / name).read_text()
        assert "://" not in text
        assert "--index-url" not in text
        assert "--find-links" not in text


@pytest.mark.skipif(sys.platform == "darwin", reason="the system's sh is not dash there")
@pytest.mark.parametrize("name", ["_setup.sh", "bench", "demo", "lint", "lock", "test"])
def test_commands_are_plain_sh(name: str) -> None:
    shell = shutil.which("dash") or "sh"
    subprocess.run([shell, "-n", str(ROOT / "bin" / name)], check=True)
