"""An open-loop client of the orders endpoint, in a process of its own: `python -m benchmarks.load < plan`.

Requests leave when their moment has come, whether or not earlier ones are
answered, and each is timed from that moment: a server that falls behind cannot
slow the client down and so hide its queue. Plain sockets and one selector,
because it shares the machine with what it measures. Knows no Django.
"""

import json
import random
import selectors
import socket
import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

# Answers that come later than this after the last request are errors.
_PATIENCE_S = 10.0
# A repeat takes up a key whose first request was due so long ago: it is answered by then, unless all is lost.
_REPEAT_AFTER_S = (1.0, 10.0)


@dataclass(frozen=True)
class Plan:
    """What to send. Only this machine is ever called.

    merchants      public ids, drawn at random
    run            makes order numbers, keys and buyers of this run its own
    warmup_s       sent before `seconds` at the same rate, and not counted
    repeat_share   of the requests, how many repeat an earlier key with its body
    """

    port: int
    token: str
    merchants: Sequence[str]
    run: str
    rate: float
    seconds: float
    warmup_s: float = 2.0
    connections: int = 32
    repeat_share: float = 0.2
    buyers: int = 4_000
    seed: int = 20_261_126


@dataclass
class Outcome:
    """What came of the counted requests.

    latencies_ms    of good answers, from the moment the request was due
    errors          what came instead of a good answer → how often; "202" is one: the decision is missing
    different       repeats that were answered otherwise than the first request with their key
    """

    sent: int = 0
    repeats: int = 0
    in_time: int = 0
    latencies_ms: list[float] = field(default_factory=list)
    errors: dict[str, int] = field(default_factory=dict)
    different: int = 0
    cpu_s: float = 0.0

    def count_error(self, what: str) -> None:
        self.errors[what] = self.errors.get(what, 0) + 1


@dataclass(frozen=True)
class Request:
    """One request: when it is due (seconds after the start), its bytes, and the earlier one it repeats."""

    due_s: float
    data: bytes
    number: int
    first: int
    is_counted: bool


def schedule(plan: Plan) -> list[Request]:
    """Return the requests in order of time, built beforehand; arrivals are a Poisson process."""
    chance = random.Random(plan.seed)
    due = 0.0
    requests: list[Request] = []
    fresh: list[Request] = []
    end = plan.warmup_s + plan.seconds
    while (due := due + chance.expovariate(plan.rate)) < end:
        number = len(requests)
        earlier = _repeatable(fresh, due) if chance.random() < plan.repeat_share else ()
        if earlier:
            first = chance.choice(earlier)
            request = replace(first, due_s=due, number=number, is_counted=due >= plan.warmup_s)
        else:
            request = Request(due, _build(plan, number, chance), number, number, due >= plan.warmup_s)
            fresh.append(request)
        requests.append(request)
    return requests


def _repeatable(fresh: list[Request], due: float) -> list[Request]:
    soonest, latest = (due - seconds for seconds in reversed(_REPEAT_AFTER_S))
    return [one for one in fresh[-5_000:] if soonest <= one.due_s <= latest]


def _build(plan: Plan, number: int, chance: random.Random) -> bytes:
    """Return an honest order of a returning buyer at usual prices, so that nearly all are approved."""
    buyer = f"{plan.run}-{chance.randint(1, plan.buyers)}"
    body = {
        "merchant": chance.choice(plan.merchants),
        "external_id": f"{plan.run}-{plan.rate:g}-{number}",
        "currency": "CNY",
        "lines": [
            {
                "title": f"Item {item}",
                "quantity": chance.randint(1, 3),
                "unit_price": f"{chance.randint(900, 30_000) / 100:.2f}",
            }
            for item in range(chance.choice((1, 1, 2, 3)))
        ],
        "buyer": {
            "id": f"buyer-{buyer}",
            "signed_up_at": "2025-06-01T08:00:00Z",
            "name": "Ann Lee",
            "email": "ann@example.com",
            "phone": "+86 10 5555 0100",
            "address": f"{buyer} Tea Street, Hangzhou",
            "device_id": f"device-{buyer}",
            "ip": f"10.{chance.randint(0, 255)}.{chance.randint(0, 255)}.{chance.randint(1, 254)}",
        },
        "card": {"token": f"card-{buyer}", "country": "CN"},
        "shipping_country": "CN",
        "billing_country": "CN",
    }
    content = json.dumps(body).encode()
    head = (
        "POST /api/v1/orders HTTP/1.1\r\n"
        "Host: 127.0.0.1\r\n"
        "X-Forwarded-Proto: https\r\n"
        f"Authorization: Bearer {plan.token}\r\n"
        f"Idempotency-Key: {body['external_id']}\r\n"
        "Content-Type: application/json\r\n"
        f"Content-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


class Connection:
    """One kept-alive connection with at most one request under way."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.request: Request | None = None
        self._received = b""
        self.open()

    def open(self) -> None:
        self.socket = socket.create_connection(("127.0.0.1", self._port), timeout=_PATIENCE_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, request: Request) -> None:
        self.request, self._received = request, b""
        self.socket.sendall(request.data)

    def receive(self) -> "Answer | None":
        """Return the answer once it is complete; ConnectionError when the server hangs up before."""
        data = self.socket.recv(65_536)
        if not data:
            raise ConnectionResetError
        self._received += data
        return _parse(self._received)


@dataclass(frozen=True)
class Answer:
    status: str
    body: bytes
    closes: bool


def _parse(received: bytes) -> Answer | None:
    """Return the answer if all of it is there. The server always tells its length."""
    head, separator, body = received.partition(b"\r\n\r\n")
    if not separator:
        return None
    status, *lines = head.decode("latin-1").lower().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    if len(body) < int(headers["content-length"]):
        return None
    return Answer(status.split(" ")[1], body, headers.get("connection") == "close")


class Client:
    """Sends a plan's requests when they are due and takes down what comes back."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._selector = selectors.DefaultSelector()
        self._idle: deque[Connection] = deque()
        self._under_way = 0
        self._first_bodies: dict[int, bytes] = {}
        self.outcome = Outcome()

    def run(self, requests: Sequence[Request]) -> Outcome:
        """Send everything, wait for what is under way, and return what came of it."""
        for _ in range(self._plan.connections):
            self._add(Connection(self._plan.port))
        waiting, position = deque[Request](), 0
        started, cpu = time.monotonic(), time.process_time()
        end = self._plan.warmup_s + self._plan.seconds
        while (now := time.monotonic() - started) < end + _PATIENCE_S:
            while position < len(requests) and requests[position].due_s <= now:
                waiting.append(requests[position])
                position += 1
            while waiting and self._idle:
                self._send(waiting.popleft())
            if position == len(requests) and not waiting and not self._under_way:
                break
            next_due = requests[position].due_s if position < len(requests) else end + _PATIENCE_S
            for key, _ in self._selector.select(max(next_due - now, 0)):
                self._receive(key.data, started)
        self.outcome.cpu_s = time.process_time() - cpu
        self._count_sent(requests, len(waiting))
        return self.outcome

    def _add(self, connection: Connection) -> None:
        self._selector.register(connection.socket, selectors.EVENT_READ, connection)
        self._idle.append(connection)

    def _send(self, request: Request) -> None:
        connection = self._idle.popleft()
        self._under_way += 1
        try:
            connection.send(request)
        except OSError as error:
            self._finish(connection, request, type(error).__name__, closes=True)

    def _receive(self, connection: Connection, started: float) -> None:
        request = connection.request
        try:
            answer = connection.receive()
        except OSError as error:
            if request is None:  # the server closed an idle connection, as it may
                self._idle.remove(connection)
                self._reopen(connection)
            else:
                self._finish(connection, request, type(error).__name__, closes=True)
            return
        if answer is None or request is None:
            return
        self._note(request, answer, time.monotonic() - started)
        wrong = "" if answer.status == "201" else answer.status
        self._finish(connection, request, wrong, closes=answer.closes)

    def _note(self, request: Request, answer: Answer, now: float) -> None:
        if answer.status != "201":
            return
        if request.is_counted:
            self.outcome.latencies_ms.append((now - request.due_s) * 1_000)
            self.outcome.in_time += now <= self._plan.warmup_s + self._plan.seconds
        first = self._first_bodies.setdefault(request.first, answer.body)
        self.outcome.different += first != answer.body

    def _finish(self, connection: Connection, request: Request, error: str, *, closes: bool) -> None:
        self._under_way -= 1
        connection.request = None
        if error and request.is_counted:
            self.outcome.count_error(error)
        if closes:
            self._reopen(connection)
        else:
            self._idle.append(connection)

    def _reopen(self, connection: Connection) -> None:
        self._selector.unregister(connection.socket)
        connection.socket.close()
        connection.open()
        self._add(connection)

    def _count_sent(self, requests: Sequence[Request], unsent: int) -> None:
        counted = [one for one in requests if one.is_counted]
        self.outcome.sent = len(counted)
        self.outcome.repeats = sum(one.first != one.number for one in counted)
        missing = len(counted) - len(self.outcome.latencies_ms) - sum(self.outcome.errors.values())
        if missing:
            self.outcome.errors["no answer"] = missing


def main() -> None:
    plan: dict[str, Any] = json.load(sys.stdin)
    client = Client(Plan(**plan))
    print(json.dumps(asdict(client.run(schedule(Plan(**plan))))))


if __name__ == "__main__":
    main()
