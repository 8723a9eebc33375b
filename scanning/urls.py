"""Addresses of the scanning pages."""

from __future__ import annotations

from django.urls import path, register_converter
from django.urls.converters import PathConverter

from scanning import views


class IdConverter(PathConverter):
    """An id of AWS: anything at all, line ends included."""

    regex = r"(?s:.+)"


register_converter(IdConverter, "id")

urlpatterns = [
    path("coverage/<slug:slug>/", views.coverage, name="coverage"),
    path("coverage/<slug:slug>/export.csv", views.export, name="export"),
    path("resources/<str:region>/<str:account_id>/<id:resource_id>/", views.resource, name="resource"),
    path("findings/<id:finding_arn>/", views.finding, name="finding"),
    path("sync/", views.sync, name="sync"),
]
