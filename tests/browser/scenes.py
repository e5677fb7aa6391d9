"""Situations that walks begin with: what is live, and who works here."""

from datetime import timedelta
from pathlib import Path

import numpy as np
from django.utils import timezone
from PIL import Image, ImageDraw

from accounts.models import Role, User
from cases.bulk import NewBulkVerdict, decide_selection, select_cases
from cases.macros import MacroFields, create_macro
from cases.models import Queue, ReviewCase
from cases.notes import add_note
from cases.quality.golden import mark_golden
from cases.quality.models import SecondLook
from cases.services import NewVerdict, claim_case, open_case, record_verdict
from catalog.content import RevisionFields
from catalog.models import BannedTerm
from catalog.services import start_revision
from core.actors import SYSTEM
from core.money import to_minor
from core.refs import Ref
from delivery.models import Notification
from intake.models import ImportBatch
from intake.pipeline import submit_application, submit_order, submit_revision
from merchants.models import Merchant
from merchants.services import add_document
from merchants.services import submit_application as submit_application_form
from orders.models import Order
from orders.placing import NewLine
from risk.backtest.services import run_now
from risk.list_files import NewEntry
from risk.models import AccountScore, Alert, Decision, LabelSource, ParityRun, RuleSet, RuleSetStatus, Subject
from risk.services import (
    add_entries,
    copy_to_draft,
    create_list,
    pull_brake,
    record_label,
    request_training,
    save_rule,
    snooze_rule,
)
from tests.make import (
    make_application,
    make_category,
    make_image,
    make_listing,
    make_live_ruleset,
    make_merchant,
    make_model,
    make_new_order,
    make_revision,
    make_rule,
    make_user,
)

from .windows import PASSWORD

_TEA = "Spring Oolong from Anxi, 250 g"


def make_person(*roles: Role, email: str, name: str = "", **fields: object) -> User:
    """Return somebody who can come in by the sign-in form."""
    return make_user(*roles, email=email, password=PASSWORD, name=name, **fields)


def make_shop(email: str = "mei@example.com", name: str = "Green Leaf Tea") -> tuple[User, Merchant]:
    owner = make_person(email=email, name="Mei Lin")
    return owner, make_merchant(owner=owner, name=name)


def open_for_business() -> None:
    """Publish rulesets and models that let ordinary subjects through; an order from 1,000 CNY on is held."""
    make_category("tea", name_en="Tea", name_zh="茶叶")
    make_live_ruleset(
        make_rule("order.amount >= 1000", code="R-DEAR", name="A dear order", reason_code="amount_unusual"),
        subject=Subject.ORDER,
    )
    make_live_ruleset(
        make_rule(
            "price_to_median > 20 or price_to_median < 0.05",
            code="R-PRICE",
            name="Price far outside the category’s",
            reason_code="price_outlier",
            tag="ask_merchant",
        ),
        make_rule("banned_term_count >= 1", code="R-BANNED", name="Banned term", reason_code="banned_term"),
        subject=Subject.LISTING,
    )
    make_live_ruleset(
        make_rule(
            "not application.registration_is_valid",
            code="R-REG",
            name="Registration number fails its check digits",
            reason_code="registration_invalid",
            tag="ask_merchant",
        ),
        subject=Subject.APPLICATION,
    )
    for subject in (Subject.ORDER, Subject.LISTING, Subject.APPLICATION):
        make_model(subject, probability=0.02)


def draw_picture(folder: Path, text: str, *, shade: str = "#d9e4d3") -> Path:
    """Write a picture with a caption, each with noise of its own, and return where."""
    noise = np.random.default_rng(len(text)).integers(0, 12, (420, 640, 3), dtype=np.uint8)
    image = Image.fromarray(np.asarray(Image.new("RGB", (640, 420), shade)) - noise)
    ImageDraw.Draw(image).text((32, 32), text, fill="#20302a", font_size=36)
    path = folder / f"{text.lower().replace(' ', '-')}.png"
    image.save(path)
    return path


def write_licence(folder: Path) -> Path:
    path = folder / "business-licence.pdf"
    path.write_bytes(b"%PDF-1.7\nBusiness licence of Green Leaf Tea Ltd\n%%EOF\n")
    return path


def fill_the_shop(shop: Merchant) -> None:
    """Let something of everything happen: orders free and held, listings live and sent back."""
    now = timezone.now()
    BannedTerm.objects.create(term="contraband")
    for minute, total in enumerate(("64.00", "1280.00", "420.50", "99000.00")):
        at = now - timedelta(minutes=10 - minute)
        new = make_new_order(total=total, at=at, lines=(NewLine(_TEA, 1, to_minor(total, "CNY"), "TEA-250"),))
        submit_order(shop, new, actor=SYSTEM, at=at)
    for sku, title, price in (
        ("TEA-250", _TEA, 9_900),
        ("TEA-1", "Jasmine Pearls, rolled by hand", 1),
        ("TEA-2", "Contraband Leaves", 9_900),
    ):
        revision = make_revision(shop, at=now, sku=sku, title=title, price_minor=price, image=make_image())
        submit_revision(revision, actor=SYSTEM, at=now)
    application = make_application(registration_number="1", company_name="Silverhill Home Lille SARL")
    submit_application(application, actor=SYSTEM, at=now)


def label_the_orders() -> None:
    """Let the dearest order of each shop prove bad and the others good."""
    orders = list(Order.objects.order_by("-base_total_minor"))
    now = timezone.now()
    for order in orders:
        record_label(
            Ref("order", order.pk),
            is_bad=order == orders[0],
            source=LabelSource.CHARGEBACK if order == orders[0] else LabelSource.MATURED_GOOD,
            occurred_at=now,
            known_at=now,
            order=order,
        )


def fill_the_desk_of_an_analyst() -> None:
    """Put something on every page about rules: a tested draft, a list, a brake, a snooze, two nights."""
    label_the_orders()
    now = timezone.now()
    author = make_person(Role.RISK_ANALYST, email="ada@example.com", name="Ada Novak")
    live = RuleSet.objects.get(subject=Subject.ORDER, status=RuleSetStatus.LIVE)
    draft = copy_to_draft(live, author=author)
    blocked = create_list("blocked_ips", "Abused addresses", kind="ip", author=author)
    add_entries(blocked, [NewEntry("203.0.113.9", "card testing", now + timedelta(days=9))], author=author)
    save_rule(
        draft,
        make_rule(
            'order.amount > 400 and not (order.ip in list("blocked_ips"))',
            code="R-NEW",
            name="More than four hundred",
            group="Amounts",
            reason_code="amount_unusual",
            rollout_percent=25,
        ),
        author=author,
    )
    run_now(draft, since=now - timedelta(days=7), until=now, requested_by=author, at=now)
    pull_brake("order", rule_code="R-DEAR", by=author, at=now)
    decision = Decision.objects.filter(subject_kind=Subject.ORDER).first()
    assert decision is not None
    assert decision.merchant_id is not None
    snooze_rule(
        "order", "R-DEAR", entity="merchant", key=decision.merchant_id, until=now + timedelta(days=7),
        reason="A wholesaler", author=author, at=now,
    )  # fmt: skip
    for night in (2, 1):
        ParityRun.objects.create(
            since=now - timedelta(days=night + 1), until=now - timedelta(days=night), started_at=now,
            finished_at=now, events=1_000, features=76, overlapping=night,
            detail={"overlapping_features": {"device_cards_24h_distinct": night}},
        )  # fmt: skip


def fill_the_desk_of_a_reviewer(reviewer: User) -> None:
    """Put cases of every kind on the desk: open, in hand, blind and decided; with papers and pictures."""
    now = timezone.now()
    orders = list(ReviewCase.objects.filter(subject_kind=Subject.ORDER).order_by("pk"))
    decided, mine = orders[:2]
    Queue.objects.update(blind_share=1)
    _decide(decided, reviewer)
    Queue.objects.update(blind_share=0)
    _look_again(decided, reviewer)
    claim_case(mine, reviewer, at=now)
    stolen = MacroFields(name="Stolen card", name_zh="盗刷", kind="reject", reason_codes=("stolen_card",))
    create_macro(stolen, subject=Subject.ORDER, by=reviewer, at=now)
    colleague = make_person(Role.REVIEWER, email="maya@example.com", name="Maya Okafor")
    called = f"@{reviewer.email} The buyer answered. Screenshot attached."
    add_note(mine, text=called, files=[make_image()], author=colleague, at=now)
    for kind, count in (("mention", 1), ("answered", 1), ("signature", 3)):
        Notification.objects.create(
            user=reviewer, kind=kind, case=None if count > 1 else mine, by=colleague, count=count,
            channel="in_app", created_at=now,
        )  # fmt: skip
    shop = mine.decision.merchant_id if mine.decision else None
    assert shop is not None
    at = now - timedelta(minutes=3)
    merchant = Merchant.objects.get(pk=shop)
    submit_order(merchant, make_new_order(total="2100.00", at=at), actor=SYSTEM, at=at)
    free = submit_order(merchant, make_new_order(total="64.00", at=at), actor=SYSTEM, at=at).order
    _ask(Ref(Subject.ORDER, free.pk), "Routine check", is_blind=True)
    listing = make_listing(title="Oolong by the tin", image=make_image("teal"))
    change = RevisionFields(
        category_code="tea", title="Oolong by the box", description="Other words.", price_minor=19_900,
        currency="CNY", image=make_image("brown"),
    )  # fmt: skip
    listing.refresh_from_db()
    revision = start_revision(listing, change, actor=SYSTEM, at=now)
    _ask(Ref(Subject.LISTING, revision.pk), revision.title)
    application = make_application(company_name="Goldhill GmbH", bank_account="111122223333")
    add_document(application, make_image(), "identity", actor=SYSTEM)
    submit_application_form(application, actor=SYSTEM, at=now)
    _ask(Ref(Subject.APPLICATION, application.pk), application.company_name)
    twin = make_application(company_name="Silverhill", bank_account="111122223333")
    submit_application_form(twin, actor=SYSTEM, at=now)
    _ask(Ref(Subject.MERCHANT, shop), "Green Leaf Tea")
    AccountScore.objects.create(merchant_id=shop, score=0.4, band="medium", as_of=now)
    Alert.objects.create(
        merchant_id=shop, code="account_risk_medium", from_band="low", to_band="medium", score=0.4,
        created_at=now,
    )  # fmt: skip
    ImportBatch.objects.create(mapping="olist", mapping_hash="0", file_name="a.csv", content_sha256="0")
    request_training(Subject.ORDER, as_of=now, requested_by=reviewer)
    _decide_together(merchant, reviewer)


def _decide_together(merchant: Merchant, reviewer: User) -> None:
    """Leave one selection that waits for its verdict, and one whose verdict waits for a worker."""
    now = timezone.now()
    order = submit_order(merchant, make_new_order(at=now), actor=SYSTEM, at=now).order
    _ask(Ref(Subject.ORDER, order.pk), order.external_id)
    queue = ReviewCase.objects.get(subject_kind=Subject.ORDER, subject_id=order.pk).queue
    for _ in range(2):
        selection = select_cases(queue, reviewer, at=now)
    verdict = NewBulkVerdict("hold", hold_until=now + timedelta(hours=4))
    decide_selection(selection, verdict, reviewer=reviewer, at=now, undo_for=timedelta(0))


def _ask(subject: Ref, title: str, *, is_blind: bool = False) -> None:
    decision = Decision.objects.filter(subject_kind=subject.kind, subject_id=subject.id).last()
    open_case(decision, subject=subject, title=title, value_minor=0, at=timezone.now(), is_blind=is_blind)


def _look_again(decided: ReviewCase, lead: User) -> None:
    """Let somebody else come to another verdict, and keep the case as golden."""
    look = SecondLook.objects.select_related("case").get(original=decided)
    other = make_person(Role.REVIEWER, email="second.look@example.com", name="Jo Tan")
    _decide(look.case, other, "reject", "card_testing")
    decided.refresh_from_db()
    now = timezone.now()
    mark_golden(decided, kind="approve", reason_codes=(), why="A regular buyer.", by=lead, at=now)


def _decide(case: ReviewCase, reviewer: User, kind: str = "approve", *codes: str) -> None:
    case = claim_case(case, reviewer, at=timezone.now())
    verdict = NewVerdict(kind, case.claim_token, case.evidence_version, reason_codes=codes)
    record_verdict(case, verdict, reviewer=reviewer, at=timezone.now())
