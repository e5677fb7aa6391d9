"""What can be wrong with a training set or a stored model, with a code for programs."""


class LearningError(ValueError):
    """A training set or an artifact that must not be used.

    code    stable, for programs: too_few_labels, one_class, wrong_shape, unknown_feature, damaged_artifact,
            unknown_format, schema_mismatch
    """

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message)
        self.code = code
