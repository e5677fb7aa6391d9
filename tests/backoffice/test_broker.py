"""The embedded broker under real Celery workers, killed without warning."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from celery import Celery
from kombu import Connection, Queue
from kombu.exceptions import ChannelError

from backoffice import broker
from backoffice.spool import Spool

ROOT = Path(__file__).parents[2]
TASKS = 300
URL = "embedded://localhost/"

broker.register()


def connect(folder: Path) -> Connection:
    return Connection(URL, transport_options={"folder": str(folder)})


class Workers:
    """Real workers over one spool, and what they have executed."""

    def __init__(self, folder: Path) -> None:
        self.spool, self.done = folder / "spool", folder / "done"
        self._log = (folder / "worker.log").open("ab")
        self._running: list[subprocess.Popen[bytes]] = []
        self._sender = Celery("sender", set_as_current=False)
        self._sender.conf.update(
            broker_url=URL,
            broker_transport_options={"folder": str(self.spool)},
            task_default_queue="decisions",
        )

    def start(self, *, concurrency: int = 2) -> "subprocess.Popen[bytes]":
        arguments = ["-m", "celery", "-A", "tests.backoffice.embedded_app", "worker", "--loglevel", "INFO"]
        arguments += ["--concurrency", str(concurrency), "--hostname", f"w{len(self._running)}@test"]
        arguments += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
        environment = {**os.environ, "SPOOL": str(self.spool), "DONE": str(self.done)}
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=environment,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )
        self._running.append(process)
        return process

    def send(self, task: str, *args: object) -> None:
        self._sender.send_task(task, args=args)

    def executions(self) -> Counter[int]:
        try:
            return Counter(int(line) for line in self.done.read_text().splitlines())
        except FileNotFoundError:
            return Counter()

    def wait_for(self, condition: Callable[[Counter[int]], bool], *, seconds: float = 60) -> None:
        ends_at = time.monotonic() + seconds
        while not condition(self.executions()):
            assert time.monotonic() < ends_at, f"only {len(self.executions())} tasks were executed"
            time.sleep(0.02)

    def stop(self) -> None:
        for process in self._running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self._log.close()


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[Workers]:
    workers = Workers(tmp_path)
    yield workers
    workers.stop()


def kill_all(process: "subprocess.Popen[bytes]") -> None:
    os.killpg(process.pid, signal.SIGKILL)


def kill_parent_only(process: "subprocess.Popen[bytes]") -> None:
    os.kill(process.pid, signal.SIGKILL)


@pytest.mark.slow
@pytest.mark.parametrize("kill", [kill_all, kill_parent_only])
def test_a_worker_killed_in_the_middle_loses_no_task(
    workers: Workers, kill: Callable[["subprocess.Popen[bytes]"], None]
) -> None:
    for number in range(TASKS):
        workers.send("write_down", number, 0.005)
    first = workers.start()
    workers.wait_for(lambda executed: len(executed) >= TASKS // 3)
    kill(first)
    first.wait()
    assert len(workers.executions()) < TASKS, "the worker was killed too late to prove anything"

    workers.start()
    workers.wait_for(lambda executed: len(executed) == TASKS)
    # Repeated are only those that were running or prefetched at the kill: 2 processes × (1 + 4) at most.
    repeated = sum(count - 1 for count in workers.executions().values())
    assert repeated <= 10


@pytest.mark.slow
def test_a_second_worker_takes_over_from_a_killed_one_without_a_restart(workers: Workers) -> None:
    for number in range(40):
        workers.send("write_down", number, 0.1)
    first, _ = workers.start(), workers.start()
    workers.wait_for(lambda executed: len(executed) >= 10)
    os.killpg(first.pid, signal.SIGKILL)
    workers.wait_for(lambda executed: len(executed) == 40)


@pytest.mark.slow
def test_a_task_whose_pool_process_dies_is_executed_again(workers: Workers) -> None:
    workers.start(concurrency=1)
    workers.send("die_once", 7)
    workers.wait_for(lambda executed: executed == Counter({7: 1}))


@pytest.mark.slow
def test_a_worker_that_is_asked_to_stop_gives_its_prefetched_tasks_back(workers: Workers) -> None:
    for number in range(12):
        workers.send("write_down", number, 0.3)
    process = workers.start(concurrency=1)
    workers.wait_for(lambda executed: len(executed) >= 2)
    process.terminate()
    process.wait(timeout=20)
    executed = workers.executions()
    waiting = Spool(workers.spool).size("decisions")
    assert max(executed.values()) == 1
    assert len(executed) + waiting == 12


def test_a_message_survives_its_consumer_until_it_is_acknowledged(tmp_path: Path) -> None:
    with connect(tmp_path) as connection:
        queue = connection.SimpleQueue("decisions")
        queue.put({"order": 1})
        message = queue.get(timeout=1)
        assert message.payload == {"order": 1}
        message.requeue()
        again = queue.get(timeout=1)
        again.ack()
        with pytest.raises(queue.Empty):
            queue.get(timeout=0.05)


def test_closing_a_channel_returns_what_was_not_acknowledged(tmp_path: Path) -> None:
    with connect(tmp_path) as connection:
        connection.SimpleQueue("decisions").put({"order": 1})
        with connection.channel() as channel:
            assert Queue("decisions", channel=channel).get() is not None
            assert Spool(tmp_path).size("decisions") == 0
        assert Spool(tmp_path).size("decisions") == 1


def test_an_unreadable_message_is_set_aside_and_the_next_delivered(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with connect(tmp_path) as connection:
        queue = connection.SimpleQueue("decisions")
        (tmp_path / "ready" / "decisions").mkdir()
        (tmp_path / "ready" / "decisions" / "0-broken").write_bytes(b'{"properties": ')
        queue.put({"order": 2})
        assert queue.get(timeout=1).payload == {"order": 2}
    assert len(list((tmp_path / "broken").iterdir())) == 1
    assert "unreadable" in caplog.text


def test_a_consumer_that_would_not_acknowledge_is_refused(tmp_path: Path) -> None:
    with connect(tmp_path) as connection, pytest.raises(ChannelError, match="acknowledge"):
        Queue("decisions", channel=connection.channel()).get(no_ack=True)


def test_a_connection_without_a_folder_is_refused() -> None:
    with Connection(URL) as connection, pytest.raises(ValueError, match="folder"):
        connection.connect()


def test_waiting_for_a_message_ends_in_time(tmp_path: Path) -> None:
    with connect(tmp_path) as connection:
        connection.connect()
        started = time.monotonic()
        with pytest.raises(TimeoutError):
            connection.drain_events(timeout=0.1)
        assert 0.1 <= time.monotonic() - started < 1
