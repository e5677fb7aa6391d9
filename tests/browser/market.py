"""A marketplace worth a picture: simulated history, models trained on it, and one shop with a story.

The story is an account takeover: a buyer who has bought tea for a hundred yuan orders for six thousand,
from a new device, to a new address, with a card from abroad.
"""

from datetime import datetime, timedelta
from io import BytesIO

from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from PIL import Image, ImageDraw

from backoffice.demo import desk, history, models, people, reviewing, stream
from core.actors import SYSTEM
from core.money import to_minor
from intake.pipeline import submit_order, submit_revision
from merchants.models import Merchant
from orders.handling import accept_order, ship_order
from orders.placing import Contact, NewLine, NewOrder, Signals
from recommendations import services as recommendations
from risk import accounts, explain, services, training, watch
from tests.make import make_merchant, make_revision

_ORDERS = 40_000  # enough for models that tell good from bad, and for queues with something in them
_GOODS = (
    ("TEA-250", "Spring Oolong from Anxi, 250 g tin", "99.00", "#7c9a6d"),
    ("TEA-100", "Jasmine Pearls, rolled by hand, 100 g", "128.00", "#c8b06a"),
    ("TEA-357", "Aged Pu-erh Cake, 2012 harvest, 357 g", "420.00", "#7a5242"),
    ("TEA-050", "White Needle, first picking, 50 g", "186.00", "#a9b7a6"),
    ("SET-004", "Travel Tea Set in a Padded Case", "239.00", "#51707a"),
    ("POT-180", "Yixing Clay Pot, 180 ml", "560.00", "#8d4f39"),
    ("CUP-002", "Pair of Celadon Cups", "148.00", "#7fa99b"),
    ("TIN-001", "Airtight Tin, Brushed Steel", "58.00", "#9aa0a6"),
)
TAKEN_OVER = 99  # the number of the order that tells the story
_BUYERS = ("Wang Fang", "Li Na", "Zhang Wei", "Chen Jing", "Liu Yang", "Zhao Min")


def build_market(owner_email: str) -> Merchant:
    """Make the marketplace and return the shop; takes about three minutes."""
    end = timezone.now().replace(microsecond=0)
    people.ensure_people()
    sample = history.make_sample(end=end, orders=_ORDERS, progress=_silently)
    history.load_history(sample, end=end, progress=_silently)
    history.publish_rules(at=end)
    for subject in models.SUBJECTS:
        run = services.request_training(
            subject, as_of=end, requested_by=people.get_person("analyst@example.com")
        )
        training.run(run.pk, at=end)
    models.promote_all(at=timezone.now())  # a comparison counts from when it finished
    stream.stream_everything(history.left_to_stream(sample, end=end), _silently)
    shop = make_merchant(
        owner=people.get_person(owner_email), name="Green Leaf Tea", joined_at=end - timedelta(days=210)
    )
    _stock(shop, end)
    _sell(shop, end)
    accounts.refresh_scores(list(accounts.list_all_active()), as_of=end)
    recommendations.refresh(as_of=end)
    while explain.explain_pending(at=timezone.now()):
        pass
    desk.lay_out(sample)
    reviewing.review_some(at=timezone.now())
    watch.measure_models(at=timezone.now())
    return shop


def _stock(shop: Merchant, end: datetime) -> None:
    for number, (sku, title, price, colour) in enumerate(_GOODS):
        at = end - timedelta(days=40 - number)
        revision = make_revision(
            shop,
            at=at,
            sku=sku,
            title=title,
            description="From our own garden in Anxi; packed and sent on the day of the order.",
            price_minor=to_minor(price, "CNY"),
            image=_picture(colour, number),
        )
        submit_revision(revision, actor=SYSTEM, at=at)


def _sell(shop: Merchant, end: datetime) -> None:
    """Ordinary orders at every stage, and the one that is not ordinary."""
    for number in range(18):
        at = end - timedelta(hours=5 + 9 * (17 - number))
        sku, title, price, _ = _GOODS[number % len(_GOODS)]
        buyer = number % len(_BUYERS)
        line = NewLine(title, 1 + number % 2, to_minor(price, "CNY"), sku)
        order = submit_order(shop, _order(number, at, line, buyer=buyer), actor=SYSTEM, at=at).order
        if number < 14 and order.status == "awaiting_acceptance":
            accept_order(order, actor=SYSTEM, at=at + timedelta(hours=2))
            if number < 11:
                ship_order(
                    order,
                    carrier="SF Express",
                    tracking_number=f"SF14400{number:07}",
                    actor=SYSTEM,
                    at=at + timedelta(hours=20),
                )
    at = end - timedelta(minutes=12)
    lines = NewLine(_GOODS[5][1], 11, to_minor("589.00", "CNY"), "POT-180")
    taken_over = _order(
        TAKEN_OVER,
        at,
        lines,
        buyer=0,
        device="phone-new",
        address="Hafenstr. 3, Bremen",
        card="tok-de",
        card_country="DE",
    )
    submit_order(shop, taken_over, actor=SYSTEM, at=at)


def external_id(number: int) -> str:
    """Return what the shop's own system calls its order of a number."""
    return f"2026-{104_210 + number:06}"


def _order(
    number: int,
    at: datetime,
    line: NewLine,
    *,
    buyer: int,
    device: str = "",
    address: str = "",
    card: str = "",
    card_country: str = "CN",
) -> NewOrder:
    name = _BUYERS[buyer]
    home = address or f"Nanjing Road {10 + buyer}, Shanghai"
    return NewOrder(
        external_id=external_id(number),
        currency="CNY",
        lines=(line,),
        placed_at=at,
        payment_status="paid",
        buyer_signed_up_at=at - timedelta(days=400),
        signals=Signals(
            buyer=f"tea-{buyer}",
            device=device or f"phone-{buyer}",
            card=card or f"tok-{buyer}",
            address=home,
            ip=f"203.0.113.{buyer}",
        ),
        contact=Contact(name=name, email=f"{name.split()[0].lower()}@mail.example", phone="", address=home),
        card_country=card_country,
        shipping_country="CN",
        billing_country=card_country,
    )


def _picture(colour: str, number: int) -> SimpleUploadedFile:
    """Draw a pot, a tin or a cup on a plain ground: something to look at, and no two the same."""
    image = Image.new("RGB", (640, 640), "#efece4")
    draw = ImageDraw.Draw(image)
    top = 190 + 17 * (number % 4)
    draw.ellipse((150, 520, 490, 560), fill="#ddd8cc")
    if number % 3 == 0:
        draw.rounded_rectangle((220, top, 420, 540), 26, fill=colour)
        draw.rounded_rectangle((210, top - 30, 430, top + 22), 14, fill="#3d403c")
        draw.rounded_rectangle((250, top + 120, 390, top + 220), 8, fill="#efece4")
    elif number % 3 == 1:
        draw.ellipse((170, top + 90, 470, 550), fill=colour)
        draw.ellipse((250, top + 62, 390, top + 128), fill="#3d403c")
        draw.arc((420, top + 140, 540, 500), 250, 110, fill=colour, width=22)
    else:
        draw.pieslice((190, top - 20, 450, 550), 0, 180, fill=colour)
        draw.ellipse((190, top + 128, 450, top + 202), fill="#5c6f52")
    out = BytesIO()
    image.save(out, "PNG")
    return SimpleUploadedFile(f"picture-{number}.png", out.getvalue(), "image/png")


def _silently(done: int, total: int) -> None:
    """Show no progress."""
