"""When a whole file is refused: before anything is written."""

from core.errors import DomainError


class ImportRefused(DomainError):
    """Nothing was written. The message names what has to change in the file or its mapping."""

    http_status = 422
    default_code = "import_refused"
