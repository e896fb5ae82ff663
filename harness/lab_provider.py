"""One fake provider of a test: its address, what happens to it, what arrived, and what it billed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from operator import methodcaller
from typing import TYPE_CHECKING, Any

from ..fakes.account import AccountError
from ..fakes.canned import CannedError
from ..fakes.control_bodies import SECONDS_MAX, Rule
from ..fakes.dialects.base import UnknownFailureError
from ..fakes.pace import Pace
from ..fakes.serve import LOOPBACK
from ..fakes.token_endpoint import PATHS
from ..scenarios.problems import nearest
from ..scenarios.units import parse_duration
from .errors import HarnessError
from .lab_answers import rule
from .lab_clock import NS
from .lab_login import LabLogin
from .lab_requests import Request
from .lab_stage import Ban, Journal

if TYPE_CHECKING:
    from ..fakes.dialects.base import Dialect
    from ..fakes.invoice import Bill
    from .lab import Lab
    from .lab_stand import Stand

__tracebackhide__ = methodcaller("errisinstance", (AssertionError, HarnessError))  # pytest shows the test's own line


def seconds(value: str | float, where: str) -> float:
    """Seconds of a duration such as ``5s`` or ``250ms``, or of a plain number.

    Raises:
        HarnessError: when it is neither, is negative, or is too long.
    """
    try:
        number = parse_duration(value) if isinstance(value, str) else float(value)
    except (TypeError, ValueError) as error:
        raise HarnessError(str(error), where, "write 5, or '5s', '250ms', '1.5m'") from None
    if not 0 <= number <= SECONDS_MAX:
        raise HarnessError(f"{value!r} is no time to wait", where, "write a number of seconds that is not negative")
    return number


class LabProvider:
    """A fake provider on a port of its own. Made by `Banstorm`; everything here may be called from any thread.

    Attributes:
        name: The provider's name.
        dialect: The wire dialect that it speaks.
        stand: It as the lab's thread has it.
    """

    def __init__(self, lab: Lab, stand: Stand, journal: Journal, name: str, dialect: Dialect) -> None:
        self.name = name
        self.dialect = dialect
        self.stand = stand
        self._lab = lab
        self._journal = journal

    def __repr__(self) -> str:
        return f"<banstorm {self.name}: {self.base_url}>"

    # where it is

    @property
    def url(self) -> str:
        """Its address up to the port, such as ``http://127.0.0.1:40123``."""
        return f"http://{LOOPBACK}:{self.stand.port}"

    @property
    def base_url(self) -> str:
        """What its vendor's SDK takes as the base URL."""
        return self.url + self.dialect.base_path

    @property
    def api_key(self) -> str:
        """A made-up key in the vendor's form; any other is accepted too."""
        return self.dialect.key_example

    def login(self, expires: str | float = "1h") -> LabLogin:
        """Log a customer in by OAuth. The provider then takes the tokens of its logins and no API keys.

        Args:
            expires: How long access tokens live, by the timeline's clock, as ``1h``.

        Raises:
            HarnessError: when the vendor has no logins, or no token lives so short.
        """
        where = f"{self.name}.login({expires!r})"
        if self.dialect.name not in PATHS:
            having = " and ".join(sorted(PATHS))
            raise HarnessError(f"{self.dialect.name!r} has no logins", where, f"there are some at {having}")
        expires_s = seconds(expires, where)
        if expires_s < 1:
            raise HarnessError(f"{expires!r} is too short for a token", where, "write 1s or more")
        made = self._lab.do(lambda: self.stand.login(expires_s))
        url = self.url + PATHS[self.dialect.name][0]
        return LabLogin(url, made.access, made.refresh, made.expires_in_s)

    # what happens to it

    def ban(
        self,
        kind: str,
        *,
        for_: str | float | None = None,
        requests: int | None = None,
        key: str | None = None,
        model: str | None = None,
        **details: Any,
    ) -> None:
        """Answer with a failure from now on: until `unban`, for a time, or for so many requests.

        Args:
            kind: Any failure that the vendor has (``banstorm list dialects``).
            for_: For how long, by the timeline's clock, as ``5s``.
            requests: For how many requests.
            key: Only for this API key.
            model: Only for this model.
            details: What fills the failure's words, as ``retry_after=7``.

        Raises:
            HarnessError: when the vendor has no such failure, or a value makes no sense.
        """
        where = f"{self.name}.ban({kind!r})"
        if kind not in self.dialect.failures:
            advice = nearest(kind, self.dialect.failures, " (`banstorm list dialects` shows each vendor's)")
            raise HarnessError(f"{self.dialect.name!r} has no failure {kind!r}", where, advice)
        if requests is not None and requests < 1:
            raise HarnessError(f"{requests} requests are none", where, "write 1 or more, or leave `requests` out")
        try:
            self.dialect.failure(kind, details, id_seed=0)
        except (ArithmeticError, LookupError, TypeError, ValueError, UnknownFailureError) as error:
            raise HarnessError(f"these details don't fit {kind!r}: {error}", where, "mend or leave them out") from None
        lasts_s = None if for_ is None else seconds(for_, where)

        def begin() -> None:
            until_ns = None if lasts_s is None else self._journal.clock.now_ns() + int(lasts_s * NS)
            self.stand.bans.append(Ban(kind, details, key, model, until_ns, requests))

        self._lab.do(begin)

    def unban(self) -> None:
        """Lift every `ban`."""
        self._lab.do(self.stand.bans.clear)

    def quota(self, *, key: str | None = None, model: str | None = None, **limits: float) -> None:
        """Set limits, told in the vendor's own 429s and headers: real buckets, which fill by the timeline's clock.

        Args:
            key: Whose; each key's own if left out.
            model: At which model, or pattern; each on its own if left out.
            limits: As the control API names them: ``requests_per_minute``, ``tokens_per_minute``, ``spend_usd``…

        Raises:
            HarnessError: when there is no such limit, or it makes no sense.
        """
        where = f"{self.name}.quota(…)"
        known = [name for name in Rule.model_fields if "_per_" in name or name.endswith(("_usd", "_tokens"))]
        for name in limits:
            if name not in Rule.model_fields:
                raise HarnessError(f"there is no limit {name!r}", where, nearest(name, known, ""))
        try:
            made = Rule(key=key, model=model, **limits)  # type: ignore[arg-type]
            self._lab.do(lambda: self.stand.limit(made))
        except (AccountError, ValueError) as error:
            first = getattr(error, "errors", None)
            what = first()[0]["msg"] if first is not None else str(error)
            raise HarnessError(f"these limits make no sense: {what}", where, "mend the figures") from None

    def answer(
        self,
        text: str | None = None,
        *,
        json: Mapping[str, Any] | list[Any] | None = None,
        tool: str | None = None,
        arguments: Mapping[str, Any] | None = None,
        usage: Mapping[str, int] | None = None,
        finish: str | None = None,
        **when: Any,
    ) -> None:
        """Say this from now on, to every chat or to those that `when` means. A later answer comes before earlier ones.

        Args:
            text: A text,
            json: or a JSON document,
            tool: or a call of this tool,
            arguments: with these arguments.
            usage: The tokens that it reports: ``input_tokens``, ``output_tokens``, ``cached_tokens``.
            finish: ``length`` for an answer that was cut.
            when: Conditions, as in a file of canned answers: ``contains="refund"``, ``model="gpt-5*"``, ``nth=1``…

        Raises:
            HarnessError: when something in it is no such thing.
        """
        said: dict[str, Any] = {"text": text, "json": json, "usage": usage, "finish": finish, "when": when or None}
        if tool is not None:
            if not isinstance(arguments, Mapping | None):
                what = f"the arguments of the tool {tool!r} are no mapping: {arguments!r}"
                raise HarnessError(what, f"{self.name}.answer(…)", "write arguments={'city': 'Oslo'}")
            said["tool"] = {"name": tool, "arguments": dict(arguments or {})}
        try:
            made = rule(said, len(self.stand.script.rules), self.name, self.dialect)
        except CannedError as error:
            raise HarnessError(error.what, error.where, error.advice) from None
        self._lab.do(lambda: self.stand.script.rules.insert(0, made))

    def pace(self, *, ttft: str | float = 0.0, tokens_per_second: float = 1e9) -> None:
        """How fast it answers, by the machine's clock; without it at once.

        Args:
            ttft: Time to first token, as ``200ms``.
            tokens_per_second: Tokens per second after the first.

        Raises:
            HarnessError: when a figure makes no sense.
        """
        where = f"{self.name}.pace(…)"
        first_s = seconds(ttft, where)
        if not 0 < tokens_per_second < math.inf:
            raise HarnessError(f"{tokens_per_second} tokens a second", where, "write a number above 0")
        new = Pace(first_s, tokens_per_second)
        self._lab.do(lambda: setattr(self.stand.tempo, "pace", new))

    # what it saw

    @property
    def requests(self) -> list[Request]:
        """The requests that arrived here, in order."""
        self.settle()
        return [each for each in list(self._journal.requests) if each.provider == self.name]

    @property
    def bills(self) -> list[Bill]:
        """What it billed, in order; a refused request costs nothing and has no bill."""
        self.settle()
        return list(self.stand.stage.bills)

    @property
    def cost(self) -> float:
        """US dollars billed in all."""
        return sum(bill.usd for bill in self.bills)

    @property
    def bitten(self) -> dict[str, int]:
        """How often each entry of the timeline met something here, by the entry's id such as ``0:org_disabled``."""
        return self._lab.do(lambda: self.stand.bitten)

    def settle(self) -> None:
        """Wait until what callers have been told is written down and billed."""
        self._lab.run(self.stand.settle())

    def end(self) -> None:
        """Listen no more. Done at the end of the test.

        Raises:
            HarnessError: when it could not do what the timeline says.
        """
        self._lab.run(self.stand.close())

    def forget(self) -> None:
        """Forget what was billed; the log is everybody's."""
        self._lab.do(self.stand.stage.bills.clear)
