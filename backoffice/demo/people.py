"""The people of the demo, with passwords that only ever guard sample data."""

from dataclasses import dataclass
from datetime import datetime

from accounts.models import APIKey, Audience, Role, User
from accounts.permissions import SCOPES
from accounts.services import create_api_key, grant_role
from core.actors import SYSTEM
from merchants.models import MemberRole, Membership, Merchant

PASSWORD = "sample-market-2026"  # noqa: S105 - printed for everybody who runs the demo
_KEY_NAME = "Demo partner"


@dataclass(frozen=True)
class Login:
    """One way in: a door and who may open it."""

    door: str
    path: str
    email: str


LOGINS = (
    Login("Merchant", "/portal/", "merchant@example.com"),
    Login("Reviewer", "/console/", "reviewer@example.com"),
    Login("Risk analyst", "/console/", "analyst@example.com"),
    Login("Second analyst", "/console/", "second.analyst@example.com"),
    Login("Staff admin", "/admin/", "admin@example.com"),
)
_ROLES = {
    "reviewer@example.com": (Role.REVIEWER, Role.SENIOR_REVIEWER),
    "analyst@example.com": (Role.RISK_ANALYST,),
    "second.analyst@example.com": (Role.RISK_ANALYST,),
}
_NAMES = {
    "merchant@example.com": "Mei Lin",
    "reviewer@example.com": "Robin Park",
    "analyst@example.com": "Ada Novak",
    "second.analyst@example.com": "Sam Osei",
    "admin@example.com": "Alex Admin",
}


def ensure_people() -> None:
    """Create whoever is missing."""
    for login in LOGINS:
        if User.objects.filter(email=login.email).exists():
            continue
        is_admin = login.email.startswith("admin")
        user = User.objects.create_user(
            login.email, PASSWORD, name=_NAMES[login.email], is_staff=is_admin, is_superuser=is_admin
        )
        for role in _ROLES.get(login.email, ()):
            grant_role(user, role, actor=SYSTEM)


def get_person(email: str) -> User:
    return User.objects.get(email=email)


def give_merchant_to_demo_user(merchant: Merchant) -> None:
    """Let the demo's merchant login act for a merchant with something to do."""
    user = get_person("merchant@example.com")
    if not Membership.objects.filter(user=user).exists():
        Membership.objects.create(user=user, merchant=merchant, role=MemberRole.OWNER)


def make_key(*, at: datetime) -> str:
    """Return a fresh operator key; the one of an earlier run ends, because its secret was shown only then."""
    APIKey.objects.filter(name=_KEY_NAME, revoked_at=None).update(revoked_at=at)
    _, token = create_api_key(
        name=_KEY_NAME, audience=Audience.OPERATOR, scopes=SCOPES, actor=SYSTEM, is_test=True
    )
    return token
