"""The text of a condition as Python's parser reads it, with true places for every error."""

import ast
import re
from itertools import accumulate

from risk.rules.errors import ExpressionError

# Far above what a person writes or can review, and low enough that the worst text is refused
# within milliseconds and well inside Python's own recursion limits.
MAX_LENGTH = 4_000
MAX_DEPTH = 40

# Of the private use area: no standard gives it a meaning, and Python knows it inside quotes only.
_BACKSLASH = "\ue000"

_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_SLIP = re.compile(r"&&|\|\||<>|=>|=<|!(?!=)|(?<![=!<>])=(?!=)|\b(?:AND|OR|NOT|IN|IS)\b")
_MEANT = {"&&": "and", "||": "or", "<>": "!=", "=>": ">=", "=<": "<=", "!": "not", "=": "=="}


class Source:
    """The text and the places in it.

    Python reads it inside one pair of brackets, so that a condition may span lines and begin
    with a space. Instead of a backslash it reads a character without meaning: inside quotes it is
    taken as it is, outside it is refused, and no escape is ever processed.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        # Same length, so that places stay true, and only the line breaks that Python counts.
        readable = text.replace("\\", _BACKSLASH)
        self._lines = f"({readable}\n)".replace("\r\n", " \n").replace("\r", "\n").split("\n")
        lengths = (len(line) + 1 for line in self._lines)
        self._starts = list(accumulate(lengths, initial=-len("(")))

    def read(self) -> ast.expr:
        """Return Python's tree of the text, of which only the grammar has been checked, and the depth."""
        if len(self.text) > MAX_LENGTH:
            message = f"The condition has {len(self.text)} characters; at most {MAX_LENGTH} are allowed."
            raise self._error_at(MAX_LENGTH, len(self.text), message, "too_long")
        if not self.text.strip():
            raise ExpressionError("The condition is empty.", code="empty")
        if (place := self.text.find(_BACKSLASH)) >= 0:
            message = "The private character U+E000 is not part of the language."
            raise self._error_at(place, place + 1, message, "not_allowed")
        try:
            body = ast.parse("\n".join(self._lines), mode="eval").body
        except SyntaxError as error:
            raise self._unreadable(error) from None
        except (ValueError, RecursionError, MemoryError):  # lone surrogates, NUL; nested too deeply
            raise self._error_at(0, len(self.text), "The condition cannot be read.", "syntax") from None
        if (body.lineno, body.col_offset) == (1, 0):
            # What was read includes our own bracket: "a) or (b", "a, b" or no more than a comment.
            message = "The brackets do not match, or a comma stands outside a list."
            raise self._error_at(0, len(self.text), message, "syntax")
        self._refuse_deep(body)
        return body

    def error(
        self, node: ast.expr, message: str, code: str, suggestion: str | None = None
    ) -> ExpressionError:
        start, end = self._span(node)
        return self._error_at(start, end, message, code, suggestion)

    def error_inside(
        self, node: ast.Constant, offset: int, length: int, message: str, code: str
    ) -> ExpressionError:
        """Return an error about a part of a quoted text."""
        start = self._span(node)[0] + len('"') + offset
        return self._error_at(start, start + length, message, code)

    def cut(self, node: ast.expr) -> str:
        """Return the text of the node, in full."""
        start, end = self._span(node)
        return self.text[start:end]

    def quoted(self, node: ast.Constant) -> str | None:
        """Return what stands between one pair of quotes, or None if it was written in another way."""
        inner = self.cut(node)[1:-1]
        return inner if node.value == inner.replace("\\", _BACKSLASH) else None

    def _unreadable(self, error: SyntaxError) -> ExpressionError:
        if slip := _SLIP.search(_QUOTED.sub(lambda quoted: " " * len(quoted[0]), self.text)):
            meant = _MEANT.get(slip[0], slip[0].lower())
            message = f"{slip[0]!r} is not part of the language. Did you mean {meant!r}?"
            return self._error_at(slip.start(), slip.end(), message, "syntax", meant)
        start = min(max(self._offset(error.lineno or 1, (error.offset or 1) - 1), 0), len(self.text))
        if self.text.startswith("\\", start):
            message = "Backslashes can only stand inside quotes."
            return self._error_at(start, start + 1, message, "not_allowed")
        found = self.text[start : start + 20].strip()
        message = f"The condition cannot be read at {found!r}." if found else "The condition is incomplete."
        return self._error_at(start, start + len(found), message, "syntax")

    def _refuse_deep(self, body: ast.expr) -> None:
        level: list[ast.AST] = [body]
        for _ in range(MAX_DEPTH):
            level = [child for node in level for child in ast.iter_child_nodes(node)]
            if not level:
                return
        message = f"The condition is nested more than {MAX_DEPTH} levels deep."
        raise self._error_at(0, len(self.text), message, "too_deep")

    def _span(self, node: ast.expr) -> tuple[int, int]:
        start = self._position(node.lineno, node.col_offset)
        end = self._position(node.end_lineno or node.lineno, node.end_col_offset or node.col_offset)
        return start, end

    def _position(self, line: int, utf8_column: int) -> int:
        return self._offset(line, len(self._lines[line - 1].encode()[:utf8_column].decode()))

    def _offset(self, line: int, column: int) -> int:
        return self._starts[min(line, len(self._lines)) - 1] + column

    def _error_at(
        self, start: int, end: int, message: str, code: str, suggestion: str | None = None
    ) -> ExpressionError:
        return ExpressionError(message, code, offset=start, length=end - start, suggestion=suggestion)
