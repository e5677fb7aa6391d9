"""Puts our site where `django.contrib.admin` keeps its default one."""

from django.contrib.admin.apps import AdminConfig


class BackofficeAdminConfig(AdminConfig):
    default_site = "core.admin_site.BackofficeAdminSite"
