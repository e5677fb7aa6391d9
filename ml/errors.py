"""What can be wrong with a training set or a stored model, with a code for programs."""


class LearningError(ValueError):
    """A training set or an artifact that must not be used.

    code    stable, for programs

            of rows          too_few_labels, one_class
            of columns       wrong_shape, unknown_feature, vanished_feature, changed_type, not_finite,
                             bad_declaration
            of artifacts     damaged_artifact, unknown_format, schema_mismatch
    """

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message)
        self.code = code


class Cancelled(Exception):
    """Somebody wants the work to end. A progress callback raises it; nothing here catches it."""
