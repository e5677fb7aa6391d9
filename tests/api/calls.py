"""A partner system for tests: calls the API over HTTP as a key would."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.test import Client

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Answer

_keys = count(1)


@dataclass
class Partner:
    """Calls with a token; POSTs carry a fresh Idempotency-Key unless one is given."""

    token: str | None
    client: Client = field(default_factory=Client)

    def get(self, path: str, query: Mapping[str, Any] | None = None, **headers: str) -> "Answer":
        if query:
            path = f"{path}?{urlencode(query)}"
        return self.send("GET", path, b"", "", **headers)

    def post(self, path: str, body: object = None, *, key: str | None = "", **headers: str) -> "Answer":
        """Send JSON. key "" makes a new one, None sends none."""
        if key is not None:
            headers["Idempotency-Key"] = key or f"key-{next(_keys)}"
        return self._send("POST", path, body, headers)

    def patch(self, path: str, body: object, **headers: str) -> "Answer":
        return self._send("PATCH", path, body, headers)

    def send(self, method: str, path: str, raw: bytes, content_type: str, **headers: str) -> "Answer":
        """Send bytes as they are."""
        url = path if path.startswith(("/", "http")) else f"/api/v1/{path}"
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        return self.client.generic(method, url, raw, content_type, headers=headers)

    def _send(self, method: str, path: str, body: object, headers: dict[str, str]) -> "Answer":
        raw = b"" if body is None else json.dumps(body).encode()
        return self.send(method, path, raw, "application/json", **headers)


def problem(answer: "Answer") -> tuple[int, str]:
    """Return status and code of an error, having checked its form."""
    assert answer["Content-Type"] == "application/problem+json", answer.content
    body = answer.json()
    assert body["status"] == answer.status_code
    assert body["type"].endswith(f"/api/errors#{body['code']}")
    assert body["request_id"] == answer["X-Request-Id"]
    assert body["detail"]
    return answer.status_code, body["code"]


def fields(answer: "Answer") -> dict[str, str]:
    """Return pointer → code of a 422."""
    assert problem(answer) == (422, "validation_failed"), answer.content
    return {error["pointer"]: error["code"] for error in answer.json()["errors"]}
