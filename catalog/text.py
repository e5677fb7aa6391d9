"""Fold listing texts so that look-alike spellings compare equal. Pure."""

import re
import unicodedata

# Han, kana and Hangul: scripts written without spaces, where a word has no boundary to look for.
CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"

# Cyrillic and Greek letters drawn like Latin ones (Unicode's confusables.txt, the lower-case letters in it).
_LOOK_ALIKES = str.maketrans(
    "аеорсухіјѕԁһӏѵвкмнтαεοριτυνκχ",
    "aeopcyxijsdhlvbkmhtaeopituvkx",
)
# A digit or sign between Latin letters stands for a letter: "repl1ca", "c0unterfeit".
_LEET = {"0": "o", "1": "i", "3": "e", "4": "a", "5": "s", "7": "t", "@": "a", "$": "s", "!": "i"}
_LEET_WITHIN_WORD = re.compile(r"(?<=[a-z])[013457@$!](?=[a-z])")
_BETWEEN_CJK = re.compile(rf"(?<=[{CJK}])[\s\W_]+(?=[{CJK}])")
_SPACE = re.compile(r"\s+")


def fold(text: str) -> str:
    """Return the text as it looks: one width, one case, no accents, no hidden marks, look-alikes unified.

    >>> fold("ＲЕＰＬ1ＣＡ\u200b  Bag"), fold("高 仿·包")
    ('replica bag', '高仿包')
    """
    # Twice, because each step gives the other work: "𝕬" becomes "A" only when decomposed.
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    # Mn are accents, Cf are zero-width joiners and direction marks: both are invisible disguises here.
    kept = "".join(mark for mark in decomposed if unicodedata.category(mark) not in {"Mn", "Cf"})
    latin = unicodedata.normalize("NFC", kept).translate(_LOOK_ALIKES)
    latin = _LEET_WITHIN_WORD.sub(lambda match: _LEET[match[0]], latin)
    return _SPACE.sub(" ", _BETWEEN_CJK.sub("", latin)).strip()
