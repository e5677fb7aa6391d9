"""Paths of version 1."""

from django.urls import path

from . import appeals, applications, decisions, events, listings, merchants, recommendations, statements
from .cases import views as cases
from .orders import views as orders

urlpatterns = [
    path("applications", applications.Applications.as_view(), name="applications"),
    path("applications/<str:id>", applications.ApplicationItem.as_view(), name="application"),
    path("applications/<str:id>/documents", applications.ApplicationDocuments.as_view(), name="documents"),
    path("applications/<str:id>/submit", applications.ApplicationSubmission.as_view(), name="submission"),
    path("applications/<str:id>/withdraw", applications.ApplicationWithdrawal.as_view(), name="withdrawal"),
    path("listings", listings.Listings.as_view(), name="listings"),
    path("listings/<str:id>", listings.ListingItem.as_view(), name="listing"),
    path("listings/<str:id>/revisions", listings.Revisions.as_view(), name="revisions"),
    path("listings/<str:id>/withdraw", listings.RevisionWithdrawal.as_view(), name="revision_withdrawal"),
    path("listings/<str:id>/pause", listings.Pause.as_view(), name="pause"),
    path("listings/<str:id>/resume", listings.Resumption.as_view(), name="resume"),
    path("orders", orders.Orders.as_view(), name="orders"),
    path("orders/<str:id>", orders.OrderItem.as_view(), name="order"),
    path("orders/<str:id>/accept", orders.Acceptance.as_view(), name="accept"),
    path("orders/<str:id>/refuse", orders.Refusal.as_view(), name="refuse"),
    path("orders/<str:id>/cancel", orders.Cancellation.as_view(), name="cancel"),
    path("orders/<str:id>/shipments", orders.Shipments.as_view(), name="shipments"),
    path("orders/<str:id>/refunds", orders.Refunds.as_view(), name="refunds"),
    path("orders/<str:id>/payment-events", orders.PaymentEvents.as_view(), name="payment_events"),
    path("decisions", decisions.Decisions.as_view(), name="decisions"),
    path("decisions/<str:id>", decisions.DecisionItem.as_view(), name="decision"),
    path("statements/<str:id>", statements.StatementItem.as_view(), name="statement"),
    path("statements/<str:id>/appeals", appeals.Appeals.as_view(), name="statement_appeals"),
    path("appeals/<str:id>", appeals.AppealItem.as_view(), name="appeal"),
    path("cases/next", cases.NextCase.as_view(), name="next_case"),
    path("cases/<str:id>", cases.CaseItem.as_view(), name="case"),
    path("cases/<str:id>/claim", cases.CaseClaim.as_view(), name="claim_case"),
    path("cases/<str:id>/heartbeat", cases.CaseHeartbeat.as_view(), name="heartbeat"),
    path("cases/<str:id>/release", cases.CaseRelease.as_view(), name="release_case"),
    path("cases/<str:id>/verdict", cases.CaseVerdict.as_view(), name="case_verdict"),
    path("verdicts/<str:id>/undo", cases.VerdictUndo.as_view(), name="undo_verdict"),
    path("verdicts/<str:id>/sign", cases.VerdictSignature.as_view(), name="sign_verdict"),
    path("verdicts/<str:id>/refuse", cases.VerdictRefusal.as_view(), name="refuse_verdict"),
    path("recommendations", recommendations.Recommendations.as_view(), name="recommendations"),
    path("events", events.Events.as_view(), name="events"),
    path("merchants", merchants.Merchants.as_view(), name="merchants"),
    path("merchants/<str:id>", merchants.MerchantItem.as_view(), name="merchant"),
    path("usage", merchants.OwnUsage.as_view(), name="usage"),
]
