"""How allauth makes and routes our users."""

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

from .models import User
from .permissions import is_staff_member


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Sends each person to their own door after signing in."""

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        user = request.user
        assert isinstance(user, User)
        try:
            if is_staff_member(user) and not user.is_superuser:
                return reverse("console:home")
            if user.is_staff:
                return reverse("admin:index")
            return reverse("portal:home")
        except NoReverseMatch:
            return reverse("home")
