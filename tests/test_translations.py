"""Every visible string has a written translation, and the compiled catalogue is fresh."""

import importlib.util
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

import polib  # type: ignore[import-untyped]
import pytest

ROOT = Path(__file__).resolve().parents[1]


def _load_tool() -> ModuleType:
    """bin/messages has no suffix, as a command should."""
    loader = SourceFileLoader("messages_tool", str(ROOT / "bin" / "messages"))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[loader.name] = module
    loader.exec_module(module)
    return module


tool = _load_tool()
LOCALES = sorted(tool.LOCALES)


@pytest.fixture(scope="module")
def found() -> dict[object, list[str]]:
    messages: dict[object, list[str]] = tool.collect(ROOT)
    return messages


@pytest.mark.parametrize("locale", LOCALES)
def test_every_message_is_translated(locale: str, found: dict[object, list[str]]) -> None:
    missing = tool.untranslated(tool.merge(locale, found, ROOT))
    assert [entry.msgid for entry in missing] == [], "see bin/messages --missing"


@pytest.mark.parametrize("locale", LOCALES)
def test_placeholders_survive_translation(locale: str, found: dict[object, list[str]]) -> None:
    assert tool.wrong_placeholders(tool.merge(locale, found, ROOT)) == []


@pytest.mark.parametrize("locale", LOCALES)
def test_the_merged_catalogue_is_fresh(locale: str, found: dict[object, list[str]]) -> None:
    committed = (ROOT / "locale" / locale / "LC_MESSAGES" / "django.po").read_text(encoding="utf-8")
    assert committed == f"{tool.merge(locale, found, ROOT)}\n", "run bin/messages"


@pytest.mark.parametrize("locale", LOCALES)
def test_the_compiled_catalogue_says_what_the_merged_one_says(locale: str) -> None:
    folder = ROOT / "locale" / locale / "LC_MESSAGES"
    compiled = {
        (entry.msgctxt, entry.msgid): (entry.msgstr, entry.msgstr_plural)
        for entry in polib.mofile(str(folder / "django.mo"))
    }
    merged = polib.pofile(str(folder / "django.po"))
    for entry in merged.translated_entries():
        assert compiled[entry.msgctxt, entry.msgid] == (entry.msgstr, entry.msgstr_plural)


# ── The tool itself ──────────────────────────────────────────────────────────────────────────────
def test_python_messages_follow_the_name_an_import_gives() -> None:
    source = (
        "from django.utils.translation import gettext_lazy as _, ngettext as many, pgettext\n"
        "a = _('One ' 'text')\nb = many('%(n)s row', '%(n)s rows', 3)\n"
        "c = pgettext('verb', 'Open')\nd = print('no')\ne = _(a)\n"
    )
    messages = set(tool.python_messages(source))
    assert messages == {
        tool.Message("One text"),
        tool.Message("%(n)s row", "%(n)s rows"),
        tool.Message("Open", context="verb"),
    }


def test_template_messages_include_blocks_plurals_contexts_and_arguments() -> None:
    source = (
        "{% load i18n %}{% translate 'Save' %}{% translate \"Open\" context 'verb' %}{% card _(\"Why\") %}"
        "{% blocktranslate count n=rows %}{{ n }} row{% plural %}{{ n }} rows{% endblocktranslate %}"
    )
    messages = set(tool.template_messages(source))
    assert messages == {
        tool.Message("Save"),
        tool.Message("Open", context="verb"),
        tool.Message("Why"),
        tool.Message("%(n)s row", "%(n)s rows"),
    }


def test_an_f_string_is_refused() -> None:
    source = "from django.utils.translation import gettext as _\n_(f'Hello {name}')\n"
    with pytest.raises(tool.TranslationError, match="Line 2"):
        list(tool.python_messages(source))


def _project(tmp_path: Path, **parts: str) -> Path:
    folder = tmp_path / "locale" / "zh_Hans" / "parts"
    folder.mkdir(parents=True)
    for name, text in parts.items():
        (folder / f"{name}.po").write_text(text, encoding="utf-8")
    return tmp_path


def test_two_parts_must_not_disagree(tmp_path: Path) -> None:
    root = _project(tmp_path, a='msgid "Order"\nmsgstr "订单"\n', b='msgid "Order"\nmsgstr "定单"\n')
    with pytest.raises(tool.TranslationError, match="Order"):
        tool.merge("zh_Hans", [tool.Message("Order")], root)


def test_a_lost_placeholder_is_reported(tmp_path: Path) -> None:
    root = _project(tmp_path, a='msgid "%(n)s left"\nmsgstr "剩余"\n')
    catalogue = tool.merge("zh_Hans", [tool.Message("%(n)s left")], root)
    assert len(tool.wrong_placeholders(catalogue)) == 1


def test_a_message_nobody_translated_is_reported(tmp_path: Path) -> None:
    root = _project(tmp_path, a='msgid "Order"\nmsgstr ""\n')
    assert len(tool.untranslated(tool.merge("zh_Hans", [tool.Message("Order")], root))) == 1
