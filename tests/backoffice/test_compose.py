"""docker-compose.yml: every command and health check of it, as local processes."""

import contextlib
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg2
import pytest
import redis
import yaml

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"] == "backoffice"}
RUNNING = [name for name in OURS if name != "setup"]
SECRETS = ("SECRET_KEY", "FINGERPRINT_KEY", "ENCRYPTION_KEY", "POSTGRES_PASSWORD")
VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?::(?P<kind>[?-])(?P<text>[^}]*))?}")


def resolve(value: str, given: Mapping[str, str]) -> str:
    """Replace ${NAME:?message} and ${NAME:-default} as compose does."""

    def replace(match: re.Match[str]) -> str:
        if given.get(match["name"]):
            return given[match["name"]]
        assert match["kind"] == "-", f"{match['name']} is required"
        return match["text"]

    return VARIABLE.sub(replace, value)


def filled_in() -> dict[str, str]:
    """Return what a person writes into .env."""
    return {
        "SECRET_KEY": secrets.token_urlsafe(50),
        "FINGERPRINT_KEY": urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "ENCRYPTION_KEY": urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "POSTGRES_PASSWORD": secrets.token_hex(8),
        "ALLOWED_HOSTS": "backoffice.example",
        "EMAIL_HOST": "mail.backoffice.example",
        "DEFAULT_FROM_EMAIL": "office@backoffice.example",
    }


def test_every_queue_class_has_its_worker() -> None:
    from backoffice.celery import TASK_MODULES

    workers = {name.removeprefix("worker-") for name in SERVICES if name.startswith("worker-")}
    assert workers == set(TASK_MODULES)


@pytest.mark.parametrize("name", sorted(set(SERVICES) - {"setup"}))
def test_every_lasting_service_is_checked_and_comes_back(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"][0] == "CMD"
    assert SERVICES[name]["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", sorted(OURS))
def test_our_services_run_without_root_and_cannot_gain_it(name: str) -> None:
    service = OURS[name]
    assert service["user"] not in {"root", "0", "0:0"}
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]


def test_no_secret_has_a_default() -> None:
    for line in (ROOT / ".env.example").read_text().splitlines():
        name, _, value = line.partition("=")
        assert not (name in SECRETS and value), f"{name} has a default"
    text = (ROOT / "docker-compose.yml").read_text()
    for name in SECRETS:
        uses = [match for match in VARIABLE.finditer(text) if match["name"] == name]
        assert uses
        assert all(match["kind"] == "?" for match in uses)


def test_the_example_names_every_required_variable() -> None:
    required = {m["name"] for m in VARIABLE.finditer(str(COMPOSE)) if m["kind"] == "?"}
    example = {line.partition("=")[0] for line in (ROOT / ".env.example").read_text().splitlines()}
    assert required <= example


def test_named_volumes_are_declared() -> None:
    used = {v.partition(":")[0] for service in SERVICES.values() for v in service.get("volumes", [])}
    assert used == set(COMPOSE["volumes"])


def test_the_image_is_built_for_a_user_without_rights() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    assert [line for line in lines if line.startswith("USER ")][-1] == "USER backoffice"


def has_compose() -> bool:
    if shutil.which("docker") is None:
        return False
    return subprocess.run(["docker", "compose", "version"], capture_output=True).returncode == 0


@pytest.mark.skipif(not has_compose(), reason="docker compose is not installed")
def test_compose_accepts_the_file() -> None:
    environment = {**os.environ, **filled_in()}
    subprocess.run(["docker", "compose", "config", "--quiet"], cwd=ROOT, env=environment, check=True)


@pytest.fixture
def database_url() -> Iterator[str]:
    """A new PostgreSQL database beside the one the tests use."""
    given = urlsplit(os.environ["DATABASE_URL"])
    name = f"bo_compose_{os.getpid()}"
    admin = psycopg2.connect(urlunsplit(given._replace(scheme="postgresql", path="/postgres")))
    admin.autocommit = True
    with contextlib.closing(admin), admin.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name}")
        try:
            yield urlunsplit(given._replace(path=f"/{name}"))
        finally:
            cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")
            forget_keys(f"bo-{name}")


def forget_keys(prefix: str) -> None:
    """Remove this test's queues from the shared Redis, and nothing else."""
    with contextlib.closing(redis.Redis.from_url(os.environ["REDIS_URL"])) as client:
        for key in client.scan_iter(match=f"*{prefix}*", count=1000):
            client.delete(key)


class LocalServices:
    """Runs the services' commands and health checks on this machine, as compose would in containers."""

    def __init__(self, folder: Path, database_url: str) -> None:
        self._folder, self._database_url = folder, database_url
        self._env_file = filled_in()
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        with contextlib.closing(socket.socket()) as listener:
            listener.bind(("127.0.0.1", 0))
            self._bind = f"127.0.0.1:{listener.getsockname()[1]}"

    def run(self, name: str, words: list[str]) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(words, cwd=ROOT, env=self.environment(name), capture_output=True, text=True)

    def start(self, name: str) -> None:
        with self.log(name).open("wb") as log:
            self.running[name] = subprocess.Popen(
                OURS[name]["command"],
                cwd=ROOT,
                env=self.environment(name),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def is_healthy(self, name: str) -> bool:
        return self.run(name, OURS[name]["healthcheck"]["test"][1:]).returncode == 0

    def log(self, name: str) -> Path:
        return self._folder / f"{name}.log"

    def environment(self, name: str) -> dict[str, str]:
        """Return exactly what the container gets, but for addresses and folders, which are this machine's."""
        asked = {key: resolve(str(value), self._env_file) for key, value in OURS[name]["environment"].items()}
        here = {
            "DATABASE_URL": self._database_url,
            "REDIS_URL": os.environ["REDIS_URL"],
            "BACKOFFICE_VAR": str(self._folder / "var"),
            "TMPDIR": str(self._folder),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }
        return asked | here | ({"WEB_BIND": self._bind} if "WEB_BIND" in asked else {})

    def stop(self) -> None:
        for process in self.running.values():
            process.terminate()
        for process in self.running.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=20)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, 9)
            process.wait()


@pytest.fixture
def local(tmp_path: Path, database_url: str) -> Iterator[LocalServices]:
    services = LocalServices(tmp_path, database_url)
    yield services
    services.stop()


@pytest.mark.slow
@pytest.mark.postgresql
@pytest.mark.skipif(
    not os.environ.get("DATABASE_URL", "").startswith("postgres") or not os.environ.get("REDIS_URL"),
    reason="needs DATABASE_URL on PostgreSQL and REDIS_URL",
)
def test_every_service_becomes_healthy_with_its_own_command(local: LocalServices) -> None:
    setup = local.run("setup", OURS["setup"]["command"])
    assert setup.returncode == 0, setup.stderr[-2000:]
    assert not local.is_healthy("web"), "the health check passes without a web server"
    assert not local.is_healthy("worker-decisions"), "the health check passes without a worker"
    for name in RUNNING:
        local.start(name)
    waiting, ends_at = list(RUNNING), time.monotonic() + 120
    while waiting:
        for name in waiting:
            assert local.running[name].poll() is None, local.log(name).read_text()[-2000:]
        waiting = [name for name in waiting if not local.is_healthy(name)]
        assert time.monotonic() < ends_at, f"{waiting}: {local.log(waiting[0]).read_text()[-2000:]}"
