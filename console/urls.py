"""Paths of this door."""

from django.urls import URLPattern

app_name = "console"
urlpatterns: list[URLPattern] = []
