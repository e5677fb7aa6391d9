"""Paths of this door, one list per noun."""

from django.urls import URLPattern, path

from .views import appeals, application, health, home, listing_edits, listings, orders, products, wizard

app_name = "portal"

_home: list[URLPattern] = [
    path("", home.home, name="home"),
    path("merchant/", home.switch, name="switch"),
]
_application: list[URLPattern] = [
    path("application/", application.status, name="application"),
    path("application/terms/", application.terms, name="application_terms"),
    path("application/start/", application.start, name="application_start"),
    path("application/again/", application.restart, name="application_restart"),
    path("application/withdraw/", application.withdraw, name="application_withdraw"),
    path("application/documents/<str:public_id>/", application.document, name="application_document"),
    path("application/<slug:step>/", wizard.step, name="application_step"),
]
_listings: list[URLPattern] = [
    path("listings/", listings.listing_list, name="listings"),
    path("listings/new/", listing_edits.create, name="listing_create"),
    path("listings/images/<str:public_id>/", listings.image, name="listing_image"),
    path("listings/<str:public_id>/", listings.detail, name="listing"),
    path("listings/<str:public_id>/edit/", listing_edits.edit, name="listing_edit"),
    path("listings/<str:public_id>/submit/", listing_edits.submit, name="listing_submit"),
    path("listings/<str:public_id>/withdraw/", listing_edits.withdraw, name="listing_withdraw"),
    path("listings/<str:public_id>/stock/", listing_edits.stock, name="listing_stock"),
    path("listings/<str:public_id>/pause/", listing_edits.pause, name="listing_pause"),
    path("listings/<str:public_id>/resume/", listing_edits.resume, name="listing_resume"),
    path("listings/<str:public_id>/archive/", listing_edits.archive, name="listing_archive"),
]

_orders: list[URLPattern] = [
    path("orders/", orders.order_list, name="orders"),
    path("orders/accept/", orders.accept_many, name="orders_accept"),
    path("orders/<str:public_id>/", orders.detail, name="order"),
    path("orders/<str:public_id>/accept/", orders.accept, name="order_accept"),
    path("orders/<str:public_id>/refuse/", orders.refuse, name="order_refuse"),
    path("orders/<str:public_id>/ship/", orders.ship, name="order_ship"),
    path("orders/<str:public_id>/refund/", orders.refund, name="order_refund"),
]
_appeals: list[URLPattern] = [
    path("statements/<str:public_id>/appeal/", appeals.appeal, name="appeal"),
    path("appeals/files/<str:public_id>/", appeals.appeal_file, name="appeal_file"),
]
_advice: list[URLPattern] = [
    path("health/", health.health, name="health"),
    path("products/", products.products, name="products"),
    path("products/<str:public_id>/", products.product, name="product"),
]

urlpatterns: list[URLPattern] = [*_home, *_application, *_listings, *_orders, *_appeals, *_advice]
