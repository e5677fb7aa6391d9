"""Every setting, from the environment, in one file. Each says what changes if it is wrong."""

import os
import secrets
from pathlib import Path

import dj_database_url
from csp.constants import NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from . import environment as env
from .admin_look import admin_look
from .logs import configuration as log_configuration

BASE_DIR = Path(__file__).resolve().parent.parent

# ── Environment ──────────────────────────────────────────────────────────────────────────────────
# Explicit, never inferred: "local" allows the embedded defaults below, "production" refuses them.
ENVIRONMENT = env.text("BACKOFFICE_ENV", "local")
if ENVIRONMENT not in {"local", "test", "production"}:
    raise ImproperlyConfigured(f"BACKOFFICE_ENV must be local, test or production, not “{ENVIRONMENT}”.")
IS_PRODUCTION = ENVIRONMENT == "production"
DEBUG = env.flag("BACKOFFICE_DEBUG", False)
# Everything the running system writes (database, broker, uploads); lost if it is on a scratch disk.
VAR_DIR = env.folder("BACKOFFICE_VAR", BASE_DIR / "var")
VAR_DIR.mkdir(parents=True, exist_ok=True)

# ── Secrets ──────────────────────────────────────────────────────────────────────────────────────
_LOCAL_SECRET = "local-only-secret-never-used-in-production"  # noqa: S105 (refused below in production)
_LOCAL_KEY = b"local-only-key-local-only-key-32"
SECRET_KEY = env.text(
    "SECRET_KEY", _LOCAL_SECRET
)  # signs sessions and cursors; changing it signs everybody out
# Fingerprints stop matching for good if this changes.
FINGERPRINT_KEY = env.key_bytes("FINGERPRINT_KEY", _LOCAL_KEY)
# Number → key; the highest encrypts, all decrypt. Losing one loses the personal data under it.
ENCRYPTION_KEYS = {1: env.key_bytes("ENCRYPTION_KEY", _LOCAL_KEY)}
if "ENCRYPTION_KEY_2" in os.environ:
    ENCRYPTION_KEYS[2] = env.key_bytes("ENCRYPTION_KEY_2", _LOCAL_KEY)
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", "" if IS_PRODUCTION else "127.0.0.1,localhost,[::1],testserver")
CSRF_TRUSTED_ORIGINS = env.words("CSRF_TRUSTED_ORIGINS")

# ── Mail ─────────────────────────────────────────────────────────────────────────────────────────
# Without a server mails are printed, addresses and links to sign in with among them: for development only.
EMAIL_HOST = env.text("EMAIL_HOST", "")
_CONSOLE_MAIL = "django.core.mail.backends.console.EmailBackend"
EMAIL_BACKEND = env.text(
    "EMAIL_BACKEND", "django.core.mail.backends.smtp.EmailBackend" if EMAIL_HOST else _CONSOLE_MAIL
)
EMAIL_HOST_USER = env.text("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = env.text("EMAIL_HOST_PASSWORD", "")
# One word instead of Django's two flags, which may contradict each other; with its usual port (RFC 8314).
_EMAIL_TLS = env.text("EMAIL_TLS", "") or "starttls"
_EMAIL_PORTS = {"starttls": 587, "implicit": 465, "none": 25}
if _EMAIL_TLS not in _EMAIL_PORTS:
    raise ImproperlyConfigured(f"EMAIL_TLS must be starttls, implicit or none, not “{_EMAIL_TLS}”.")
EMAIL_USE_TLS, EMAIL_USE_SSL = _EMAIL_TLS == "starttls", _EMAIL_TLS == "implicit"
EMAIL_PORT = env.number("EMAIL_PORT", _EMAIL_PORTS[_EMAIL_TLS])
EMAIL_TIMEOUT = 10  # seconds; a person who signs up waits for it
DEFAULT_FROM_EMAIL = env.text("DEFAULT_FROM_EMAIL", "backoffice@localhost")
# What links in mails begin with; wrong, and they lead nowhere.
_SITE = (
    f"https://{ALLOWED_HOSTS[0].lstrip('.')}" if IS_PRODUCTION and ALLOWED_HOSTS else "http://127.0.0.1:8000"
)
SITE_URL = (env.text("SITE_URL", "") or _SITE).rstrip("/")


def _refuse_unsafe_production() -> None:
    if SECRET_KEY == _LOCAL_SECRET or len(SECRET_KEY) < 40:
        raise ImproperlyConfigured("Production needs its own SECRET_KEY of at least 40 characters.")
    if _LOCAL_KEY in {FINGERPRINT_KEY, *ENCRYPTION_KEYS.values()}:
        raise ImproperlyConfigured("Production needs its own FINGERPRINT_KEY and ENCRYPTION_KEY.")
    if DEBUG:
        raise ImproperlyConfigured("Production refuses BACKOFFICE_DEBUG.")
    if not ALLOWED_HOSTS or "*" in ALLOWED_HOSTS:
        raise ImproperlyConfigured("Production needs ALLOWED_HOSTS, without “*”.")
    if EMAIL_BACKEND == _CONSOLE_MAIL:
        raise ImproperlyConfigured("Production needs EMAIL_HOST: nobody can sign up without mail.")


if IS_PRODUCTION:
    _refuse_unsafe_production()

# ── Applications ─────────────────────────────────────────────────────────────────────────────────
INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",  # before the admin, whose templates it replaces
    "unfold.contrib.filters",
    "core.admin_app.BackofficeAdminConfig",  # django.contrib.admin with our site
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "axes",
    "csp",
    "django_filters",
    "django_htmx",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "core",
    "accounts",
    "merchants",
    "catalog",
    "orders",
    "risk",
    "recommendations",
    "cases",
    "intake",
    "simulation",
    "delivery",
    "portal",
    "console",
    "api",
]
MIDDLEWARE = [
    "core.middleware.RequestIdMiddleware",  # first, so that every log line and error page has the id
    "django.middleware.security.SecurityMiddleware",
    "api.middleware.ApiMiddleware",  # answers the calls of programs; what follows is for pages
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "core.middleware.DomainErrorMiddleware",
    "axes.middleware.AxesMiddleware",  # last, as its documentation asks
]
ROOT_URLCONF = "backoffice.urls"
WSGI_APPLICATION = "backoffice.wsgi.application"
ASGI_APPLICATION = "backoffice.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]

# ── Database ─────────────────────────────────────────────────────────────────────────────────────
# Embedded SQLite unless DATABASE_URL names a PostgreSQL.
_database_url = env.text("DATABASE_URL", f"sqlite:///{VAR_DIR / 'backoffice.sqlite3'}")
DATABASES = {"default": dj_database_url.parse(_database_url, conn_max_age=600, conn_health_checks=True)}
IS_SQLITE = DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3"
if IS_SQLITE:
    # Django's defaults lose transactions to "database is locked" as soon as two processes write.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-65536;",
    }
else:
    # Django's own, saving the round trips of BEGIN, SAVEPOINT and most health checks.
    DATABASES["default"]["ENGINE"] = "core.postgres"
    # The history query is prepared once per connection; planning it anew would cost more than running it.
    DATABASES["default"]["OPTIONS"] = {"options": "-c plan_cache_mode=force_generic_plan -c jit=off"}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# ── Queues and caches ────────────────────────────────────────────────────────────────────────────
REDIS_URL = env.text("REDIS_URL", "")
# Two installations may share one Redis: every queue and key carries the database's name.
_database_name = Path(str(DATABASES["default"]["NAME"])).stem if IS_SQLITE else DATABASES["default"]["NAME"]
NAMESPACE = env.text("BACKOFFICE_NAMESPACE", f"bo-{_database_name}")
if REDIS_URL:
    CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": REDIS_URL,
            "KEY_PREFIX": NAMESPACE,
        }
    }
    CELERY_BROKER_URL = REDIS_URL
    CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, object] = {
        "global_keyprefix": f"{NAMESPACE}:",
        "visibility_timeout": 3600,  # a training may run this long before its task is handed out again
    }
else:
    CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
            "LOCATION": str(VAR_DIR / "cache"),
        }
    }
    CELERY_BROKER_URL = "embedded://localhost/"
    CELERY_BROKER_TRANSPORT_OPTIONS = {"folder": str(VAR_DIR / "broker")}
CELERY_QUEUE_PREFIX = NAMESPACE
CELERY_TIMEZONE = "UTC"
CELERY_TASK_ALWAYS_EAGER = False

# ── Identity ─────────────────────────────────────────────────────────────────────────────────────
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
    "accounts.backends.RoleBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "CommonPasswordValidator", "NumericPasswordValidator")
] + [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    }
]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = env.text(
    "ACCOUNT_EMAIL_VERIFICATION", "mandatory" if IS_PRODUCTION else "optional"
)
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_ADAPTER = "accounts.adapter.AccountAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
ACCOUNT_LOGOUT_REDIRECT_URL = "home"
AXES_FAILURE_LIMIT = 8
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_ENABLED = env.flag("AXES_ENABLED", True)
AXES_USERNAME_FORM_FIELD = "login"
AXES_LOCKOUT_TEMPLATE = "429.html"

# ── Browser safety ───────────────────────────────────────────────────────────────────────────────
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_PRODUCTION
SESSION_COOKIE_HTTPONLY = True
SECURE_SSL_REDIRECT = env.flag("SECURE_SSL_REDIRECT", IS_PRODUCTION)
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_HSTS_SECONDS = 31_536_000 if IS_PRODUCTION else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = IS_PRODUCTION
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
if env.flag("BEHIND_PROXY", False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
_CSP_DIRECTIVES = {
    "default-src": [SELF],
    "script-src": [SELF],
    "style-src": [SELF],
    "img-src": [SELF, "data:", "blob:"],
    "font-src": [SELF],
    "connect-src": [SELF],
    "object-src": [NONE],
    "base-uri": [NONE],
    "form-action": [SELF],
    "frame-ancestors": [NONE],
}
CONTENT_SECURITY_POLICY = {"DIRECTIVES": _CSP_DIRECTIVES}
# The admin's own kit (Alpine with expressions, inline styles) needs more; it is applied to that door alone.
ADMIN_CSP_UPDATE = {"script-src": [UNSAFE_INLINE, UNSAFE_EVAL], "style-src": [UNSAFE_INLINE]}
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
UPLOAD_MAX_BYTES = 10 * 1024 * 1024

# ── Languages and time ───────────────────────────────────────────────────────────────────────────
LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("zh-hans", _("Simplified Chinese"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_COOKIE_SAMESITE = "Lax"

# ── Files ────────────────────────────────────────────────────────────────────────────────────────
STATIC_URL = "static/"
STATIC_ROOT = VAR_DIR / "static"
STATIC_ROOT.mkdir(exist_ok=True)  # filled by collectstatic; WhiteNoise warns where there is none
STATICFILES_DIRS = [BASE_DIR / "static"]
MEDIA_ROOT = VAR_DIR / "media"
WHITENOISE_USE_FINDERS = not IS_PRODUCTION
_S3_BUCKET = env.text("S3_BUCKET", "")
STORAGES = {
    # Uploads are private: no URL is public, views stream them after a permission check.
    "default": (
        {
            "BACKEND": "storages.backends.s3.S3Storage",
            "OPTIONS": {"bucket_name": _S3_BUCKET, "querystring_expire": 300},
        }
        if _S3_BUCKET
        else {"BACKEND": "django.core.files.storage.FileSystemStorage"}
    ),
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if IS_PRODUCTION
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}

# ── API ──────────────────────────────────────────────────────────────────────────────────────────
# Calls per key and window: too few turn partners away, too many let one key crowd out the others.
API_QUOTA = env.number("API_QUOTA", 600)
API_QUOTA_SECONDS = env.number("API_QUOTA_SECONDS", 60)
# A revoked key opens for so long; 0 reads the key anew at every call, which costs a query.
API_KEY_MEMORY_SECONDS = env.number("API_KEY_MEMORY_SECONDS", 1)
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["api.authentication.ApiKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["api.permissions.HasScope"],
    "DEFAULT_RENDERER_CLASSES": ["api.renderers.OrjsonRenderer"],
    "DEFAULT_PARSER_CLASSES": ["api.parsers.OrjsonParser"],
    "EXCEPTION_HANDLER": "api.problems.handle",
    "DEFAULT_SCHEMA_CLASS": "api.schema.EndpointSchema",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Backoffice API",
    "DESCRIPTION": "Merchants apply, list products and handle orders; every decision comes with its reasons.",
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    # Choices stay where they are used: named enums would change their names with every new status field.
    "POSTPROCESSING_HOOKS": ["api.schema.share_failures"],
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}

# ── The marketplace ──────────────────────────────────────────────────────────────────────────────
# How long a reviewer may take a verdict back before it takes effect, in seconds. 0 lets it take effect at
# once; more keeps merchants waiting longer.
REVIEW_UNDO_SECONDS = env.number("REVIEW_UNDO_SECONDS", 30)
BASE_CURRENCY = env.text(
    "BASE_CURRENCY", "CNY"
)  # sums over currencies are in this one; fixed after the first order

# ── Logs ─────────────────────────────────────────────────────────────────────────────────────────
LOGGING = log_configuration(level=env.text("LOG_LEVEL", "INFO"), as_json=env.flag("LOG_JSON", IS_PRODUCTION))

PROCESS_ID = secrets.token_hex(4)  # names this process in locks and logs

# ── Admin ────────────────────────────────────────────────────────────────────────────────────────
UNFOLD = admin_look(ENVIRONMENT)
