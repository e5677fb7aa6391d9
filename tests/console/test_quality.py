"""The quality pages: what a blind page must not tell, who sees what, and what can be done."""

import csv
import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import Role, User
from cases.models import Queue, ReviewCase, Verdict
from cases.quality.models import GoldenCase, SecondLook
from cases.services import NewVerdict, claim_case, ensure_default_queues, record_verdict
from core.ids import encode
from orders.models import Order
from tests.cases.appealed import waiting
from tests.console.conftest import SignIn
from tests.console.scenes import held_case, public
from tests.make import make_user

pytestmark = pytest.mark.django_db

TELLING = "Something only the first one wrote"


@pytest.fixture
def first() -> User:
    return make_user(Role.REVIEWER, name="Ada First")


@pytest.fixture
def lead() -> User:
    return make_user(Role.SENIOR_REVIEWER, name="Noor Lead")


def judge(case: ReviewCase, user: User, kind: str, **fields: Any) -> Verdict:
    now = timezone.now()
    claimed = claim_case(case, user, at=now)
    claimed = ReviewCase.objects.select_related("queue", "decision").get(pk=claimed.pk)
    codes = () if kind == "approve" else ("policy_violation",)
    new = NewVerdict(kind, claimed.claim_token, claimed.evidence_version, reason_codes=codes, **fields)
    return record_verdict(claimed, new, reviewer=user, at=now)


def looked_at(first: User, kind: str, subject: str = "order") -> SecondLook:
    """Return the open look at a verdict, whose words nobody must find on the second's page."""
    if subject == "order":
        case = held_case()
    else:
        _row, case = waiting(subject)
    Queue.objects.update(blind_share=1)
    judge(case, first, kind, note=TELLING, message=TELLING if kind == "reject" else "")
    return SecondLook.objects.select_related("case", "original").latest("pk")


class TestBlindPage:
    @pytest.mark.parametrize("subject", ["order", "listing", "application"])
    @pytest.mark.parametrize("kind", ["approve", "reject"])
    @pytest.mark.parametrize("is_claimed", [True, False])
    def test_nothing_tells_what_the_first_decided(
        self, kind: str, subject: str, is_claimed: bool, first: User, reviewer: User, page: Client
    ) -> None:
        look = looked_at(first, kind, subject)
        assert isinstance(look.original, ReviewCase)
        if is_claimed:
            claim_case(look.case, reviewer, at=timezone.now())
        html = page.get(reverse("console:case", args=[public(look.case)])).content.decode()
        without_form = re.sub(r"<form class=\"con-verdict.*?</form>", "", html, flags=re.DOTALL)
        for telling in (
            TELLING,
            str(first),
            public(look.original),
            "Declined",
            "Rejected",
            "Approved",
            "Awaiting acceptance",
            "routine check",
            "golden",
        ):
            assert telling not in without_form, telling

    def test_it_reads_like_the_first_ones_page(self, first: User, page: Client, sign_in: SignIn) -> None:
        case = held_case()
        Queue.objects.update(blind_share=1)
        href = reverse("console:case", args=[public(case)])
        before = _words(sign_in(user=first).get(href).content.decode())
        judge(case, first, "reject")
        look = SecondLook.objects.select_related("case").get()
        after = _words(page.get(reverse("console:case", args=[public(look.case)])).content.decode())
        assert after == before

    def test_the_original_and_the_decision_do_not_tell_its_holder(
        self, first: User, reviewer: User, page: Client
    ) -> None:
        look = looked_at(first, "reject")
        assert isinstance(look.original, ReviewCase)
        claim_case(look.case, reviewer, at=timezone.now())
        assert page.get(reverse("console:case", args=[public(look.original)])).status_code == 404
        assert look.case.decision_id is not None
        decision = page.get(reverse("console:decision", args=[encode("dec", look.case.decision_id)]))
        assert decision.context["labels"] == []

    def test_the_first_finds_nothing_of_it(self, first: User, sign_in: SignIn) -> None:
        look = looked_at(first, "approve")
        client = sign_in(user=first)
        assert client.get(reverse("console:case", args=[public(look.case)])).status_code == 404
        for href in (reverse("console:queue", args=["orders"]), reverse("console:cases")):
            assert public(look.case) not in client.get(href).content.decode()

    def test_it_is_gone_from_lists_once_it_is_answered(
        self, first: User, reviewer: User, page: Client
    ) -> None:
        look = looked_at(first, "approve")
        judge(look.case, reviewer, "approve")
        assert page.get(reverse("console:case", args=[public(look.case)])).status_code == 404
        resolved = page.get(reverse("console:queue", args=["orders"]), {"status": "resolved"})
        assert public(look.case) not in resolved.content.decode()


def _words(html: str) -> list[str]:
    """Return the text of a case page without what names the case, its history and its moments."""
    html = re.sub(r"<time.*?</time>|<script.*?</script>|<input[^>]*>", "", html, flags=re.DOTALL)
    html = re.sub(r'<(ul|ol)[^>]*class="[^"]*timeline.*?</\1>', "", html, flags=re.DOTALL)
    html = html.partition("<main")[2]
    text = re.sub(r"<[^>]*>", " ", html)
    return [word for word in text.split() if not word.startswith("cas_")]


def disputed(first: User, second: User, kinds: tuple[str, str] = ("reject", "approve")) -> SecondLook:
    look = looked_at(first, kinds[0])
    judge(look.case, second, kinds[1])
    look.refresh_from_db()
    return look


def href_of(look: SecondLook) -> str:
    return reverse("console:look", args=[encode("lok", look.pk)])


class TestAdjudication:
    def test_both_verdicts_stand_side_by_side(
        self, first: User, reviewer: User, lead: User, sign_in: SignIn
    ) -> None:
        look = disputed(first, reviewer)
        client = sign_in(user=lead)
        listed = client.get(reverse("console:disagreements")).content.decode()
        assert href_of(look) in listed
        html = client.get(href_of(look)).content.decode()
        assert all(word in html for word in ("Ada First", "Lin Wei", TELLING, "Take back the rejection"))

    def test_deciding_takes_the_rejection_back_if_asked_to(
        self, first: User, reviewer: User, lead: User, sign_in: SignIn
    ) -> None:
        look = disputed(first, reviewer)
        client = sign_in(user=lead)
        answer = client.post(href_of(look), {"kind": "approve", "note": "Known buyer.", "undoes": "on"})
        assert answer.status_code == 302
        assert Order.objects.get(pk=look.case.subject_id).status == "awaiting_acceptance"
        assert "The rejection was taken back." in client.get(href_of(look)).content.decode()
        assert client.post(href_of(look), {"kind": "approve", "note": "Again."}).status_code == 409

    @pytest.mark.parametrize(
        "typed", [{}, {"kind": "reject", "note": "Bad."}, {"kind": "approve"}, {"kind": "hold", "note": "x"}]
    )
    def test_half_an_answer_is_refused_in_words(
        self, typed: dict[str, str], first: User, reviewer: User, lead: User, sign_in: SignIn
    ) -> None:
        look = disputed(first, reviewer)
        assert sign_in(user=lead).post(href_of(look), typed).status_code == 422
        assert SecondLook.objects.get(pk=look.pk).adjudicated_at is None

    def test_an_open_look_an_own_merchants_and_anothers_do_not_exist(
        self, first: User, reviewer: User, lead: User, page: Client, sign_in: SignIn
    ) -> None:
        look = looked_at(first, "approve")
        assert sign_in(user=lead).get(href_of(look)).status_code == 404
        judge(look.case, reviewer, "reject")
        assert page.get(href_of(look)).status_code == 403
        owner = make_user(Role.SENIOR_REVIEWER)
        assert look.case.merchant_id is not None
        make_merchant_member(owner, look.case.merchant_id)
        assert sign_in(user=owner).get(href_of(look)).status_code == 404
        assert href_of(look) not in sign_in(user=owner).get(reverse("console:disagreements")).content.decode()
        assert sign_in(user=make_user()).get(href_of(look)).status_code == 404


def make_merchant_member(user: User, merchant_id: int) -> None:
    from merchants.models import MemberRole, Membership

    Membership.objects.create(user=user, merchant_id=merchant_id, role=MemberRole.OWNER)


class TestGolden:
    def test_a_lead_marks_a_resolved_case_and_retires_it(
        self, first: User, lead: User, sign_in: SignIn
    ) -> None:
        case = held_case()
        judge(case, first, "reject")
        client = sign_in(user=lead)
        href = reverse("console:golden-new", args=[public(case)])
        assert href in client.get(reverse("console:case", args=[public(case)])).content.decode()
        assert client.get(href).status_code == 200
        assert client.post(href, {"kind": "reject", "why": "Plain."}).status_code == 422
        typed = {"kind": "reject", "why": "Plain.", "reason_codes": ["stolen_card"]}
        assert client.post(href, typed).status_code == 302
        golden = GoldenCase.objects.get()
        assert "Plain." in client.get(reverse("console:golden-cases")).content.decode()
        client.post(reverse("console:golden-retire", args=[encode("gld", golden.pk)]))
        assert "Plain." not in client.get(reverse("console:golden-cases")).content.decode()
        over = client.get(reverse("console:golden-cases"), {"tab": "retired"}).content.decode()
        assert "Plain." in over
        assert client.post(href, typed).status_code == 422

    def test_a_reviewer_reads_afterwards_what_was_right_and_why(
        self, first: User, reviewer: User, lead: User, page: Client
    ) -> None:
        from cases.quality.golden import mark_golden
        from cases.quality.serving import serve_instead

        case = held_case()
        judge(case, first, "reject")
        case.refresh_from_db()
        Queue.objects.update(golden_share=0.5)
        mark_golden(
            case,
            kind="reject",
            reason_codes=["stolen_card"],
            why="Three cards in an hour.",
            by=lead,
            at=timezone.now(),
        )
        copy = None
        for _ in range(200):
            copy = copy or serve_in_unit(serve_instead, held_case(), reviewer)
        assert copy is not None
        own = reverse("console:quality")
        assert "Three cards" not in page.get(own).content.decode()
        claim_case(copy, reviewer, at=timezone.now())
        html = page.get(reverse("console:case", args=[public(copy)])).content.decode()
        assert "Three cards" not in html
        assert "Declined" not in html
        judge(copy, reviewer, "approve")
        assert "Three cards in an hour." in page.get(own).content.decode()


def serve_in_unit(serve: Any, case: ReviewCase, user: User) -> ReviewCase | None:
    from core import journal

    with journal.unit():
        copy: ReviewCase | None = serve(case, user, at=timezone.now())
    return copy


class TestFigures:
    def test_a_lead_sees_everybody_and_a_reviewer_only_themselves(
        self, first: User, reviewer: User, lead: User, page: Client, sign_in: SignIn
    ) -> None:
        look = disputed(first, reviewer)
        client = sign_in(user=lead)
        client.post(href_of(look), {"kind": "approve", "note": "Known buyer."})
        html = client.get(reverse("console:quality")).content.decode()
        assert "Ada First" in html
        assert "R-DEAR" in html
        own = page.get(reverse("console:quality")).content.decode()
        assert "Ada First" not in own
        assert "Known buyer." in own
        for name in ("disagreements", "golden-cases"):
            assert page.get(reverse(f"console:{name}")).status_code == 403

    def test_empty_pages_say_what_would_fill_them(self, lead: User, sign_in: SignIn, page: Client) -> None:
        client = sign_in(user=lead)
        for name, words in (
            ("quality", "Nothing is reviewed twice"),
            ("disagreements", "Nobody differs"),
            ("golden-cases", "No golden cases yet"),
            ("quality-own", "Nothing to learn from yet"),
        ):
            assert words in client.get(reverse(f"console:{name}")).content.decode()
        assert "Nothing to learn from yet" in page.get(reverse("console:quality")).content.decode()

    def test_the_period_leaves_out_what_is_older(self, first: User, reviewer: User, lead: User) -> None:
        from cases.quality.figures import list_queue_agreement, looks_since

        disputed(first, reviewer)
        tomorrow = timezone.now() + timedelta(days=1)
        assert sum(row.n for row in list_queue_agreement(looks_since(None))) == 1
        assert sum(row.n for row in list_queue_agreement(looks_since(tomorrow))) == 0

    @pytest.mark.parametrize("table", ["queues", "reasons", "rules", "models", "reviewers", "golden"])
    def test_each_table_is_a_file(
        self, table: str, first: User, reviewer: User, lead: User, sign_in: SignIn
    ) -> None:
        look = disputed(first, reviewer)
        client = sign_in(user=lead)
        client.post(href_of(look), {"kind": "approve", "note": "Known buyer."})
        answer = client.get(reverse("console:quality-file", args=[table]))
        text = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
        rows = list(csv.DictReader(text.splitlines()))
        assert rows or table == "golden"
        if table == "reviewers":
            assert (rows[0]["reviewer"], rows[0]["overturned"], rows[0]["looks"]) == ("Ada First", "1", "1")

    def test_there_is_no_other_file(self, lead: User, sign_in: SignIn) -> None:
        assert sign_in(user=lead).get(reverse("console:quality-file", args=["people"])).status_code == 404

    @pytest.mark.parametrize("name", ["quality", "disagreements", "golden-cases", "quality-own"])
    def test_as_many_queries_for_many_as_for_few(
        self, name: str, first: User, reviewer: User, sign_in: SignIn
    ) -> None:
        ensure_default_queues()
        client = sign_in(*Role)

        def count() -> int:
            with CaptureQueriesContext(connection) as captured:
                assert client.get(reverse(f"console:{name}")).status_code == 200
            return len(captured)

        def fill(looks: int) -> None:
            for _ in range(looks):
                look = disputed(first, reviewer)
                SecondLook.objects.filter(pk=look.pk).update(is_first_right=True)

        fill(2)
        few = count()
        fill(6)
        assert count() == few
        assert few <= 24, few
