"""The processes of one machine: started, watched, stopped, and cleaned up after a crash."""

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from backoffice import liveness
from backoffice.processes import Program
from backoffice.supervisor import NotReady, Supervisor

ROOT = Path(__file__).parents[2]
# Shows life as a worker does, and has a child process as a pool has.
LIVES = """
    import subprocess, sys, time
    from backoffice import liveness
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], close_fds=False)
    print(child.pid, flush=True)
    liveness.touch()
    time.sleep(60)
"""


def program(code: str, name: str = "decisions") -> Program:
    command = (sys.executable, "-c", textwrap.dedent(code))
    return Program(name, command, {liveness.NAME_VARIABLE: name})


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with contextlib.suppress(FileNotFoundError):  # a killed orphan stays a zombie where nobody collects it
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    return not Path("/proc/self").exists()


def wait_until_gone(*pids: int) -> None:
    ends_at = time.monotonic() + 10
    while any(is_running(pid) for pid in pids):
        assert time.monotonic() < ends_at, "a process is still running"
        time.sleep(0.02)


def started_pids(supervisor: Supervisor, name: str = "decisions") -> tuple[int, int]:
    return supervisor.pid(name), int(supervisor.log_path(name).read_text().split()[-1])


@pytest.mark.slow
def test_programs_become_ready_and_leave_nothing_behind(tmp_path: Path) -> None:
    with Supervisor(tmp_path, [program(LIVES)]) as supervisor:
        supervisor.wait_until_ready(timeout_s=20)
        pids = started_pids(supervisor)
        assert all(is_running(pid) for pid in pids)
    wait_until_gone(*pids)


@pytest.mark.slow
def test_a_program_that_ends_at_once_is_told_with_its_last_words(tmp_path: Path) -> None:
    broken = program("raise SystemExit('no such database')")
    with Supervisor(tmp_path, [broken]) as supervisor, pytest.raises(NotReady, match="no such database"):
        supervisor.wait_until_ready(timeout_s=20)


@pytest.mark.slow
def test_a_silent_program_is_not_ready(tmp_path: Path) -> None:
    silent = program("import time; time.sleep(60)")
    with Supervisor(tmp_path, [silent]) as supervisor, pytest.raises(NotReady, match="did not start within"):
        supervisor.wait_until_ready(timeout_s=0.3)


@pytest.mark.slow
def test_a_sign_of_life_from_an_earlier_run_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "alive").mkdir()
    (tmp_path / "alive" / "decisions.alive").touch()
    silent = program("import time; time.sleep(60)")
    with Supervisor(tmp_path, [silent]) as supervisor, pytest.raises(NotReady):
        supervisor.wait_until_ready(timeout_s=0.3)


@pytest.mark.slow
def test_what_dies_is_started_again_until_asked_to_end(tmp_path: Path) -> None:
    with Supervisor(tmp_path, [program(LIVES)]) as supervisor:
        supervisor.wait_until_ready(timeout_s=20)
        killed = supervisor.pid("decisions")

        def kill_then_end() -> None:
            os.killpg(killed, signal.SIGKILL)
            while supervisor.pid("decisions") == killed:
                time.sleep(0.02)
            os.kill(os.getpid(), signal.SIGTERM)

        threading.Thread(target=kill_then_end, daemon=True).start()
        supervisor.watch()
        assert supervisor.pid("decisions") != killed
        assert is_running(supervisor.pid("decisions"))


@pytest.mark.slow
def test_what_a_killed_supervisor_left_running_is_ended_first(tmp_path: Path) -> None:
    code = f"""
        import time
        from pathlib import Path
        from tests.backoffice.test_supervisor import LIVES, program, started_pids
        from backoffice.supervisor import Supervisor
        with Supervisor(Path({str(tmp_path)!r}), [program(LIVES)]) as supervisor:
            supervisor.wait_until_ready(timeout_s=20)
            print(*started_pids(supervisor), flush=True)
            time.sleep(60)
    """
    first = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert first.stdout is not None
    orphans = [int(pid) for pid in first.stdout.readline().split()]
    assert len(orphans) == 2
    first.kill()
    first.wait()
    assert all(is_running(pid) for pid in orphans)

    with Supervisor(tmp_path, [program(LIVES)]) as second:
        wait_until_gone(*orphans)
        second.wait_until_ready(timeout_s=20)


def test_life_is_shown_for_a_minute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(liveness.NAME_VARIABLE, "beat")
    monkeypatch.setenv(liveness.FOLDER_VARIABLE, str(tmp_path))
    liveness.touch()
    touched_at = (tmp_path / "beat.alive").stat().st_mtime
    assert liveness.is_alive("beat", now=touched_at + 59)
    assert not liveness.is_alive("beat", now=touched_at + 61)
    assert not liveness.is_alive("decisions", now=touched_at)
