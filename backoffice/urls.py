"""Which door is behind which path."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from console.views.unsubscribe import unsubscribe

from . import views

urlpatterns: list[URLPattern | URLResolver] = [
    path("", views.home, name="home"),
    path("healthz", views.healthz, name="healthz"),
    path("readyz", views.readyz, name="readyz"),
    path("i18n/", include("django.conf.urls.i18n")),
    path("unsubscribe/<str:token>", unsubscribe, name="unsubscribe"),
    path("accounts/", include("allauth.urls")),
    path("portal/", include("portal.urls")),
    path("console/", include("console.urls")),
    path("api/", include("api.urls")),
    path("admin/", admin.site.urls),
]
