"""The open-loop client sends what it planned, and counts every answer that is not the right one."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest

from benchmarks.http import Step
from benchmarks.load import Answer, Client, Outcome, Plan, _parse, schedule
from benchmarks.serving import used_between

PLAN = Plan(port=0, token="mk_test_a_b", merchants=["mer_1", "mer_2"], run="r", rate=200, seconds=20)
# Few and fast: for a server of the test's own.
SMALL = replace(PLAN, rate=400, seconds=1.4, warmup_s=0.1, connections=4)


# ── What is sent ─────────────────────────────────────────────────────────────────────────────────
def test_requests_arrive_at_the_planned_rate_and_share_of_repeats() -> None:
    requests = schedule(PLAN)
    counted = [one for one in requests if one.is_counted]
    assert len(counted) == pytest.approx(4_000, rel=0.1)
    assert all(PLAN.warmup_s <= one.due_s < PLAN.warmup_s + PLAN.seconds for one in counted)
    assert sum(one.first != one.number for one in counted) / len(counted) == pytest.approx(0.2, abs=0.03)


def test_a_repeat_is_the_very_same_request_a_second_or_more_later() -> None:
    requests = schedule(PLAN)
    for one in requests:
        first = requests[one.first]
        assert first.first == first.number
        assert one.data == first.data
        assert one is first or 1 <= one.due_s - first.due_s <= 10


def test_every_other_request_has_a_key_of_its_own() -> None:
    fresh = [one for one in schedule(PLAN) if one.first == one.number]
    assert len({_key(one.data) for one in fresh}) == len(fresh)


def test_two_runs_of_a_plan_differ_in_their_keys_only_by_the_run() -> None:
    one, other = schedule(PLAN), schedule(replace(PLAN, run="s"))
    assert [request.due_s for request in one] == [request.due_s for request in other]
    assert not {_key(request.data) for request in one} & {_key(request.data) for request in other}


def _key(data: bytes) -> bytes:
    return data.partition(b"Idempotency-Key: ")[2].partition(b"\r\n")[0]


# ── What is read ─────────────────────────────────────────────────────────────────────────────────
WHOLE = b"HTTP/1.1 201 Created\r\nContent-Length: 5\r\n\r\n{1:2}"


def test_an_answer_is_complete_with_its_last_byte() -> None:
    assert all(_parse(WHOLE[:length]) is None for length in range(len(WHOLE)))
    assert _parse(WHOLE) == Answer("201", b"{1:2}", closes=False)


def test_an_answer_may_close_the_connection() -> None:
    answer = _parse(WHOLE.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    assert answer is not None
    assert answer.closes


# ── What is counted ──────────────────────────────────────────────────────────────────────────────
class Handler(BaseHTTPRequestHandler):
    """Answers what the test says for a key and how often it was seen: status, body, whether to hang up."""

    protocol_version = "HTTP/1.1"
    reply: ClassVar[Callable[[str, int], tuple[int, bytes, bool]]]
    seen: ClassVar[Counter[str]]

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        key = self.headers["Idempotency-Key"]
        self.seen[key] += 1
        status, body, closes = type(self).reply(key, self.seen[key])
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if closes:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving(reply: Callable[[str, int], tuple[int, bytes, bool]]) -> Iterator[int]:
    handler = type("Replying", (Handler,), {"reply": staticmethod(reply), "seen": Counter()})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def outcome_of(reply: Callable[[str, int], tuple[int, bytes, bool]]) -> Outcome:
    with serving(reply) as port:
        plan = replace(SMALL, port=port)
        return Client(plan).run(schedule(plan))


@pytest.mark.parametrize("closes", [False, True], ids=["kept alive", "closed every time"])
def test_good_answers_are_all_timed(closes: bool) -> None:
    outcome = outcome_of(lambda key, _times: (201, key.encode(), closes))
    assert len(outcome.latencies_ms) == outcome.sent > 0
    assert outcome.repeats > 0
    assert (outcome.errors, outcome.different) == ({}, 0)


@pytest.mark.parametrize("status", [202, 409, 500])
def test_every_other_answer_is_an_error(status: int) -> None:
    outcome = outcome_of(lambda _key, _times: (status, b"{}", False))
    assert outcome.errors == {str(status): outcome.sent}
    assert outcome.latencies_ms == []


def test_a_repeat_that_is_answered_otherwise_is_found() -> None:
    outcome = outcome_of(lambda key, times: (201, f"{key} {times}".encode(), False))
    assert outcome.different >= outcome.repeats > 0


# ── What is sustained ────────────────────────────────────────────────────────────────────────────
GOOD = Step(200, Outcome(sent=100, in_time=99), p50_ms=10, p99_ms=250, achieved=198, cpu_ms={})


@pytest.mark.parametrize(
    ("step", "is_sustained"),
    [
        (GOOD, True),
        (replace(GOOD, p99_ms=250.1), False),
        (replace(GOOD, outcome=Outcome(sent=100, in_time=97)), False),
        (replace(GOOD, outcome=Outcome(sent=100, in_time=99, errors={"500": 1})), False),
        (replace(GOOD, outcome=Outcome(sent=100, in_time=99, errors={"202": 1})), False),
    ],
    ids=["good", "too slow", "fell behind", "one failed", "one undecided"],
)
def test_a_step_is_sustained_without_any_exception(step: Step, is_sustained: bool) -> None:
    assert step.is_sustained is is_sustained


def test_a_process_that_came_counts_from_zero_and_one_that_went_not_at_all() -> None:
    before, after = {1: 2.0, 2: 5.0}, {1: 3.0, 3: 0.5}
    assert used_between(before, after) == pytest.approx(1.5)
    assert used_between({}, {}) == 0
