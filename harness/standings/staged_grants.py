"""The OAuth grants of a provider whose timeline says that somebody else uses a copy of a login's refresh token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...fakes.oauth import GrantRefusedError, Grants

if TYPE_CHECKING:
    from ...fakes.account import Accounts
    from ...fakes.oauth import Tokens


@dataclass(slots=True)
class Taking:
    """A use of the newest refresh token by somebody else.

    Attributes:
        at_s: When, in seconds of the accounts' clock.
        entry: The timeline entry.
        done: Whether it has happened.
    """

    at_s: float
    entry: str
    done: bool = False


class StagedGrants(Grants):
    """Grants that also meet what the entries of a timeline do.

    Args:
        accounts: As `Grants` has them.
        style: The same.
        seed: The same.
        access_s: Seconds an access token lives.
    """

    def __init__(self, accounts: Accounts, style: str, *, seed: int, access_s: float) -> None:
        super().__init__(accounts, style, seed=seed, access_s=access_s)
        self._takings: list[Taking] = []

    def take(self, at_s: float, entry: str) -> None:
        """Let somebody else refresh every login at this moment of the accounts' clock."""
        self._takings.append(Taking(at_s, entry))

    def refresh(self, token: str) -> Tokens:
        """As `Grants.refresh`.

        Who took the token shows by now at the latest, so it needs no timer. What the second use of it ends is the
        entry's doing, and refusals say so.
        """
        taken = ""
        for each in self._takings:
            if not each.done and self._accounts.clock() >= each.at_s:
                each.done = True
                for grant in list(self.all()):
                    if grant.refresh and not grant.revoked:
                        super().refresh(grant.refresh[-1])
            taken = each.entry if each.done else taken
        try:
            return super().refresh(token)
        except GrantRefusedError as error:
            if error.why == "reused" and taken:
                self.revoke(token, entry=taken)
            raise
