"""A model card: one file with everything, which refers to nothing and runs nothing."""

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from django.test import Client

from console.modelling.figures import BY_CODE, value_text
from risk.explain.words import input_words
from risk.models import ModelReport, ModelVersion
from tests.console.model_scenes import compare, href, make_version, text_of, trained

pytestmark = pytest.mark.django_db


class _Elements(HTMLParser):
    """Every element of a file with its attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def _card(client: Client, version: ModelVersion) -> str:
    answer = client.get(href("model-card", version))
    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"] == (
        f'attachment; filename="order-v{version.number}-model-card.html"'
    )
    assert answer.headers["Content-Type"].startswith("text/html")
    return answer.content.decode()


def test_card_refers_to_nothing_outside_and_runs_nothing(analyst: Client) -> None:
    text = _card(analyst, make_version())
    elements = _Elements(text).found
    tags = {tag for tag, _ in elements}
    assert not tags & {"script", "link", "img", "iframe", "form", "object", "use", "image", "button"}
    for tag, attributes in elements:
        for name, value in attributes.items():
            assert not name.startswith(("on", "hx-")), (tag, name)
            assert name not in {"src", "style", "action", "xlink:href"}, (tag, name)
            if name == "href":
                assert value is not None
                assert value.startswith("#"), value
    assert not re.search(r"url\(|@import|https?://", text)


def test_card_allows_its_own_sheet_only(analyst: Client) -> None:
    from base64 import b64encode
    from hashlib import sha256

    text = _card(analyst, make_version())
    sheet = text[text.index("<style>") + 7 : text.index("</style>")]
    digest = b64encode(sha256(sheet.encode()).digest()).decode()
    policy = next(
        attributes["content"]
        for tag, attributes in _Elements(text).found
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy is not None
    assert f"default-src 'none'; style-src 'sha256-{digest}'" in policy
    # Every colour and measure that it uses is declared in it.
    used = set(re.findall(r"var\((--bo-[a-z0-9-]+)", sheet))
    assert used <= set(re.findall(r"(--bo-[a-z0-9-]+):", sheet))


def test_card_holds_everything_that_the_page_says_of_the_version(analyst: Client) -> None:
    version = make_version()
    compare(version, passes=False)
    card, page = _card(analyst, version), text_of(analyst, href("model", version))
    report = trained().reports["lightgbm"]
    for name in report["models"]:
        for code, stored in report["models"][name]["figures"].items():
            if stored["value"] is not None:
                assert value_text(BY_CODE[code].unit, stored["value"]) in card, (name, code)
    for part in ("figures", "months", "probabilities", "cost", "inputs", "fairness", "training", "verdict"):
        assert f'id="{part}"' in card, part
        assert f'id="{part}"' in page, part
    for row in report["contributions"]:
        assert input_words("order", row["feature"]).split("<")[0] in card.replace("&#x27;", "'")
    assert card.count("<svg") >= 2 + len(report["contributions"])
    assert "It costs more than the margin allows." in card


def test_card_is_in_the_readers_language(analyst: Client) -> None:
    version = make_version()
    analyst.cookies["django_language"] = "zh-hans"
    text = _card(analyst, version)
    assert '<html lang="zh-hans">' in text
    assert "模型卡" in text
    assert "平均精确率" in text


def test_report_that_is_partly_empty_still_renders(analyst: Client) -> None:
    version = make_version(with_report=False)
    data: dict[str, Any] = trained().reports["lightgbm"] | {
        "importance": [],
        "segments": {},
        "months": [],
        "reliability": {"model": []},
        "cost": {"curve": [], "cheapest": None, "nothing_held": None},
    }
    ModelReport.objects.create(model=version, data=data)
    content = text_of(analyst, href("model", version))
    assert 'id="inputs"' in content
    assert 'id="cost"' not in content
