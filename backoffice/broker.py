"""The embedded broker: a Kombu transport that keeps its messages as files, for one machine without a server.

Kombu's own filesystem transport was measured and rejected: it lost 6 of 250 messages at a kill -9 (a message
leaves the disk when it is delivered, not when it is acknowledged) and 10 of 6,000 to readers that saw a file
before it was written, and it looks for work once a second. This one delivers at least once.

Use it as `broker_url = "embedded://localhost/"` with `broker_transport_options = {"folder": "…/var/broker"}`,
after `register()`; Kombu refuses import paths in a URL. There is no fan-out, so Celery switches its remote
control (`inspect`, `control`) off by itself.
"""

import json
import logging
import threading
import time
from collections.abc import Callable
from queue import Empty
from typing import Any

from kombu.exceptions import ChannelError
from kombu.transport import TRANSPORT_ALIASES, virtual

from backoffice.spool import Claim, Spool

logger = logging.getLogger(__name__)

# While messages come the next look follows quickly; an idle consumer slows down to 50 looks a second, which
# costs less than half a percent of a core.
_POLL_FIRST_S = 0.005
_POLL_LAST_S = 0.020
_WAIT_AT_MOST_S = 0.5
# How long a killed consumer's messages wait for a living one to notice.
_RECLAIM_EVERY_S = 0.5


def register() -> None:
    """Make `embedded://` known to Kombu."""
    TRANSPORT_ALIASES["embedded"] = "backoffice.broker:Transport"


class QoS(virtual.QoS):
    """Un-acknowledged messages, each of them still a file that outlives this process."""

    channel: "Channel"

    def ack(self, delivery_tag: str) -> None:
        self.channel.finish(delivery_tag)
        super().ack(delivery_tag)
        self.channel.wake_consumer()

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        super().reject(delivery_tag, requeue=requeue)
        self.channel.finish(delivery_tag)  # nothing is left of it if it was requeued
        self.channel.wake_consumer()


class Channel(virtual.Channel):
    """One user of the queues. A claimed message stays a file until it is acknowledged."""

    QoS = QoS

    def __init__(self, connection: "Transport", **kwargs: Any) -> None:
        super().__init__(connection, **kwargs)
        self._spool = connection.spool
        self._wake = connection.wake
        self._claims: dict[str, Claim] = {}
        self._reclaimed_at = float("-inf")

    def basic_consume(
        self,
        queue: str,
        no_ack: bool,
        callback: Callable[..., Any] | None,
        consumer_tag: str | None,
        **kwargs: Any,
    ) -> str:
        _refuse_no_ack(no_ack)
        self._spool.remove_old_drafts(now=time.time())
        return super().basic_consume(queue, no_ack, callback, consumer_tag, **kwargs)

    def basic_get(self, queue: str, no_ack: bool = False, **kwargs: Any) -> virtual.Message | None:
        _refuse_no_ack(no_ack)
        return super().basic_get(queue, no_ack=no_ack, **kwargs)

    def finish(self, delivery_tag: str) -> None:
        """Remove an acknowledged message from the disk. Called from any thread."""
        claim = self._claims.pop(delivery_tag, None)
        if claim is not None:
            self._spool.finish(claim)

    def wake_consumer(self) -> None:
        """Let a consumer that was full look for its next message at once."""
        self._wake.set()

    def _put(self, queue: str, message: dict[str, Any], **kwargs: Any) -> None:
        self._spool.put(queue, json.dumps(message, separators=(",", ":")).encode())

    def _get(self, queue: str, timeout: float | None = None) -> dict[str, Any]:
        self._reclaim_sometimes()
        while (claim := self._spool.take(queue)) is not None:
            message = _read(claim)
            if message is None:
                self._spool.set_aside(claim)
                logger.error("Message %s of queue %s is unreadable and was set aside.", claim.name, queue)
                continue
            self._claims[message["properties"]["delivery_tag"]] = claim
            return message
        raise Empty

    def _restore(self, message: virtual.Message) -> None:
        """Return an un-acknowledged message to its queue: reject with requeue, or the consumer closes."""
        claim = self._claims.pop(message.delivery_tag or "", None)
        if claim is not None:
            self._spool.give_back(claim)

    def _size(self, queue: str) -> int:
        return self._spool.size(queue)

    def _has_queue(self, queue: str, **kwargs: Any) -> bool:
        return self._spool.has(queue)

    def _purge(self, queue: str) -> int:
        return self._spool.purge(queue)

    def _reclaim_sometimes(self) -> None:
        now = time.monotonic()
        if now - self._reclaimed_at < _RECLAIM_EVERY_S:
            return
        self._reclaimed_at = now
        if returned := self._spool.reclaim():
            logger.warning("Took back %d messages of a consumer that died.", returned)


class Transport(virtual.Transport):
    """The connection to a folder of queues, `broker_transport_options["folder"]`."""

    Channel = Channel
    # Which queues an exchange feeds is declared by every publisher and consumer anew; within one process all
    # connections share it, as with a real broker.
    _shared_state = virtual.BrokerState()

    default_port = 0
    driver_type = "embedded"
    driver_name = "embedded"
    implements = virtual.Transport.implements.extend(
        asynchronous=False, exchange_type=frozenset(["direct", "topic"])
    )

    def __init__(self, client: Any, **kwargs: Any) -> None:
        super().__init__(client, **kwargs)
        self.state = self._shared_state
        self.wake = threading.Event()
        try:
            folder = client.transport_options["folder"]
        except KeyError:
            raise ValueError("broker_transport_options needs the folder of the embedded broker.") from None
        self.spool = Spool(folder)

    def drain_events(self, connection: Any, timeout: float | None = None, **kwargs: Any) -> None:
        """Deliver one message, waiting up to `timeout` or half a second; raise TimeoutError if none came."""
        # A worker asks for two seconds at a time and notices only in between that it is to stop.
        ends_at = None if timeout is None else time.monotonic() + min(timeout, _WAIT_AT_MOST_S)
        pause, cycle = _POLL_FIRST_S, self.cycle
        assert cycle is not None
        while True:
            self.wake.clear()
            try:
                cycle.get(self._deliver, timeout=timeout)
            except Empty:
                if ends_at is not None and time.monotonic() >= ends_at:
                    raise TimeoutError from None
                self.wake.wait(pause)
                pause = min(pause * 1.5, _POLL_LAST_S)
            else:
                return

    def driver_version(self) -> str:
        return "1"


def _read(claim: Claim) -> dict[str, Any] | None:
    try:
        message = json.loads(claim.read())
        return message if "delivery_tag" in message["properties"] else None
    except (ValueError, KeyError, TypeError):
        return None


def _refuse_no_ack(no_ack: bool) -> None:
    """Refuse a consumer that would lose its messages when it dies; nothing in the house asks for one."""
    if no_ack:
        raise ChannelError("The embedded broker delivers only to consumers that acknowledge.")
