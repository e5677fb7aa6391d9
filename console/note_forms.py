"""The form of a note: a text and a few files."""

from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from cases.notes import MAX_FILES, TEXT_LENGTH


class _Files(forms.ClearableFileInput):
    allow_multiple_selected = True


class NoteForm(forms.Form):
    """What is typed; the service judges it, this carries it and its errors back."""

    text = forms.CharField(
        label=_("Note to colleagues"),
        max_length=TEXT_LENGTH,
        widget=forms.Textarea(
            attrs={"rows": 3, "class": "form-control", "data-mention": "", "autocomplete": "off"}
        ),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        megabytes = settings.UPLOAD_MAX_BYTES // 1024 // 1024
        self.fields["files"] = forms.Field(
            label=_("Files"),
            required=False,
            widget=_Files(
                attrs={
                    "accept": "application/pdf,image/jpeg,image/png",
                    "class": "form-control",
                    "data-max-mb": megabytes,
                }
            ),
            help_text=_("PDF, JPEG or PNG, %(files)s at most, each up to %(size)s MB")
            % {"files": MAX_FILES, "size": megabytes},
        )

    def uploads(self) -> list[Any]:
        return list(self.files.getlist("files")) if self.files else []
