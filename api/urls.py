"""Paths of this door. Below /api/ nothing ever answers with a page for people but these two."""

from django.urls import URLPattern, URLResolver, include, path, re_path
from drf_spectacular.views import SpectacularJSONAPIView

from . import pages
from .endpoint import Unknown

app_name = "api"
urlpatterns: list[URLPattern | URLResolver] = [
    path("docs", pages.docs, name="docs"),
    path("errors", pages.errors, name="errors"),
    path("v1/openapi.json", SpectacularJSONAPIView.as_view(), name="openapi"),
    path("v1/", include("api.v1.urls")),
    re_path("", Unknown.as_view()),
]
