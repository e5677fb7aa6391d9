"""The link at the end of a mail: no more mail of this kind. It carries its own proof, so nobody signs in."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from accounts.models import User
from delivery.choices import stop_mail
from delivery.mailing import read_unsubscribe_token
from delivery.models import NoticeKind


# A mail program posts here by itself (RFC 8058) and has no cookie of ours: the signed link is the proof.
@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """Ask once (GET), as programs open links to look at them; then stop that kind of mail (POST)."""
    read = read_unsubscribe_token(token)
    user = User.objects.filter(pk=read[0], is_active=True).first() if read else None
    if read is None or user is None or read[1] not in NoticeKind.values:
        raise Http404
    if request.method == "POST":
        stop_mail(user, read[1])
    context = {"kind": NoticeKind(read[1]).label, "is_done": request.method == "POST"}
    return render(request, "console/unsubscribe.html", context)
