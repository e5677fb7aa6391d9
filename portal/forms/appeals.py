"""Appeal against a decision: what is wrong with it, and what proves it."""

from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from cases.appealing import MAX_FILES, TEXT_LENGTH


class AppealForm(forms.Form):
    """One file field per place, so that each can be seen, cleared and refused by itself."""

    text = forms.CharField(
        label=_("What is wrong with the decision?"),
        max_length=TEXT_LENGTH,
        widget=forms.Textarea(attrs={"rows": 6}),
        help_text=_("Say what we overlooked, or what has changed. A person reads this."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        megabytes = settings.UPLOAD_MAX_BYTES // 1024 // 1024
        for number in range(MAX_FILES):
            field = forms.FileField(label=_("Evidence"), required=False)
            field.widget.attrs |= {
                "accept": "application/pdf,image/jpeg,image/png",
                "data-max-mb": megabytes,
            }
            self.fields[f"files_{number}"] = field

    def file_fields(self) -> list[forms.BoundField]:
        return [self[f"files_{number}"] for number in range(MAX_FILES)]

    def uploads(self) -> list[Any]:
        """Return the chosen files, in order, without the empty places between them."""
        return [file for _name, file in self._chosen()]

    def add_problem(self, pointer: str, detail: str) -> None:
        """Put a refusal beside the field that its pointer names: a file's is its place among the chosen."""
        _root, name, *rest = pointer.split("/")
        if name == "files" and rest:
            name = self._chosen()[int(rest[0])][0]
        self.add_error(name if name in self.fields else None, detail)

    def _chosen(self) -> list[tuple[str, Any]]:
        names = [f"files_{number}" for number in range(MAX_FILES)]
        return [(name, self.files[name]) for name in names if name in self.files]
