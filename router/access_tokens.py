"""The access tokens of one OAuth login: renewed before they expire, by one exchange at a time.

An exchange that has begun is never broken off: not by the caller who needed it first, and not by the end of the
process, which waits for it. While the token endpoint is down the token in hand serves to its end. A login that was
refused or lost is not deleted; it is out until it is accepted again, or until somebody puts a new refresh token into
its file.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from .errors import AttemptFailed, ConfigError, Meaning, fail
from .refresh_token import ExchangedElsewhere, RefreshToken, RotationLost
from .renewal import Outcome
from .token_endpoint import Granted, TokenEndpoint

AHEAD_S = 120.0
"""How long before its end a token is renewed, in seconds: the official SDK's advisory limit."""
LAST_S = 5.0
"""How long before its end a token isn't begun a call with, if a new one can be had; the clocks may differ."""
DOWN_S, DOWN_S_MAX = 1.0, 60.0
"""First and longest wait after the endpoint failed, in seconds; each is `DOWN_GROWTH` times the one before."""
DOWN_GROWTH, REFUSED_GROWTH = 1.5, 2.0
"""With the first an endpoint that is up again is found within half of the time that it was down, and a second."""
REFUSED_S, REFUSED_S_MAX = 60.0, 900.0
"""The same after it refused the token, by `REFUSED_GROWTH`. An outage of the vendor's may look like that, so it is
asked again, slowly."""
FORCED_S = 60.0
"""Least time between two renewals because the provider said that a token had expired which hadn't, in seconds."""
EARLY_S = 1.0
"""How much earlier than planned a renewal may begin: the loop's timers have a clock of their own."""
LOOK_S = 1.0
"""How often the file of a login that is out is looked at, in seconds."""
ELSEWHERE_S, ELSEWHERE_S_MAX = 0.1, 10.0
"""How often, and for how long, it is tried whether another process has finished its exchange, in seconds."""

_log = logging.getLogger(__name__)
_NEXT = {
    Outcome.REFUSED: "log in again if this goes on",
    Outcome.REUSED: "somebody else has used it: log in again, and give each router a login of its own",
    Outcome.LOST: "log in again, and put the new refresh token into its file; it is found there",
}


class AccessTokens:
    """Hands out the login's access token.

    Args:
        kept: Where the refresh token is.
        endpoint: Where it is exchanged.
        name: The provider and the login, for the log.
        ahead_s: How long before its end a token is renewed, in seconds; at most half its life.
        clock: Seconds that only go forward.
        sleep: Waits for a number of seconds.

    Attributes:
        told: Called with the outcome of each exchange, and how long the access token lives then, in seconds.
    """

    def __init__(
        self,
        kept: RefreshToken,
        endpoint: TokenEndpoint,
        *,
        name: str,
        clock: Callable[[], float],
        ahead_s: float = AHEAD_S,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._kept, self._endpoint, self._name = kept, endpoint, name
        self._clock, self._sleep, self._ahead_s = clock, sleep, ahead_s
        self.told: Callable[[Outcome, float], None] = lambda _outcome, _life_s: None
        self._access = ""
        self._expires_s = self._renew_s = self._again_s = self._forced_s = clock()
        self._forced_s -= FORCED_S
        self._state = Outcome.OK
        self._failed = 0
        self._looked_s = self._forced_s
        self._doubted = self._called_expired = False
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def state(self) -> Outcome:
        """What came of the last exchange."""
        return self._state

    @property
    def left_s(self) -> float:
        """How long the access token still lives, in seconds."""
        return max(0.0, self._expires_s - self._clock())

    async def ready(self, limit_s: float) -> str:
        """A token to call with.

        Args:
            limit_s: How long a new one may be waited for, in seconds. Its exchange goes on if that isn't enough.

        Raises:
            AttemptFailed: There is none now: meaning `limited` if that will pass, else `credential`.
        """
        now = self._clock()
        if now >= self._renew_s or self._doubted:
            self.renew()
        if self._task is not None and (self._called_expired or self._doubted or now >= self._expires_s - LAST_S):
            await asyncio.wait({self._task}, timeout=limit_s)
        if not self.left_s:
            raise self._out()
        return self._access

    def renew(self) -> None:
        """Begin an exchange, unless one is on its way or nothing would come of it."""
        if self._task is not None:
            return
        now, final = self._clock(), self._state in {Outcome.REUSED, Outcome.LOST}
        early = now < self._renew_s - EARLY_S
        if early and not self._doubted:
            return
        waits = final or early or now < self._again_s
        if waits and not self._replaced(now):
            return
        self._task = asyncio.get_running_loop().create_task(self._renew())

    def refused(self, access: str, *, expired: bool) -> bool:
        """The provider refused a token; whether it is worth asking again with another one.

        Args:
            access: Which one.
            expired: Whether it said that the token had expired. A second one that is said to have expired at once
                hasn't; exchanging on and on wouldn't help.
        """
        if access != self._access:
            return expired
        now = self._clock()
        if not expired:
            # It may be revoked, or the vendor errs. The token stays; a new login in its file is looked for.
            self._doubted = True
            return False
        if now < self._forced_s + FORCED_S:
            return False
        # It isn't thrown away: if it can't be renewed, it may still be good when the vendor has mended itself.
        self._forced_s = self._renew_s = now
        self._called_expired = True
        return True

    def _replaced(self, now: float) -> bool:
        """Whether somebody has logged in again, who shouldn't have to wait, nor to restart anything."""
        out = self._doubted or self._state in {Outcome.REFUSED, Outcome.REUSED, Outcome.LOST}
        if not out or now < self._looked_s + LOOK_S:
            return False
        self._looked_s = now
        return self._kept.replaced()

    def inherit(self, other: AccessTokens) -> None:
        """Take on the token that another has of the same login, so that reading keys again costs no exchange."""
        self._access, self._expires_s, self._renew_s = other._access, other._expires_s, other._renew_s
        if other._timer is not None:
            other._timer.cancel()  # the renewals are this one's now; whoever still calls with the other may ask for one
        self._schedule()

    async def aclose(self) -> None:
        """Let an exchange on its way end, which has a limit of its own."""
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            await asyncio.wait({self._task})
        if self._timer is not None:
            self._timer.cancel()
        await self._endpoint.aclose()

    async def _renew(self) -> None:
        try:
            granted = await self._exchange()
            self._doubted = self._called_expired = False
            self._state = granted.outcome
            if granted.outcome is Outcome.OK:
                self._granted(granted)
            else:
                self._ungranted(granted)
            self.told(granted.outcome, self.left_s)
        finally:
            self._task = None

    async def _exchange(self) -> Granted:
        try:
            token = await self._take()
        except RotationLost:
            return Granted(self._state if self._state is Outcome.REUSED else Outcome.LOST, detail="it was sent before")
        except (ExchangedElsewhere, ConfigError, OSError) as error:
            return Granted(Outcome.DOWN, detail=f"the refresh token can't be taken: {type(error).__name__}")
        try:
            granted = await self._endpoint.exchange(token)
        except BaseException:
            self._kept.lose()  # the loop ends; whoever shares the token must not wait for this exchange, nor repeat it
            raise
        if granted.outcome is Outcome.OK:
            try:
                self._kept.keep(granted.following)
            except OSError as error:
                what = "%s: the new refresh token can't be written (%s): until it is, the login ends with this process"
                _log.error(what, self._name, error.strerror)
        elif granted.outcome in {Outcome.DOWN, Outcome.REFUSED}:
            self._kept.give_back()
        else:
            self._kept.lose()
        return granted

    async def _take(self) -> str:
        until = self._clock() + ELSEWHERE_S_MAX
        while True:
            try:
                return self._kept.take()
            except ExchangedElsewhere:
                if self._clock() >= until:
                    raise
            await self._sleep(ELSEWHERE_S)

    def _granted(self, granted: Granted) -> None:
        now = self._clock()
        self._access, self._failed = granted.access, 0
        self._expires_s = now + granted.life_s
        ahead_s = min(self._ahead_s, granted.life_s / 2)
        self._renew_s = self._expires_s - ahead_s
        self._schedule()

    def _schedule(self) -> None:
        # A fallback that nobody needs today has to be ready when somebody does.
        wait_s = max(0.0, self._renew_s - self._clock())
        self._timer = asyncio.get_running_loop().call_later(wait_s, self.renew)

    def _ungranted(self, granted: Granted) -> None:
        first, growth, longest = REFUSED_S, REFUSED_GROWTH, REFUSED_S_MAX
        if granted.outcome is Outcome.DOWN:
            first, growth, longest = DOWN_S, DOWN_GROWTH, DOWN_S_MAX
        wait_s = min(longest, first * growth ** min(self._failed, 16))
        self._failed += 1
        self._again_s = self._clock() + max(wait_s, granted.wait_s or 0.0)
        what = _NEXT.get(granted.outcome, "asked again by itself")
        _log.warning("%s: %s (%s): %s", self._name, granted.outcome, granted.detail, what)

    def _out(self) -> AttemptFailed:
        now, state = self._clock(), self._state
        if state in {Outcome.OK, Outcome.DOWN}:
            wait_s = max(ELSEWHERE_S, self._again_s - now)
            return fail(Meaning.LIMITED, Outcome.DOWN, "no valid access token yet", retry_after_s=wait_s)
        return fail(Meaning.CREDENTIAL, state, _NEXT[state])
