"""Somebody else uses a copy of a login's refresh token, and the vendor ends the login."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from ...scenarios.registry import Complaint
from .base import Effect, Place, Standing

if TYPE_CHECKING:
    from ...scenarios.entry import Entry


class LoginTaken(Standing):
    """Let somebody else exchange the login's refresh token: a backup that was restored, a second router.

    At first nothing shows. The router's own refresh token has been used now, so its next refresh is a second use, which
    vendors take for theft: they end the login, access tokens included. Only a person can log in again, so it lasts to
    the end of the run.
    """

    phase = "login"
    failure_kinds: ClassVar[tuple[str, ...]] = ("oauth_revoked",)
    needs_login: ClassVar[bool] = True
    bites = "requests with the login's access tokens, once its refresh token was used a second time"

    def begin(self, place: Place) -> Effect:
        """Let it be taken at the start of its window."""
        if place.grants is not None:
            place.grants.take(place.from_s, place.id)
        return Effect(place)

    def whole(self, entry: Entry) -> bool:  # noqa: ARG002 - an interface
        """The login has one customer, and stays lost."""
        return True

    def complaints(self, entry: Entry, window_s: float) -> Iterator[Complaint]:  # noqa: ARG002 - an interface
        """Nobody logs in again within a run."""
        if entry.until is not None:
            yield Complaint(("until",), "a login that was taken stays lost: nobody logs in again", "leave until out")


STANDING = LoginTaken
