"""How often a key may call: one token bucket per key, in the cache.

The bucket is kept as one number, the moment it will be full again in
milliseconds (GCRA, ITU-T I.371): a call moves it on by one interval, and a
moment further ahead than the window means that the bucket is empty. On Redis
a script does this in one round trip, so that parallel calls are all counted.
Other caches, for one machine, do it in two steps: there, calls that find a
full bucket at the same instant may share one token.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache as kept
from math import ceil
from typing import Any

from django.conf import settings
from django.core.cache import cache, caches
from django.core.cache.backends.redis import RedisCache
from django.utils.translation import gettext as _
from redis import Redis
from redis.exceptions import RedisError

from core.errors import DomainError

logger = logging.getLogger(__name__)

# The key only has to outlive its bucket; a day keeps a busy key from being refilled by its own expiry.
_KEPT_SECONDS = 24 * 3600


class QuotaExceeded(DomainError):
    """The key's bucket is empty; `extra["retry_after"]` in seconds."""

    http_status = 429
    default_code = "quota_exceeded"


@dataclass(frozen=True)
class Quota:
    """A bucket after one call.

    remaining      calls possible at once
    reset_seconds  until the bucket is full again
    retry_seconds  until the next call may pass, 0 = this one did
    """

    remaining: int
    reset_seconds: int
    retry_seconds: int = 0

    def check(self) -> None:
        if self.retry_seconds:
            message = _("This key has used up its calls. Try again in %(seconds)s s.")
            raise QuotaExceeded(
                message % {"seconds": self.retry_seconds}, extra={"retry_after": self.retry_seconds}
            )


def spend(credential: str, *, now_ms: int) -> Quota:
    """Take one token from a key's bucket. While the cache is down every call passes."""
    name, window, interval = f"quota:{credential}", settings.API_QUOTA_SECONDS * 1_000, _interval_ms()
    advance = _advance_on_redis if isinstance(caches["default"], RedisCache) else _advance
    try:
        full_in = advance(name, now_ms, interval, window) - now_ms
    except (RedisError, OSError, ValueError):
        logger.warning("quota_unavailable", exc_info=True)
        return Quota(settings.API_QUOTA, 0)
    if full_in > window:
        return Quota(0, _seconds(full_in), _seconds(full_in - window))
    return Quota((window - full_in) // interval, _seconds(full_in))


def policy() -> str:
    """Return the RateLimit-Policy header's value."""
    return f'"default";q={settings.API_QUOTA};w={settings.API_QUOTA_SECONDS}'


def size() -> dict[str, int]:
    """Return how many calls a full bucket holds, and in how many seconds an empty one fills."""
    return {"calls": settings.API_QUOTA, "seconds": settings.API_QUOTA_SECONDS}


def _advance(name: str, now_ms: int, interval: int, window: int) -> int:
    """Move the bucket's full moment on by one token and return it; beyond the window it moves back."""
    full_at = cache.get(name)
    if full_at is None or full_at <= now_ms:
        cache.set(name, now_ms + interval, _KEPT_SECONDS)
        return now_ms + interval
    full_at = cache.incr(name, interval)
    if full_at - now_ms > window:
        cache.decr(name, interval)
    return full_at


_ADVANCE = """
local now, interval, window = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local full_at = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now) + interval
if full_at - now <= window then
    redis.call('SET', KEYS[1], string.format('%.0f', full_at), 'EX', ARGV[4])
end
return full_at
"""


def _advance_on_redis(name: str, now_ms: int, interval: int, window: int) -> int:
    """Do the same as `_advance` in one indivisible step."""
    script = _script(settings.CACHES["default"]["LOCATION"])
    return int(script([cache.make_key(name)], [now_ms, interval, window, _KEPT_SECONDS]))


@kept
def _script(url: str) -> Callable[..., Any]:
    # The client, with its connections, lives as long as the process. Redis answers at once or is not well.
    return Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1).register_script(_ADVANCE)


def _interval_ms() -> int:
    return max(settings.API_QUOTA_SECONDS * 1_000 // settings.API_QUOTA, 1)


def _seconds(milliseconds: int) -> int:
    return ceil(milliseconds / 1_000)
