"""Upload one document of an application, and agree to the terms."""

from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _


class UploadForm(forms.Form):
    """One file of one kind; several of these stand on one page."""

    file = forms.FileField(label=_("File"))

    def __init__(self, kind: str, data: Any = None, files: Any = None) -> None:
        super().__init__(data, files, auto_id=f"id_{kind}_%s")
        self.kind = kind
        megabytes = settings.UPLOAD_MAX_BYTES // 1024 // 1024
        self.fields["file"].widget.attrs |= {
            "accept": "application/pdf,image/jpeg,image/png",
            "data-max-mb": megabytes,
        }


class TermsForm(forms.Form):
    terms_version = forms.BooleanField(
        label=_("I have read the seller terms and agree to them for the business."),
        error_messages={"required": _("Please agree to the terms to submit.")},
    )
