"""Does the site answer? A real web server on a free port, every door asked once."""

import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from backoffice import processes
from backoffice.supervisor import NotReady, Supervisor

# Path → the status a stranger must get.
DOORS = {
    "/": 200,
    "/healthz": 200,
    "/accounts/login/": 200,
    "/portal/": 302,
    "/console/": 302,
    "/admin/": 302,
    "/api/v1/orders": 401,
    "/no-such-page": 404,
}


def find_site_problems(folder: Path) -> Iterator[str]:
    """Yield a sentence for every door that does not answer as it should."""
    bind = f"127.0.0.1:{_free_port()}"
    try:
        with Supervisor(folder, [processes.web(bind=bind)]) as supervisor:
            supervisor.wait_until_ready(timeout_s=60)
            for path, expected in DOORS.items():
                status = _status_of(f"http://{bind}{path}")
                if status != expected:
                    yield f"{path} answered {status} instead of {expected}."
    except NotReady as error:
        yield f"The web server did not start: {error}"


class _StayHere(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


def _status_of(url: str) -> int:
    opener = urllib.request.build_opener(_StayHere)
    try:
        with opener.open(url, timeout=20) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
