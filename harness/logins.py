"""The logins of a run: made by the fakes, told to the target, gone with the run.

A provider with a `login` has one customer, who comes with it. The fake knows that one alone: an API key is a bad one
there. Its tokens are made from the seed, and are worth nothing once the fakes have ended.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..fakes.token_endpoint import PATHS, with_token_endpoint
from . import standings
from .errors import HarnessError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..fakes.dialects.base import Dialect
    from ..fakes.invoice import Bill
    from ..fakes.token_endpoint import App
    from ..scenarios.model import Scenario
    from .standings.staged import Staged
    from .targets.base import Target


@dataclass(frozen=True, slots=True)
class LoginAt:
    """A provider's login as a target must be configured.

    Attributes:
        refresh_token: The first refresh token.
        token_url: Where it is exchanged.
    """

    refresh_token: str = field(repr=False)
    token_url: str


def log_in(
    app: App, dialect: Dialect, staged: Staged, *, provider: str, bill: Callable[[Bill], None]
) -> tuple[App, str]:
    """The fake with its token endpoint in front, and the refresh token of its customer.

    Args:
        app: The fake of a provider that has a login.
        dialect: Its dialect.
        staged: Its accounts and grants.
        provider: Its name.
        bill: Takes the bills of exchanges.
    """
    assert staged.grants  # noqa: S101 - as its provider has a login
    staged.accounts.accept_unknown = False
    tokens = staged.grants.login(access_s=0.0)  # the access token of the login itself was used by whoever logged in
    return with_token_endpoint(app, staged.grants, dialect, provider=provider, bill=bill), tokens.refresh


def login_at(dialect: str, base_url: str, base_path: str, refresh_token: str | None) -> LoginAt | None:
    """What a target is told of a login; None if there is none.

    Args:
        dialect: The provider's dialect.
        base_url: What its SDK is told.
        base_path: The path in it.
        refresh_token: What the fakes said.
    """
    if refresh_token is None:
        return None
    return LoginAt(refresh_token, base_url.removesuffix(base_path) + PATHS[dialect][0])


def check_logins(scenario: Scenario, target: Target) -> None:
    """Refuse a target that can't be given the logins of the scenario, and an entry about a login where there is none.

    Raises:
        HarnessError: what it is.
    """
    for name, each in scenario.providers.items():
        if each.login is not None and not target.holds_logins:
            raise HarnessError(
                f"{target.label} can't be given an OAuth login, only API keys",
                f"providers.{name}.login",
                "use the target reference, or take login out",
            )
    for index, entry in enumerate(scenario.timeline):
        if entry.standing is None or not standings.find(entry.standing).needs_login:
            continue
        for name in entry.on:
            if scenario.providers[name].login is None:
                raise HarnessError(
                    f"{entry.standing} is about a login, and {name!r} has an API key",
                    f"timeline[{index}].on",
                    f"give the provider a login, such as providers.{name}.login: {{expires: 4s}}",
                )
