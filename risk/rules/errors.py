"""What can be wrong with a rule, told to the person who wrote it."""

from collections.abc import Mapping


class ExpressionError(Exception):
    """A condition that cannot be read, as one sentence with its place in the text.

    code         stable, for programs: "unknown_field", "type_mismatch", …
    offset       characters before the place
    length       characters of the place; 0 where something is lacking
    suggestion   what to write there instead, or None
    """

    def __init__(
        self, message: str, code: str, offset: int = 0, length: int = 0, suggestion: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.offset = offset
        self.length = length
        self.suggestion = suggestion


class RulesetError(Exception):
    """A ruleset with conditions that cannot be read: rule code → its error, all of them at once."""

    def __init__(self, errors: Mapping[str, ExpressionError]) -> None:
        super().__init__(" ".join(f"{code}: {error.message}" for code, error in errors.items()))
        self.errors = dict(errors)
