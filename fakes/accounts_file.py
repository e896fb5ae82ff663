"""The customers that fakes start with, from a YAML file: keys, projects, organisations, limits, standing, grants.

By provider; everything may be left out:

```yaml
openai:
  unknown_keys: refused          # accepted, if the file names no key of this provider
  keys: [sk-proj-a]              # of the default organisation
  organisations:
    acme:
      keys: [sk-proj-b]
      projects:
        web: {keys: [sk-proj-c]}
      grants:
        - {access_token: eyJ-mine, refresh_token: rt-mine, expires_in: 1h}
  regions: {127.0.0.2/32: XX}
  limits:
    - {organisation: acme, model: gpt-5.4*, requests_per_minute: 60}
  standing:
    - {organisation: acme, state: org_disabled, in: 30s, for: 10s}
  models:
    - {model: gpt-5.4-nano, state: model_retired, in: 1m}
```
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from .account import DEFAULT_ORGANISATION
from .canned_document import CannedError, Spot, nearest, read
from .control_bodies import SECONDS_MAX, Rule
from .control_desk import Provider
from .oauth import Tokens

UNITS: Final[Mapping[str, float]] = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
"""Seconds of each unit of time."""
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?) ?(ms|s|m|h|d)")
_PERCENT: Final = re.compile(r"(\d+(?:\.\d+)?) ?%")
_UNKNOWN: Final = "unknown_key"


class AccountsFileError(ValueError):
    """The file can't be used.

    Attributes:
        what: The mistake.
        where: File, line and path in the document.
        advice: What to do.
    """

    def __init__(self, what: str, where: str, advice: str) -> None:
        super().__init__(f"{where}: {what}; {advice}")
        self.what = what
        self.where = where
        self.advice = advice


def seconds(value: Any) -> float:
    """A duration such as 30s, 1.5m or 250ms, in seconds.

    Raises:
        ValueError: when it is none.
    """
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError("expected a duration such as 30s, 1.5m or 250ms")
    return float(found[1]) * UNITS[found[2]]


def _share(value: Any) -> Any:
    found = _PERCENT.fullmatch(value) if isinstance(value, str) else None
    return float(found[1]) / 100 if found else value


Duration = Annotated[float, BeforeValidator(seconds), Field(ge=0, le=SECONDS_MAX)]
Name = Annotated[str, Field(min_length=1)]
Share = Annotated[float, BeforeValidator(_share), Field(ge=0, le=1)]


class Section(BaseModel):
    """A mapping of the file: what it doesn't know is refused, with the nearest name."""

    @model_validator(mode="before")
    @classmethod
    def _known(cls, data: Any) -> Any:
        names = [each.alias or name for name, each in cls.model_fields.items()]
        for key in data if isinstance(data, dict) else ():
            if key not in names:
                raise PydanticCustomError(_UNKNOWN, "{text}", {"text": f"unknown: {key}", "key": key, "names": names})
        return data


class Change(Section):
    """When and how a change of standing comes."""

    state: Name
    in_s: Duration = Field(0.0, alias="in")
    for_s: Annotated[float, BeforeValidator(seconds), Field(gt=0, le=SECONDS_MAX)] | None = Field(None, alias="for")
    share: Share = 1.0
    rollout: Duration = 0.0
    settle: Duration = 0.0
    details: dict[str, Any] = Field(default_factory=dict)

    def when(self) -> dict[str, Any]:
        """The words that a change of standing takes."""
        figures = {"in_s": self.in_s, "for_s": self.for_s, "share": self.share, "details": self.details}
        return {**figures, "rollout_s": self.rollout, "settle_s": self.settle}


class Standing(Change):
    """A change of somebody's standing, or of everyone's."""

    key: Name | None = None
    project: Name | None = None
    organisation: Name | None = None
    region: Name | None = None
    spread: Duration | None = None
    spread_to: list[Literal["project", "organisation"]] = ["organisation"]


class Model(Change):
    """A change of a model's standing."""

    model: Name
    organisation: Name | None = None


class Login(Section):
    """A grant; tokens that are left out are made up, and printed."""

    access_token: Name | None = None
    refresh_token: Name | None = None
    expires_in: Duration | None = None


class Project(Section):
    """A project's keys."""

    keys: list[Name] = []


class Organisation(Section):
    """An organisation's keys, projects and grants."""

    keys: list[Name] = []
    projects: dict[Name, Project] = {}
    grants: list[Login] = []


class Limit(Rule, Section):
    """Limits, in the words of the control API."""


class Customers(Section):
    """The customers of one provider."""

    unknown_keys: Literal["accepted", "refused"] | None = None
    keys: list[Name] = []
    organisations: dict[Name, Organisation] = {}
    regions: dict[Name, Name] = {}
    limits: list[Limit] = []
    standing: list[Standing] = []
    models: list[Model] = []

    def enrolments(self) -> list[tuple[tuple[str | int, ...], str, str, str | None]]:
        """Each key: where it stands, the key, its organisation, its project."""
        found: list[tuple[tuple[str | int, ...], str, str, str | None]] = [
            (("keys", place), key, DEFAULT_ORGANISATION, None) for place, key in enumerate(self.keys)
        ]
        for name, organisation in self.organisations.items():
            at = ("organisations", name)
            found += [((*at, "keys", place), key, name, None) for place, key in enumerate(organisation.keys)]
            for project, each in organisation.projects.items():
                inside = (*at, "projects", project, "keys")
                found += [((*inside, place), key, name, project) for place, key in enumerate(each.keys)]
        return found


@dataclass(frozen=True, slots=True)
class AccountsFile:
    """A file of customers, checked.

    Attributes:
        spot: The document, whose values know their line.
        customers: Those of each provider.
    """

    spot: Spot
    customers: Mapping[str, Customers] = field(default_factory=dict)

    def key(self, name: str) -> str | None:
        """The first key of a provider, None if it has none."""
        enrolments = self.customers[name].enrolments() if name in self.customers else []
        return enrolments[0][1] if enrolments else None

    def apply(self, name: str, provider: Provider) -> list[tuple[str, Tokens]]:
        """Give a provider its customers; the organisation and tokens of each grant.

        Raises:
            AccountsFileError: when something in the file can't be, at this vendor.
        """
        customers = self.customers.get(name)
        if customers is None:
            return []
        accounts = provider.accounts
        enrolments = customers.enrolments()
        seen: set[str] = set()
        for at, key, organisation, project in enrolments:
            with _located(self.spot, name, *at):
                if key in seen:
                    raise ValueError("this key stands in the file twice: remove one of the two")
                seen.add(key)
                accounts.enrol(key, organisation, project)
        accounts.accept_unknown = (customers.unknown_keys or ("refused" if enrolments else "accepted")) == "accepted"
        for network, region in customers.regions.items():
            with _located(self.spot, name, "regions", network):
                accounts.place(network, region)
        tokens = self._log_in(name, customers, provider)
        for place, limit in enumerate(customers.limits):
            with _located(self.spot, name, "limits", place):
                accounts.quota.set(limit.limits(), **limit.whose())
        for place, change in enumerate(customers.standing):
            with _located(self.spot, name, "standing", place):
                provider.check(change.state, change.details)
                whom = {level: getattr(change, level) for level in ("key", "project", "organisation", "region")}
                accounts.change(
                    change.state, spread_s=change.spread, spread_to=change.spread_to, **whom, **change.when()
                )
        for place, model in enumerate(customers.models):
            with _located(self.spot, name, "models", place):
                provider.check(model.state, model.details)
                accounts.change_model(model.state, model.model, organisation=model.organisation, **model.when())
        return tokens

    def _log_in(self, name: str, customers: Customers, provider: Provider) -> list[tuple[str, Tokens]]:
        tokens = []
        for organisation, each in customers.organisations.items():
            for place, login in enumerate(each.grants):
                with _located(self.spot, name, "organisations", organisation, "grants", place):
                    if provider.grants is None:
                        raise ValueError("this provider has no OAuth: remove the grants; anthropic and openai have it")
                    brought = provider.grants.login(
                        organisation,
                        access=login.access_token,
                        refresh=login.refresh_token,
                        access_s=login.expires_in,
                    )
                    tokens.append((organisation, brought))
        return tokens


@contextlib.contextmanager
def _located(spot: Spot, *path: str | int) -> Iterator[None]:
    """Say where in the file a mistake is."""
    try:
        yield
    except AccountsFileError:
        raise
    except ValueError as error:
        what, found, advice = str(error).partition(": ")
        raise AccountsFileError(what, _where(spot, path), advice if found else "mend it") from error


def load(path: Path, known: Iterable[str]) -> AccountsFile:
    """Read a file of customers.

    Args:
        path: The file.
        known: The providers that it may name.

    Raises:
        AccountsFileError: when it can't be read, or something in it is no such thing.
    """
    try:
        spot = read(path)
    except CannedError as error:
        raise AccountsFileError(error.what, error.where, error.advice) from error
    if not isinstance(spot.value, dict):
        raise AccountsFileError(
            f"expected a mapping from providers, found {spot.found()}", spot.where(), "write for example `openai: {}`"
        )
    names = list(known)
    customers = {}
    for name, each in spot.value.items():
        if name not in names:
            raise AccountsFileError(f"there is no provider {name!r}", each.where(), nearest(name, names))
        try:
            customers[name] = Customers.model_validate(each.plain() or {})
        except ValidationError as error:
            raise _mistake(spot, name, error) from error
    return AccountsFile(spot, customers)


def _mistake(spot: Spot, name: str, error: ValidationError) -> AccountsFileError:
    """The first mistake, and where it is."""
    first = error.errors(include_url=False)[0]
    path = (name, *first["loc"])
    if first["type"] == _UNKNOWN:
        key, names = first["ctx"]["key"], first["ctx"]["names"]
        return AccountsFileError(
            f"there is nothing called {key!r} here", _where(spot, (*path, key)), nearest(key, names)
        )
    found = _spot(spot, path)
    what = first["msg"].removeprefix("Value error, ")
    what = what[:1].lower() + what[1:]
    if found is not None:
        what = f"{what}, found {found.found()}"
    advice = "write times as 30s, 5m or 1h" if "duration" in what else "mend this value"
    return AccountsFileError(what, _where(spot, path), advice)


def _spot(spot: Spot, path: tuple[str | int, ...]) -> Spot | None:
    """What stands at a path, None if nothing does."""
    for part in path:
        inside = spot.value
        if isinstance(inside, list):
            inside = dict(enumerate(inside))
        if not isinstance(inside, dict) or part not in inside:
            return None
        spot = inside[part]
    return spot


def _where(spot: Spot, path: tuple[str | int, ...]) -> str:
    """File, line and path of what stands at a path, or of what it is missing from."""
    known = path
    while (found := _spot(spot, known)) is None:
        known = known[:-1]
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")
    return f"{spot.file}:{found.line}, {text}"
