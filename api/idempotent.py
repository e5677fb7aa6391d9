"""POSTs that create something: the same Idempotency-Key gives the same answer, and the work once."""

from collections.abc import Callable
from functools import cache
from typing import Any

import orjson
from django.urls import reverse
from django.utils.translation import gettext as _
from rest_framework.request import Request
from rest_framework.response import Response

from core import idempotency
from core.errors import DomainError

from .authentication import caller_of

HEADER = "Idempotency-Key"
MAX_LENGTH = 255
# Status and body of a finished piece of work; None = the answer has no body.
Done = tuple[int, dict[str, Any] | None]


class KeyRequired(DomainError):
    """A creating POST came without its key."""

    http_status = 400
    default_code = "idempotency_key_required"


def read_key(request: Request) -> str:
    """Return the Idempotency-Key of a request; KeyRequired if there is no usable one."""
    key = request.headers.get(HEADER, "")
    if not key or len(key) > MAX_LENGTH or not key.isprintable():
        raise KeyRequired(
            _("This request needs an %(header)s header of 1 to %(most)s characters.")
            % {"header": HEADER, "most": MAX_LENGTH}
        )
    return key


def answer_once(request: Request, work: Callable[[], Done], *, location: str = "") -> Response:
    """Run `work` once per credential and key, in one commit with the stored answer.

    work      returns status and body; it raises for answers that must not be stored
    location  the URL name under which the created object can be read, by the "id" in the body
    """

    def fresh() -> idempotency.Answer:
        status, body = work()
        return idempotency.Answer(status, b"" if body is None else orjson.dumps(body, default=str))

    answer = idempotency.run_once(caller_of(request).credential, read_key(request), _payload(request), fresh)
    response = Response(answer.body, status=answer.status)
    if location:
        id = orjson.loads(answer.body)["id"]
        response["Location"] = request.build_absolute_uri(_path(location).replace(_ANY_ID, id))
    if answer.is_replay:
        response["Idempotent-Replayed"] = "true"
    return response


_ANY_ID = "ANY-ID"


@cache
def _path(location: str) -> str:
    """Return the path under a URL name, with a place for the id; looking it up each time costs more."""
    return reverse(location, args=[_ANY_ID])


def _payload(request: Request) -> bytes:
    """Return what makes two requests the same: method, path, query and content, not its spelling."""
    target = f"{request.method} {request.get_full_path()}\n".encode()
    return target + orjson.dumps(request.data, option=orjson.OPT_SORT_KEYS)
