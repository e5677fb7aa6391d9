"""Situations that walks begin with: what is live, and who works here."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from accounts.models import Role, User
from merchants.models import Merchant
from risk.models import Subject
from tests.make import make_category, make_live_ruleset, make_merchant, make_model, make_rule, make_user

from .windows import PASSWORD


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
