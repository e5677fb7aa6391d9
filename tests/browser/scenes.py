"""Situations that walks begin with: what is live, and who works here."""

from datetime import timedelta
from pathlib import Path

import numpy as np
from django.utils import timezone
from PIL import Image, ImageDraw

from accounts.models import Role, User
from catalog.models import BannedTerm
from core.actors import SYSTEM
from core.money import to_minor
from intake.pipeline import submit_application, submit_order, submit_revision
from merchants.models import Merchant
from orders.placing import NewLine
from risk.models import Subject
from tests.make import (
    make_application,
    make_category,
    make_image,
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
