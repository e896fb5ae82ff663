"""A provider that is asked with an OAuth login instead of a key: puts a valid access token into it before each attempt.

It stands around a provider, so that those with keys don't pass through it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, cast

from .access_tokens import AccessTokens
from .errors import AttemptFailed, Meaning
from .http_provider import HTTPProvider
from .messages import Chunk, LLMRequest, LLMResponse
from .provider import AttemptLimits, LLMProvider

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from .observer import Observer


class OAuthLogin(LLMProvider):
    """The provider with this login.

    A token that the provider calls expired before its time is renewed, and the attempt made once more; nothing has
    reached the caller by then.

    Args:
        provider: Who is asked; it is closed with this.
        tokens: The login's access tokens.
    """

    def __init__(self, provider: HTTPProvider, tokens: AccessTokens) -> None:
        self._provider, self.tokens = provider, tokens
        self.name, self.dialect, self.model = provider.name, provider.dialect, provider.model
        self.credential, self.profile = provider.credential, provider.profile
        self._used = ""

    def upstream_model(self, request: LLMRequest) -> str:
        """The model that this request asks for here."""
        return self._provider.upstream_model(request)

    def offers(self) -> Mapping[str, str]:
        """As the provider says."""
        return self._provider.offers()

    def serves(self, operation: str) -> bool:
        """As the provider says."""
        return self._provider.serves(operation)

    async def generate(self, request: LLMRequest, limits: AttemptLimits | None = None) -> LLMResponse:
        """Answer at once. See `LLMProvider.generate`."""
        limits = limits or AttemptLimits()
        used = await self._authorise(limits)
        try:
            return await self._provider.generate(request, limits)
        except AttemptFailed as error:
            if not await self._renewed(used, error, limits):
                raise
        return await self._provider.generate(request, limits)

    async def stream(self, request: LLMRequest, limits: AttemptLimits | None = None) -> AsyncIterator[list[Chunk]]:
        """Answer piece by piece. See `LLMProvider.stream`."""
        limits = limits or AttemptLimits()
        used, begun = await self._authorise(limits), False
        try:
            async with self._pieces(request, limits) as pieces:
                async for chunks in pieces:
                    begun = True
                    yield chunks
                return
        except AttemptFailed as error:
            if begun or not await self._renewed(used, error, limits):
                raise
        async with self._pieces(request, limits) as pieces:
            async for chunks in pieces:
                yield chunks

    def is_available(self) -> bool:
        """As the provider says."""
        return self._provider.is_available()

    def use_move_on(self, reasons: frozenset[str]) -> None:
        """As the provider does."""
        self._provider.use_move_on(reasons)

    def warm_up(self) -> None:
        """Have a token before the first call needs one."""
        self.tokens.renew()

    def observed_by(self, observers: Sequence[Observer]) -> None:
        """Tell these of each renewal."""

        def told(outcome: str, life_s: float) -> None:
            for observer in observers:
                observer.token_renewed(self.name, self.credential, outcome, life_s)

        self.tokens.told = told

    def standing(self) -> Mapping[str, Any]:
        """How the login stands, for the admin API."""
        return {"renewal": str(self.tokens.state), "expires_in_s": round(self.tokens.left_s)}

    def succeed(self, other: LLMProvider) -> None:
        """Take on the access token of the one that this takes the place of, if it is the same login."""
        if isinstance(other, OAuthLogin) and other.credential == self.credential:
            self.tokens.inherit(other.tokens)

    async def aclose(self) -> None:
        """Close the connections, after an exchange on its way."""
        await self.tokens.aclose()
        await self._provider.aclose()

    async def _authorise(self, limits: AttemptLimits) -> str:
        # As long as for a connection: if there is somebody else, the call is better off there.
        access = await self.tokens.ready(limits.connect_s)
        if access != self._used:
            self._provider.use_key(access)
            self._used = access
        return access

    async def _renewed(self, used: str, error: AttemptFailed, limits: AttemptLimits) -> bool:
        """Whether there is another token to ask with after this failure."""
        failure = error.failure
        if failure.meaning is not Meaning.CREDENTIAL:
            return False
        if not self.tokens.refused(used, expired=failure.reason == "oauth_expired"):
            return False
        return await self._authorise(limits) != used

    def _pieces(self, request: LLMRequest, limits: AttemptLimits) -> aclosing[AsyncGenerator[list[Chunk], None]]:
        return aclosing(cast("AsyncGenerator[list[Chunk], None]", self._provider.stream(request, limits)))
