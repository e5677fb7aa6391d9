"""Settings: production refuses what would be unsafe, and whatever is malformed is refused by its name."""

import base64
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from backoffice import environment

ROOT = Path(__file__).resolve().parents[2]
KEY = base64.urlsafe_b64encode(b"k" * 32).decode()
PRODUCTION = {
    "BACKOFFICE_ENV": "production",
    "SECRET_KEY": "a secret of one's own that is long enough to be kept",
    "FINGERPRINT_KEY": KEY,
    "ENCRYPTION_KEY": KEY,
    "ALLOWED_HOSTS": "backoffice.example.com",
    "EMAIL_HOST": "mail.example.com",
    "DATABASE_URL": "postgres://somebody@db.example.com/backoffice",
    "REDIS_URL": "redis://queue.example.com/0",
}
_SHOW = """
import json
from backoffice import settings as s
print(json.dumps({name: getattr(s, name) for name in dir(s) if name in {
    "DEBUG", "IS_PRODUCTION", "ALLOWED_HOSTS", "SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE",
    "SECURE_SSL_REDIRECT", "SECURE_HSTS_SECONDS", "NAMESPACE", "CELERY_BROKER_URL", "IS_SQLITE",
    "CELERY_BROKER_TRANSPORT_OPTIONS", "CACHES", "DATABASES", "CONTENT_SECURITY_POLICY",
    "ACCOUNT_EMAIL_VERIFICATION", "SITE_URL", "EMAIL_BACKEND", "EMAIL_HOST", "EMAIL_PORT", "EMAIL_USE_TLS",
    "EMAIL_USE_SSL",
}}, default=str))
"""


def load(tmp_path: Path, **variables: str | None) -> subprocess.CompletedProcess[str]:
    """Import the settings in a process whose environment holds these variables and no other of ours."""
    environment = {"PATH": os.environ["PATH"], "BACKOFFICE_VAR": str(tmp_path)}
    environment |= {name: value for name, value in variables.items() if value is not None}
    return subprocess.run(
        [sys.executable, "-c", _SHOW], cwd=ROOT, env=environment, capture_output=True, text=True
    )


def loaded(tmp_path: Path, **variables: str | None) -> dict[str, Any]:
    result = load(tmp_path, **variables)
    assert result.returncode == 0, result.stderr
    return dict(json.loads(result.stdout))


class TestProduction:
    def test_it_starts_with_secrets_and_hosts_of_its_own(self, tmp_path: Path) -> None:
        found = loaded(tmp_path, **PRODUCTION)
        assert (found["IS_PRODUCTION"], found["DEBUG"]) == (True, False)
        assert found["ALLOWED_HOSTS"] == ["backoffice.example.com"]
        assert found["SESSION_COOKIE_SECURE"]
        assert found["CSRF_COOKIE_SECURE"]
        assert found["SECURE_SSL_REDIRECT"]
        assert found["SECURE_HSTS_SECONDS"] > 0
        assert found["ACCOUNT_EMAIL_VERIFICATION"] == "mandatory"

    @pytest.mark.parametrize(
        ("change", "named"),
        [
            ({"SECRET_KEY": None}, "SECRET_KEY"),
            ({"SECRET_KEY": "short"}, "SECRET_KEY"),
            ({"FINGERPRINT_KEY": None}, "FINGERPRINT_KEY"),
            ({"ENCRYPTION_KEY": None}, "ENCRYPTION_KEY"),
            (
                {"ENCRYPTION_KEY_2": base64.b64encode(b"local-only-key-local-only-key-32").decode()},
                "ENCRYPTION",
            ),
            ({"BACKOFFICE_DEBUG": "true"}, "BACKOFFICE_DEBUG"),
            ({"ALLOWED_HOSTS": None}, "ALLOWED_HOSTS"),
            ({"ALLOWED_HOSTS": " , "}, "ALLOWED_HOSTS"),
            ({"ALLOWED_HOSTS": "*"}, "ALLOWED_HOSTS"),
            ({"ALLOWED_HOSTS": "backoffice.example.com,*"}, "ALLOWED_HOSTS"),
            ({"EMAIL_HOST": None}, "EMAIL_HOST"),
            ({"EMAIL_HOST": ""}, "EMAIL_HOST"),
        ],
        ids=lambda value: "=".join(map(str, *value.items())) if isinstance(value, dict) else "",
    )
    def test_it_refuses_what_is_unsafe(
        self, tmp_path: Path, change: dict[str, str | None], named: str
    ) -> None:
        result = load(tmp_path, **{**PRODUCTION, **change})
        assert result.returncode != 0
        last_line = result.stderr.strip().splitlines()[-1]
        assert "ImproperlyConfigured" in last_line
        assert named in last_line

    def test_its_local_secrets_appear_in_no_message(self, tmp_path: Path) -> None:
        result = load(tmp_path, **{**PRODUCTION, "SECRET_KEY": "my-tiny-secret"})
        assert "my-tiny-secret" not in result.stderr

    @pytest.mark.parametrize(
        ("change", "site"),
        [
            ({}, "https://backoffice.example.com"),
            ({"SITE_URL": ""}, "https://backoffice.example.com"),
            ({"SITE_URL": "https://shop.example.com/office/"}, "https://shop.example.com/office"),
            ({"ALLOWED_HOSTS": ".example.com,backoffice.example.com"}, "https://example.com"),
        ],
    )
    def test_links_in_mails_lead_to_it(self, tmp_path: Path, change: dict[str, str], site: str) -> None:
        assert loaded(tmp_path, **{**PRODUCTION, **change})["SITE_URL"] == site

    @pytest.mark.parametrize(
        ("word", "port", "is_starttls", "is_implicit"),
        [("", 587, True, False), ("implicit", 465, False, True), ("none", 25, False, False)],
    )
    def test_it_sends_mail_over_tls(
        self, tmp_path: Path, word: str, port: int, is_starttls: bool, is_implicit: bool
    ) -> None:
        found = loaded(tmp_path, **PRODUCTION, EMAIL_TLS=word, EMAIL_PORT="")
        assert found["EMAIL_BACKEND"].endswith("smtp.EmailBackend")
        assert (found["EMAIL_HOST"], found["EMAIL_PORT"]) == ("mail.example.com", port)
        assert (found["EMAIL_USE_TLS"], found["EMAIL_USE_SSL"]) == (is_starttls, is_implicit)

    def test_a_security_of_mail_that_does_not_exist_is_refused(self, tmp_path: Path) -> None:
        assert "EMAIL_TLS" in load(tmp_path, **PRODUCTION, EMAIL_TLS="ssl").stderr


class TestEnvironment:
    def test_without_any_variable_everything_is_embedded(self, tmp_path: Path) -> None:
        found = loaded(tmp_path)
        assert (found["IS_PRODUCTION"], found["IS_SQLITE"]) == (False, True)
        assert found["CELERY_BROKER_URL"].startswith("embedded://")
        assert found["DATABASES"]["default"]["OPTIONS"]["transaction_mode"] == "IMMEDIATE"

    def test_a_database_url_alone_does_not_make_it_production(self, tmp_path: Path) -> None:
        found = loaded(tmp_path, DATABASE_URL=PRODUCTION["DATABASE_URL"])
        assert (found["IS_PRODUCTION"], found["IS_SQLITE"]) == (False, False)

    def test_queues_and_caches_of_two_databases_are_kept_apart_on_one_redis(self, tmp_path: Path) -> None:
        one, other = (
            loaded(tmp_path, REDIS_URL="redis://queue/0", DATABASE_URL=f"postgres://x@db/{name}")
            for name in ("shop", "shop_test")
        )
        for found, name in ((one, "shop"), (other, "shop_test")):
            assert found["CACHES"]["default"]["KEY_PREFIX"] == f"bo-{name}"
            assert found["CELERY_BROKER_TRANSPORT_OPTIONS"]["global_keyprefix"] == f"bo-{name}:"

    def test_an_environment_that_does_not_exist_is_refused(self, tmp_path: Path) -> None:
        assert "BACKOFFICE_ENV" in load(tmp_path, BACKOFFICE_ENV="prod").stderr

    def test_scripts_and_styles_come_from_this_site_only(self, tmp_path: Path) -> None:
        directives = loaded(tmp_path)["CONTENT_SECURITY_POLICY"]["DIRECTIVES"]
        for name in ("default-src", "script-src", "style-src", "form-action", "connect-src"):
            assert directives[name] == ["'self'"]
        assert directives["frame-ancestors"] == ["'none'"]


class TestVariables:
    @pytest.mark.parametrize(
        ("text", "value"),
        [("1", True), ("TRUE", True), ("on", True), ("0", False), ("no", False), ("", False)],
    )
    def test_a_flag_is_read(self, monkeypatch: pytest.MonkeyPatch, text: str, value: bool) -> None:
        monkeypatch.setenv("FLAG", text)
        assert environment.flag("FLAG", not value) is value

    def test_words_are_separated_by_commas(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("WORDS", " a.example, b.example,,")
        assert environment.words("WORDS") == ["a.example", "b.example"]

    def test_a_key_is_read(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("KEY", KEY)
        assert environment.key_bytes("KEY", b"") == b"k" * 32

    @pytest.mark.parametrize(
        ("read", "text"),
        [
            (lambda: environment.flag("BROKEN", False), "maybe"),
            (lambda: environment.number("BROKEN", 1), "many"),
            (lambda: environment.key_bytes("BROKEN", b""), "tooshort"),
            (lambda: environment.key_bytes("BROKEN", b""), "a"),
            (lambda: environment.key_bytes("BROKEN", b""), "ключ"),
        ],
        ids=["flag", "number", "short key", "key that is no base64", "key of other letters"],
    )
    def test_what_cannot_be_read_is_refused_by_its_name(
        self, monkeypatch: pytest.MonkeyPatch, read: Any, text: str
    ) -> None:
        monkeypatch.setenv("BROKEN", text)
        with pytest.raises(ImproperlyConfigured, match="BROKEN"):
            read()

    @pytest.mark.parametrize("name", ["flag", "number", "text"])
    def test_what_is_not_set_has_its_default(self, name: str) -> None:
        assert getattr(environment, name)("NEVER_SET", 5) == 5
