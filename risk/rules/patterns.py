"""The one dialect of regular expressions: a subset of RE2's, so that every search takes linear time.

In it: literals, `.`, classes with ranges, `\\d \\w \\s \\b` and `[[:alpha:]]` of ASCII, `^` and `$` of
the whole text, groups, `|`, and repetition up to 100 times. Everything else is refused here, before
RE2 sees it: flags, names, Unicode classes, lazy repetition and whatever looks around or back.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final

import re2

MAX_PATTERN: Final = 200
MAX_REPETITION: Final = 100
# Instructions of RE2's program; a pattern by hand has some tens. The longest search is text × program.
MAX_PROGRAM: Final = 2_000
# Bytes for program and automaton. RE2 grows slower, not wrong, when the automaton does not fit.
_MEMORY: Final = 1 << 20

_ESCAPE = r"\\(?:[dDwWsSnrt]|[!-/:-@\[-`{-~])"
_TOKEN = re.compile(
    rf"(?P<literal>[^\\\[\](){{}}*+?|^$.]|{_ESCAPE}|\\[bB])"
    rf"|(?P<class>\[\^?(?:{_ESCAPE}|\[:\^?[a-z]+:\]|[^\]\\])+\])"
    r"|(?P<group>\((?!\?)|\(\?:|[)|^$.])"
    r"|(?P<repetition>[*+?]|\{(?P<least>[0-9]+)(?P<range>,(?P<greatest>[0-9]*))?\})",
)


class PatternError(Exception):
    """A pattern outside the dialect; `offset` and `length` are its place in the pattern."""

    def __init__(self, message: str, offset: int, length: int) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset
        self.length = length


@lru_cache(maxsize=1_024)
def compile_pattern(pattern: str) -> Callable[[str], bool]:
    """Return the function that tells whether the pattern occurs anywhere in a text.

    Raises PatternError. Letters are compared as they are written; a surrogate, which no column
    can hold, counts as '?'.
    """
    _require_dialect(pattern)
    try:
        compiled = re2.compile(pattern, _options())
    except re2.error as error:
        reason = error.args[0].decode(errors="replace") if error.args else "unreadable"
        message = f"The pattern cannot be read: {reason}."
        raise PatternError(message, 0, len(pattern)) from None
    if compiled.programsize > MAX_PROGRAM:
        raise PatternError("The pattern repeats too much to be searched quickly.", 0, len(pattern))
    # The public search() decodes every span for a match object, which takes longer than the search.
    find, anywhere, nowhere = compiled._regexp.Match, re2._Anchor.UNANCHORED, [re2._NULL_SPAN]

    def occurs(text: str) -> bool:
        try:
            encoded = text.encode()
        except UnicodeEncodeError:
            encoded = text.encode(errors="replace")
        found: bool = find(anywhere, encoded, 0, len(encoded)) != nowhere
        return found

    return occurs


def _options() -> re2.Options:
    options = re2.Options()
    options.never_capture = True
    options.log_errors = False
    options.max_mem = _MEMORY
    return options


def _require_dialect(pattern: str) -> None:
    if len(pattern) > MAX_PATTERN:
        message = f"The pattern has {len(pattern)} characters; at most {MAX_PATTERN} are allowed."
        raise PatternError(message, MAX_PATTERN, len(pattern) - MAX_PATTERN)
    place, may_repeat = 0, False
    while place < len(pattern):
        token = _TOKEN.match(pattern, place)
        if token is None:
            message = f"{pattern[place : place + 3]!r} is not part of a pattern here."
            raise PatternError(message, place, min(3, len(pattern) - place))
        if token["repetition"]:
            _require_bounded(token, may_repeat)
        may_repeat = bool(token["literal"] or token["class"] or token[0] in (")", "."))
        place = token.end()


def _require_bounded(token: re.Match[str], may_repeat: bool) -> None:
    if not may_repeat:
        message = f"{token[0]!r} has nothing to repeat."
        raise PatternError(message, token.start(), len(token[0]))
    times = [int(digits[:9]) for digits in (token["least"], token["greatest"]) if digits]
    if any(time > MAX_REPETITION for time in times):
        message = f"{token[0]!r} repeats more than {MAX_REPETITION} times."
        raise PatternError(message, token.start(), len(token[0]))
