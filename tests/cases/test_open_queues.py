"""To whom a queue is open: the condition of the database and the one in memory say the same."""

from itertools import product

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Role, RoleGrant, User
from cases.claims import claim_case, claim_next, find_assignee, list_assignees
from cases.models import Queue
from cases.open_queues import people_of, require_open
from cases.selectors import count_waiting_for, list_cases, list_queue_numbers, list_queues, may_see
from core.errors import PermissionDenied
from core.ids import encode
from tests.cases.builders import NOON, make_case, make_reviewer

pytestmark = pytest.mark.django_db


def closed(user: User, queue: Queue) -> bool:
    try:
        require_open(user, queue)
    except PermissionDenied:
        return True
    return False


def make_restricted(code: str, *, roles: tuple[str, ...] = (), languages: tuple[str, ...] = ()) -> Queue:
    queue = Queue.objects.create(code=code, name_en=code, subject="order")
    queue.roles, queue.languages = list(roles), list(languages)
    queue.save()
    return queue


def test_database_and_memory_agree_for_every_mix_of_roles_and_languages() -> None:
    roles = [(), ("reviewer",), ("senior_reviewer",), ("risk_analyst", "operations")]
    languages = [(), ("en",), ("zh-hans",), ("en", "zh-hans")]
    for number, (some, spoken) in enumerate(product(roles, languages)):
        make_restricted(f"q{number}", roles=some, languages=spoken)
    Queue.objects.create(code="above", name_en="Above", subject="order", needs_senior=True)
    people = []
    for number, (role, spoken) in enumerate(product(("reviewer", "senior_reviewer"), languages)):
        user = make_reviewer(f"p{number}@example.com", role=role)
        user.languages = list(spoken)
        user.save()
        people.append(user)
    RoleGrant.objects.create(user=people[0], role=Role.OPERATIONS)
    people.append(User.objects.create_superuser("root@example.com"))
    queues = list(Queue.objects.all())
    for user in people:
        expected = {queue.pk for queue in queues if not closed(user, queue)}
        assert {queue.pk for queue in list_queues(user)} == expected
        assert {numbers.queue.pk for numbers in list_queue_numbers(user, at=NOON)} == expected
    for queue in queues:
        workers = {user.pk for user in people if not user.is_superuser and not closed(user, queue)}
        assert {user.pk for user in people_of(queue)} == workers
    assert len({len(list_queues(user)) for user in people}) == 6


def test_a_role_is_not_taken_for_another_whose_name_holds_it() -> None:
    queue = make_restricted("seniors", roles=("senior_reviewer",))
    junior = make_reviewer("junior@example.com")
    assert not list_queues(junior).filter(pk=queue.pk).exists()
    with pytest.raises(PermissionDenied) as refusal:
        require_open(junior, queue)
    assert refusal.value.code == "not_your_queue"


def test_a_closed_queues_case_is_neither_next_nor_seen_nor_counted_nor_claimed() -> None:
    chinese = make_restricted("chinese", languages=("zh-hans",))
    first, second = make_case(queue=chinese, value_minor=9_000_000), make_case()
    user = make_reviewer()
    assert not may_see(user, first)
    assert list(list_cases(user)) == [second]
    assert count_waiting_for(user) == 1
    assert claim_next(user, at=NOON, queue=chinese) is None
    with pytest.raises(PermissionDenied) as refusal:
        claim_case(first, user, at=NOON)
    assert refusal.value.code == "not_your_language"
    assert claim_next(user, at=NOON) == second
    assert claim_next(user, at=NOON) is None

    reader = make_reviewer("wang@example.com")
    reader.languages = ["zh-hans", "en"]
    reader.save()
    assert claim_next(reader, at=NOON) == first


def test_a_case_is_given_only_to_people_of_its_queue() -> None:
    case = make_case(queue=make_restricted("chinese", languages=("zh-hans",)))
    reader, other = make_reviewer("wang@example.com"), make_reviewer("lin@example.com")
    reader.languages = ["zh-hans"]
    reader.save()
    assert list_assignees(case) == [reader]
    assert find_assignee(case, reader.pk) == reader
    assert find_assignee(case, other.pk) is None


def test_a_stranger_to_the_queue_gets_404(client: Client) -> None:
    queue = make_restricted("chinese", languages=("zh-hans",))
    case = make_case(queue=queue)
    user = make_reviewer()
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    assert client.get("/console/queues/chinese/").status_code == 404
    assert client.post("/console/queues/next", {"queue": "chinese"}).status_code == 404
    assert client.get(reverse("console:case", args=[encode("cas", case.pk)])).status_code == 404
    assert client.post(reverse("console:case-claim", args=[encode("cas", case.pk)])).status_code == 404
