"""One of everything that URLs can name, as the walk over all of them needs it."""

from datetime import timedelta

from django.utils import timezone

from accounts.models import Role, User
from cases.appealing import open_appeal
from cases.bulk_models import SelectedCase, Selection
from cases.macros import MacroFields, create_macro
from cases.models import ReviewCase, Verdict
from cases.notes import add_note
from cases.quality.models import GoldenCase, SecondLook
from catalog.content import RevisionFields
from catalog.services import start_revision
from core.actors import SYSTEM
from core.ids import encode
from core.models import OutboxEvent
from delivery.sequencer import sequence
from intake.models import ImportBatch
from intake.pipeline import submit_application, submit_order
from merchants.models import Document, Merchant
from orders.services import decline_order
from risk.backtest.services import run_now
from risk.list_files import NewEntry
from risk.models import Alert, Decision, ListEntry, RuleSet
from risk.services import add_entries, create_list, pull_brake, snooze_rule
from tests.make import (
    NOON,
    make_application,
    make_image,
    make_listing,
    make_new_order,
    make_order,
    make_user,
)


def make_belongings(merchant: Merchant) -> dict[str, str]:
    """Make one of everything a merchant can have; return prefix → public id."""
    application = make_application(merchant)
    submit_application(application, actor=SYSTEM, at=NOON)
    listing = make_listing(merchant, image=make_image())
    again = RevisionFields("tea", "Oolong tea, again", "Picked by hand, packed in tins.", 9_900, "CNY")
    start_revision(listing, again, actor=SYSTEM, at=NOON)
    order = submit_order(merchant, make_new_order(), actor=SYSTEM, at=NOON).order
    refused = make_order(merchant)
    decline_order(refused, actor=SYSTEM, at=timezone.now(), reason_codes=["other"])
    statement = refused.decline_statement
    assert statement is not None
    opened = open_appeal(statement, text="Look again.", files=[make_image()], actor=SYSTEM, at=timezone.now())
    sequence()
    alert = Alert.objects.create(merchant=merchant, code="account_risk_high", score=0.9, created_at=NOON)
    batch = ImportBatch.objects.create(
        mapping="olist", mapping_hash="x", file_name="x", content_sha256="x", error_file="imports/x.csv"
    )
    batch.error_file.storage.save("imports/x.csv", make_image())
    case = ReviewCase.objects.get(subject_kind="order", appeal=None)
    verdict = Verdict.objects.create(
        case=case,
        kind="approve",
        reviewer=make_user(Role.REVIEWER),
        claim_token=0,
        evidence_version=1,
        status="undone",
        created_at=NOON,
    )
    lead = make_user(Role.SENIOR_REVIEWER)
    asked = {
        "queue": case.queue,
        "case": case,
        "judged_at": NOON,
        "first_kind": "approve",
        "created_at": NOON,
    }
    golden = GoldenCase.objects.create(
        case=case,
        queue=case.queue,
        kind="approve",
        why="Plain.",
        judged_at=NOON,
        marked_by=lead,
        created_at=NOON,
    )
    look = SecondLook.objects.create(
        kind="sample", second_reviewer=lead, second_kind="reject", is_agreed=False, answered_at=NOON, **asked
    )
    colleague = User.objects.create_superuser(f"notes{merchant.pk}@example.com")
    note = add_note(case, text="Looks fine.", files=[make_image()], author=colleague, at=timezone.now())
    selection = Selection.objects.create(
        queue=case.queue, reviewer=verdict.reviewer, matched=1, created_at=NOON
    )
    SelectedCase.objects.create(selection=selection, case=case, position=1, evidence_version=1)
    macro = create_macro(
        MacroFields(name="Plain", kind="approve"), subject="order", by=colleague, at=NOON, queue=case.queue
    )
    found = {
        "mac": macro,
        "sel": selection,
        "not": note,
        "nfl": note.files.get(),
        "mer": merchant,
        "app": application,
        "doc": Document.objects.get(application=application),
        "lst": listing,
        "rev": listing.live_revision,
        "ord": order,
        "dec": Decision.objects.get(subject_kind="order"),
        "cas": case,
        "ver": verdict,
        "rst": RuleSet.objects.get(),
        "evt": OutboxEvent.objects.filter(merchant_id=merchant.pk).first(),
        "alr": alert,
        "imp": batch,
        "sta": statement,
        "apl": opened,
        "apf": opened.files.get(),
        "lok": look,
        "gld": golden,
    }
    return {prefix: encode(prefix, row.pk) for prefix, row in found.items() if row is not None}


def make_judgement(analyst: User, ruleset: RuleSet) -> dict[str, str]:
    """Make a list, a backtest, a snooze and a brake; return what stands for them in URLs."""
    until = timezone.now() + timedelta(days=1)
    backtest = run_now(ruleset, since=NOON, until=until, requested_by=analyst, at=until)
    made = create_list("blocked_ips", "Blocked addresses", kind="ip", author=analyst)
    version = add_entries(made, [NewEntry("192.0.2.66")], author=analyst)
    snooze = snooze_rule(
        "order",
        "R-DEAR",
        entity="merchant",
        key=1,
        until=until,
        reason="A known sale",
        author=analyst,
        at=timezone.now(),
    )
    brake = pull_brake("order", rule_code="R-DEAR", by=analyst, at=NOON)
    return {
        "bkt": encode("bkt", backtest.pk),
        "snz": encode("snz", snooze.pk),
        "brk": encode("brk", brake.pk),
        "entry": str(ListEntry.objects.get().pk),
        "version": str(version.number),
    }
