"""Cases and reviewers for tests, written straight to their tables."""

from datetime import UTC, datetime, timedelta

from accounts.models import Role, RoleGrant, User
from cases.models import Queue, ReviewCase
from cases.priority import sort_key
from core.ids import new_id

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def make_reviewer(email: str = "lin@example.com", *, role: str = Role.REVIEWER) -> User:
    user = User.objects.create_user(email, name=email.split("@", 1)[0].title())
    RoleGrant.objects.create(user=user, role=role)
    return user


def make_queue(code: str = "orders", *, subject: str = "order", senior: bool = False) -> Queue:
    queue, _ = Queue.objects.get_or_create(
        code=code,
        defaults={
            "name_en": code.title(),
            "name_zh": code,
            "subject": subject,
            "needs_senior": senior,
            "is_default": not senior,
        },
    )
    return queue


def make_case(
    *,
    queue: Queue | None = None,
    value_minor: int = 0,
    due_at: datetime = NOON + timedelta(hours=12),
    merchant_id: int | None = None,
    subject_id: int | None = None,
    is_blind: bool = False,
) -> ReviewCase:
    queue = queue or make_queue()
    return ReviewCase.objects.create(
        queue=queue,
        subject_kind=queue.subject,
        subject_id=subject_id or new_id(),
        merchant_id=merchant_id,
        title="Order 1001",
        value_minor=value_minor,
        is_blind=is_blind,
        sort_key=sort_key(due_at, value_minor),
        due_at=due_at,
        created_at=NOON,
    )
