"""Every page of the console, from its own table of paths: a new one is looked at without being named here."""

from collections.abc import Callable, Iterator, Mapping

from django.test import Client
from django.urls import URLPattern, reverse

from accounts.models import User
from cases.bulk_models import Selection
from cases.colleagues import CaseNote
from cases.macros_models import Macro
from cases.models import ReviewCase, Verdict
from cases.quality.models import GoldenCase, SecondLook
from catalog.models import ListingRevision
from console.urls import urlpatterns
from core.ids import encode
from intake.models import ImportBatch
from merchants.models import Document
from risk.models import Alert, Backtest, Brake, Decision, ModelVersion, RuleSet, RuleSnooze, TrainingRun

Arguments = Mapping[str, object]
_FILES = {
    "import-errors",
    "appeal-file",
    "note-file",
}  # not even there unless an import had errors, or an appeal a file


def list_page_paths(visitor: User) -> list[str]:
    """Return the addresses of all pages; the scene must hold something for each of them.

    What answers no GET is an action, and what is no whole HTML document a file or a part of a page.
    """
    client = Client()
    client.force_login(visitor, backend="allauth.account.auth_backends.AuthenticationBackend")
    pages = [pattern for pattern in urlpatterns if pattern.name not in _FILES]
    return [path for pattern in pages for path in _paths_of(pattern) if _is_page(client, path)]


def _is_page(client: Client, path: str) -> bool:
    answer = client.get(path)
    if answer.status_code == 405:
        return False
    if answer.headers.get("Location", "").startswith("/console/"):
        return False  # a part of the page it leads to
    assert answer.status_code == 200, f"{path} answers {answer.status_code}: the scene lacks what it shows"
    is_file = "attachment" in answer.headers.get("Content-Disposition", "")
    is_html = answer.headers["Content-Type"].startswith("text/html")
    return is_html and not is_file and b"<html" in answer.content


def _paths_of(pattern: URLPattern) -> Iterator[str]:
    name = str(pattern.name)
    if not pattern.pattern.converters:
        yield reverse(f"console:{name}") + (_QUERIES[name]() if name in _QUERIES else "")
        return
    place = str(pattern.pattern).split("/", 1)[0]
    given = _BY_NAME.get(name) or _BY_PLACE.get(place)
    assert given is not None, f"{name}: say in _BY_PLACE which object its page shows"
    for arguments in given():
        wanted = {key: arguments[key] for key in pattern.pattern.converters}
        yield reverse(f"console:{name}", kwargs=wanted)


def _id(prefix: str, pk: int | None) -> Arguments:
    assert pk is not None, f"the scene has no {prefix}"
    return {"public_id": encode(prefix, pk)}


def _cases() -> list[Arguments]:
    """One case of each kind in each of its states: their pages differ most."""
    chosen = {
        (case.subject_kind, case.status, case.is_blind): case
        for case in ReviewCase.objects.filter(purpose="work").order_by("pk")
    }
    return [_id("cas", case.pk) for case in chosen.values()]


def _held() -> Decision:
    return Decision.objects.filter(subject_kind="order", outcome="review").latest("pk")


def _rule() -> list[Arguments]:
    draft = RuleSet.objects.filter(status="draft").latest("pk")
    return [{**_id("rst", draft.pk), "code": draft.rules.latest("pk").code, "subject": draft.subject}]


_BY_PLACE: Mapping[str, Callable[[], list[Arguments]]] = {
    "queues": lambda: [{"code": "orders"}],
    "cases": _cases,
    "desk": lambda: [{"what": "queues"}],
    "macros": lambda: [_id("mac", Macro.objects.latest("pk").pk)],
    "verdicts": lambda: [{"verdict_id": encode("ver", Verdict.objects.latest("pk").pk)}],
    "notes": lambda: [_id("not", CaseNote.objects.latest("pk").pk)],
    "bulk": lambda: [_id("sel", one.pk) for one in Selection.objects.order_by("-pk")[:2]],
    "documents": lambda: [_id("doc", Document.objects.latest("pk").pk)],
    "images": lambda: [_id("rev", ListingRevision.objects.exclude(image="").latest("pk").pk)],
    "alerts": lambda: [_id("alr", Alert.objects.latest("pk").pk)],
    "decisions": lambda: [
        _id("dec", Decision.objects.filter(subject_kind=kind).latest("pk").pk)
        for kind in Decision.objects.order_by().values_list("subject_kind", flat=True).distinct()
    ],
    "rules": _rule,
    "backtests": lambda: [{**_id("bkt", Backtest.objects.latest("pk").pk), "what": "flips"}],
    "lists": lambda: [{"code": "blocked_ips", "entry_id": 1, "number": 1}],
    "monitoring": lambda: [_id("brk", Brake.objects.latest("pk").pk)],
    "models": lambda: [
        {
            **_id("mod", ModelVersion.objects.filter(subject="order").latest("pk").pk),
            "subject": "order",
            "run_id": TrainingRun.objects.latest("pk").pk,
        }
    ],
    "imports": lambda: [_id("imp", ImportBatch.objects.latest("pk").pk)],
}
# Pages that show nothing without a question.
_QUERIES: Mapping[str, Callable[[], str]] = {
    "search": lambda: "?q=20",
    "snooze-new": lambda: f"?decision={encode('dec', _held().pk)}",
}
_BY_NAME: Mapping[str, Callable[[], list[Arguments]]] = {
    "quality-file": lambda: [{"table": "queues"}],
    "look": lambda: [_id("lok", SecondLook.objects.filter(kind="blind", is_agreed=False).latest("pk").pk)],
    "golden-new": lambda: [
        _id("cas", ReviewCase.objects.filter(status="resolved", purpose="work").latest("pk").pk)
    ],
    "golden-retire": lambda: [_id("gld", GoldenCase.objects.latest("pk").pk)],
    "snooze-end": lambda: [_id("snz", RuleSnooze.objects.latest("pk").pk)],
}
