"""Addresses of the scanning pages."""

from __future__ import annotations

from django.urls import path, register_converter
from django.urls.converters import StringConverter

from scanning import views


class WordConverter(StringConverter):
    """One part of the path, without NUL, which no database takes."""

    regex = r"[^/\x00]+"


class IdConverter(StringConverter):
    """An id of AWS: anything but NUL, slashes and line ends included."""

    regex = r"[^\x00]+"


register_converter(WordConverter, "word")
register_converter(IdConverter, "id")

urlpatterns = [
    path("coverage/<slug:slug>/", views.coverage, name="coverage"),
    path("coverage/<slug:slug>/export.csv", views.export, name="export"),
    path("resources/<word:region>/<word:account_id>/<id:resource_id>/", views.resource, name="resource"),
    path("findings/<id:finding_arn>/", views.finding, name="finding"),
    path("sync/", views.sync, name="sync"),
    path("sync/now/", views.sync_now, name="sync-now"),
    path("sync/permissions/", views.permissions, name="permissions"),
    path("sync/permissions/check/", views.check_permissions, name="check-permissions"),
    path("sync/comparison/", views.comparison, name="comparison"),
    path("sync/comparison/compare/", views.compare, name="compare"),
    path("sync/<int:scope_id>/", views.scope, name="scope"),
    path("sync/<int:scope_id>/release/", views.release, name="release"),
    path("sync/<int:scope_id>/refuse/", views.refuse, name="refuse"),
]
