"""Plain builders: `make_order(total="49.90")` gives a valid row and says only what the test is about."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from io import BytesIO
from itertools import count
from math import log
from typing import Any

import numpy as np
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from accounts.actors import actor_of
from accounts.models import Role, RoleGrant, User
from accounts.permissions import REVIEW_SCOPES
from accounts.services import create_api_key
from catalog.content import RevisionFields
from catalog.models import Category, Listing, ListingRevision
from catalog.services import approve_revision, begin_screening, create_listing, submit_revision
from core.actors import SYSTEM
from core.models import Effect as StatedEffect
from core.models import Statement
from core.money import to_minor
from core.refs import Ref
from core.statements import About, columns
from merchants.answers import ApplicationFields
from merchants.models import KeyGrant, MemberRole, Membership, Merchant, MerchantApplication, MerchantStatus
from merchants.requirements import TERMS_VERSION
from merchants.services import about_account, add_document, save_application, start_application
from ml.artifacts import ModelArtifact
from ml.calibration import Calibration
from ml.estimators import LinearModel
from orders.models import Order
from orders.placing import NewLine, NewOrder, Signals
from orders.services import place_order
from risk import live
from risk.inputs import current_inputs
from risk.models import Backtest, ModelComparison, ModelPromotion, ModelVersion, RuleSet, TrainingRun
from risk.policy import Thresholds
from risk.rules.engine import Effect, RuleDefinition
from risk.rulesets import Policy, draft_hash
from risk.selectors import find_champion_version
from risk.services import activate_ruleset, create_draft, promote_model

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)  # a Monday
_numbers = count(1)


def make_user(*roles: Role, email: str | None = None, password: str | None = None, **fields: Any) -> User:
    user = User.objects.create_user(email or f"user{next(_numbers)}@example.com", password, **fields)
    RoleGrant.objects.bulk_create([RoleGrant(user=user, role=role) for role in roles])
    return user


def make_merchant(
    *, owner: User | None = None, status: str = MerchantStatus.ACTIVE, **fields: Any
) -> Merchant:
    number = next(_numbers)
    fields.setdefault("name", f"Merchant {number}")
    fields.setdefault("country", "CN")
    fields.setdefault("joined_at", NOON - timedelta(days=90))
    merchant = Merchant(status=status, **fields)
    if status in {MerchantStatus.RESTRICTED, MerchantStatus.SUSPENDED}:
        state_reasons(merchant)
    merchant.save(force_insert=True)
    if owner is not None:
        Membership.objects.create(user=owner, merchant=merchant, role=MemberRole.OWNER)
    return merchant


def state_reasons(merchant: Merchant) -> None:
    """Give a merchant, not saved, the statement of reasons that its status needs."""
    effect, column = {
        MerchantStatus.RESTRICTED: (StatedEffect.RESTRICTED, "restriction_statement"),
        MerchantStatus.SUSPENDED: (StatedEffect.SUSPENDED, "suspension_statement"),
    }[MerchantStatus(merchant.status)]
    setattr(merchant, column, make_statement(about_account(merchant), effect))


def make_statement(about: About, effect: StatedEffect, *, at: datetime = NOON) -> Statement:
    """Return the statement of reasons of a decision that a test writes straight to its table."""
    values = columns(about, effect, reason_codes=["policy_violation"], is_automated=False, at=at)
    return Statement.objects.create(**values)


def make_key(
    *merchants: Merchant, scopes: Sequence[str] = ("orders:read", "orders:write"), **fields: Any
) -> str:
    """Return the token of a new key for these merchants, or of the operator's if none is given."""
    audience = "seller" if merchants else "operator"
    key, token = create_api_key(name="Test", audience=audience, scopes=scopes, actor=SYSTEM, **fields)
    KeyGrant.objects.bulk_create([KeyGrant(api_key=key, merchant=merchant) for merchant in merchants])
    return token


def make_review_key(person: User, *, scopes: Sequence[str] = REVIEW_SCOPES, **fields: Any) -> str:
    """Return the token of a new key for this reviewer's own tools."""
    _key, token = create_api_key(
        name="Tool", audience="reviewer", scopes=scopes, actor=actor_of(person), person=person, **fields
    )
    return token


def make_new_order(*, total: str = "49.90", at: datetime = NOON, **fields: Any) -> NewOrder:
    currency = fields.setdefault("currency", "CNY")
    fields.setdefault("external_id", f"T-{next(_numbers)}")
    fields.setdefault("lines", (NewLine("Tea pot", 1, to_minor(total, currency)),))
    fields.setdefault("signals", Signals(buyer="buyer-1", device="device-1", card="card-1", ip="192.0.2.1"))
    fields.setdefault("placed_at", at)
    if currency != "CNY":
        fields.setdefault("fx_rate", Decimal(7))
    return NewOrder(**fields)


def make_order(
    merchant: Merchant | None = None, *, total: str = "49.90", at: datetime = NOON, **fields: Any
) -> Order:
    """Return a received order that nobody has judged."""
    return place_order(
        merchant or make_merchant(), make_new_order(total=total, at=at, **fields), actor=SYSTEM, at=at
    )


def make_rule(condition: str, effect: Effect = Effect.REVIEW, **fields: Any) -> RuleDefinition:
    fields.setdefault("code", f"R-TEST-{next(_numbers):03}")
    fields.setdefault("name", "Test rule")
    fields.setdefault("reason_code", "other")
    if effect is Effect.POINTS:
        fields.setdefault("points", 10)
    return RuleDefinition(condition=condition, effect=effect, **fields)


def make_live_ruleset(*rules: RuleDefinition, subject: str = "order", **policy: Any) -> RuleSet:
    """Return a live ruleset; without a model, too, nothing is approved: see `make_model`."""
    policy.setdefault(
        "thresholds", Thresholds(review_at=0.3, decline_at=0.8, points_review_at=30, points_decline_at=100)
    )
    author, approver = make_user(Role.RISK_ANALYST), make_user(Role.RISK_ANALYST)
    draft = create_draft(subject, "Test", rules=rules, policy=Policy(**policy), author=author)
    make_backtest(draft)
    activate_ruleset(draft, approver=approver, at=NOON)
    return draft


def make_backtest(ruleset: RuleSet, *, at: datetime = NOON, **fields: Any) -> Backtest:
    """Return a finished backtest of exactly what a ruleset holds, as its worker leaves it."""
    backtest = Backtest.objects.create(
        subject=ruleset.subject,
        ruleset=ruleset,
        content_hash=draft_hash(ruleset),
        since=at - timedelta(days=30),
        until=at - timedelta(days=1),
        **fields,
    )
    backtest.status, backtest.result, backtest.finished_at = "finished", {}, at
    backtest.save(update_fields=["status", "result", "finished_at"])
    return backtest


def make_model(
    subject: str = "order",
    *,
    probability: float = 0.01,
    status: str = "champion",
    requested_by: User | None = None,
) -> ModelVersion:
    """Return a real, tiny model that gives every subject the same score.

    status    "champion" is promoted by a second person, as every champion is
    """
    names, feature_hash = current_inputs(subject)
    zeros, ones = np.zeros(len(names)), np.ones(len(names))
    estimator = LinearModel(zeros, zeros, ones, zeros, intercept=log(probability / (1 - probability)))
    artifact = ModelArtifact(estimator, Calibration(), names, feature_hash)
    version = ModelVersion(
        subject=subject,
        number=next(_numbers),
        kind=artifact.kind.value,
        status="shadow" if status == "champion" else status,
        sha256=artifact.sha256,
        feature_hash=feature_hash,
        training=TrainingRun.objects.create(
            subject=subject, as_of=NOON, status="finished", requested_by=requested_by
        ),
    )
    version.artifact.save(f"{version.pk}.json", ContentFile(artifact.to_bytes()), save=False)
    version.save(force_insert=True)
    if status == "champion":
        promote(version)
    live.forget()
    return version


def make_comparison(
    model: ModelVersion, *, at: datetime = NOON, passes: bool = True, **fields: Any
) -> ModelComparison:
    """Return a finished comparison of a model with the present champion, as its worker leaves it."""
    champion = find_champion_version(model.subject)
    values: dict[str, Any] = {
        "sha256": model.sha256,
        "champion": champion,
        "champion_sha256": champion.sha256 if champion else "",
        "as_of": at,
        **fields,
    }
    comparison = ModelComparison.objects.create(model=model, **values)
    comparison.status, comparison.result, comparison.finished_at = "finished", {}, at
    comparison.passes, comparison.reasons = passes, [] if passes else ["worse_cost"]
    comparison.save()
    return comparison


def promote(model: ModelVersion, *, approver: User | None = None, at: datetime = NOON) -> ModelPromotion:
    """Compare a model with the present champion and promote it as a second person."""
    make_comparison(model, at=at)
    return promote_model(model, approver=approver or make_user(Role.RISK_ANALYST), at=at)


def ref(order: Order) -> Ref:
    return Ref("order", order.pk)


def make_application(
    merchant: Merchant | None = None, *, user: User | None = None, **answers: Any
) -> MerchantApplication:
    """Return a draft that lacks nothing but submitting: answers, terms and a licence."""
    number = next(_numbers)
    draft = start_application(user or make_user(), at=NOON - timedelta(hours=1), actor=SYSTEM)
    if merchant is not None:
        draft.merchant = merchant
        draft.save(update_fields=["merchant"])
    filled: dict[str, Any] = {
        "company_name": f"Company {number}",
        "country": "CN",
        "entity_type": "company",
        "category_code": "tea",
        "registration_number": "91110000600037341L",
        "bank_account": f"62220212345678{number:05}",
        "contact_email": f"owner{number}@example.com",
        "contact_phone": f"+86 10 6552 {number % 10_000:04}",
        "terms_version": TERMS_VERSION,
        **answers,
    }
    save_application(draft, ApplicationFields(**filled), actor=SYSTEM)
    add_document(draft, make_upload(f"licence {number}".encode()), "licence", actor=SYSTEM)
    return draft


def make_upload(content: bytes = b"a licence", *, name: str = "licence.pdf") -> SimpleUploadedFile:
    """Return a PDF of that content; two with different content differ."""
    return SimpleUploadedFile(name, b"%PDF-1.7\n" + content + b"\n%%EOF\n", "application/pdf")


def make_image(
    color: str = "teal", *, kind: str = "PNG", size: tuple[int, int] = (64, 48)
) -> SimpleUploadedFile:
    out = BytesIO()
    Image.new("RGB", size, color).save(out, kind)
    return SimpleUploadedFile(f"image.{kind.lower()}", out.getvalue(), f"image/{kind.lower()}")


def make_category(code: str = "tea", *, median: int | None = 9_800, **fields: Any) -> Category:
    fields.setdefault("name_en", code.capitalize())
    return Category.objects.get_or_create(code=code, defaults={"median_price_minor": median, **fields})[0]


def make_revision(
    merchant: Merchant | None = None,
    *,
    at: datetime = NOON,
    sku: str = "",
    submitted: bool = False,
    **fields: Any,
) -> ListingRevision:
    """Return the first draft of a new listing that lacks nothing but submitting."""
    number = next(_numbers)
    category = make_category(fields.pop("category_code", "tea"))
    filled: dict[str, Any] = {
        "title": f"Oolong {_words(number)} Tea",
        "description": "Picked by hand, packed in tins.",
        "price_minor": 9_900,
        "currency": "CNY",
        **fields,
    }
    revision = create_listing(
        merchant or make_merchant(),
        RevisionFields(category_code=category.code, **filled),
        sku=sku or f"SKU-{number}",
        stock=5,
        actor=SYSTEM,
        at=at,
    )
    if submitted:
        submit_revision(revision, actor=SYSTEM, at=at)
    return revision


def make_listing(merchant: Merchant | None = None, *, at: datetime = NOON, **fields: Any) -> Listing:
    """Return a live listing."""
    revision = make_revision(merchant, at=at, submitted=True, **fields)
    begin_screening(revision)
    approve_revision(revision, actor=SYSTEM, at=at)
    return revision.listing


def _words(number: int) -> str:
    """Return letters that make titles of different numbers far apart, so that none is another's duplicate."""
    return sha256(str(number).encode()).hexdigest()[:24].translate(str.maketrans("0123456789", "ghijklmnop"))
