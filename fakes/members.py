"""Whose a credential is: its organisation, its project, and on whose account what it uses is counted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from .limits import Refusal
from .standing import AccountError

DEFAULT_ORGANISATION: Final = "default"
"""The organisation of keys that were never enrolled in another."""
KEYS_MAX: Final = 100_000
"""Keys that are known, and keys that named an organisation or project themselves, each."""


@dataclass(frozen=True, slots=True)
class Member:
    """Whose a credential is.

    Attributes:
        organisation: Its organisation; None is the default one.
        project: Its project or workspace, None if it is in none.
        owner: On whose account its usage is counted, None for its own: the access tokens of one OAuth grant share one.
    """

    organisation: str | None = None
    project: str | None = None
    owner: str | None = None


STRANGER: Final = Member()
"""A credential that nobody enrolled."""

NAMED_BY: Final[Mapping[str, tuple[tuple[str, str], ...]]] = MappingProxyType(
    {
        # OpenAI's API reference, "Organizations and projects"
        "openai": (("organisation", "openai-organization"), ("project", "openai-project")),
        # the official SDK 2.10, `lib/credentials/_providers.py`
        "anthropic": (("project", "anthropic-workspace-id"),),
        # Google Cloud's guide on quota projects
        "gemini": (("project", "x-goog-user-project"),),
    }
)
"""The headers in which a request names whose it is, by vendor."""


def named(vendor: str, headers: Mapping[str, str]) -> Mapping[str, str]:
    """What a request names itself: "organisation", "project", both or neither. An empty `vendor` knows every header."""
    return {level: value for level, header in _known(vendor) if (value := headers.get(header, "").strip())}


def _known(vendor: str) -> Sequence[tuple[str, str]]:
    return NAMED_BY.get(vendor, ()) if vendor else [each for headers in NAMED_BY.values() for each in headers]


class Members:
    """Whose each credential is: as it was enrolled, completed by what its last request named.

    Args:
        vendor: The vendor's name; without one the headers of any vendor are heard.
    """

    def __init__(self, vendor: str) -> None:
        self._vendor = vendor
        self._headers = frozenset(header for _, header in _known(vendor))
        self._enrolled: dict[str, Member] = {}
        self._named: dict[str, Member] = {}
        self._organisation_of_project: dict[str, str] = {}
        self.strict = False
        """Whether a request may name what it is not of, and is refused for that."""

    def enrol(self, key: str, organisation: str | None, project: str | None, owner: str | None) -> None:
        """Make a key known.

        Raises:
            AccountError: when there are too many keys, or the project is another organisation's.
        """
        if len(self._enrolled) >= KEYS_MAX and key not in self._enrolled:
            raise AccountError(f"there are {KEYS_MAX} keys already: reset, or forget some")
        if project is not None:
            known = self._organisation_of_project.setdefault(project, organisation or DEFAULT_ORGANISATION)
            if known != (organisation or known):
                raise AccountError(f"the project {project!r} belongs to {known!r}, not to {organisation!r}: rename one")
            organisation = known
        if organisation == DEFAULT_ORGANISATION:
            organisation = None
        self.strict = self.strict or (self._vendor == "openai" and (organisation or project) is not None)
        self._enrolled[key] = Member(organisation, project, owner)
        self._named.pop(key, None)

    def forget(self, key: str) -> None:
        """Make a key unknown again."""
        self._enrolled.pop(key, None)
        self._named.pop(key, None)

    def forget_named(self) -> None:
        """Forget what requests named."""
        self._named.clear()

    def of(self, credential: str) -> Member:
        """Whose a credential is."""
        if self._named and (member := self._named.get(credential)) is not None:
            return member
        return self._enrolled.get(credential, STRANGER)

    def organisation_of(self, project: str) -> str:
        """The organisation that a project belongs to."""
        return self._organisation_of_project.get(project, DEFAULT_ORGANISATION)

    def hear(self, credential: str, headers: Mapping[str, str]) -> Refusal | None:
        """Note whose a request says that it is; what it may not say is refused as OpenAI does."""
        said = {} if headers.keys().isdisjoint(self._headers) else named(self._vendor, headers)
        if not said:
            if self._named:
                self._named.pop(credential, None)
            return None
        enrolled = self._enrolled.get(credential, STRANGER)
        if self.strict and (mismatch := _mismatch(enrolled, said)) is not None:
            return mismatch
        project = enrolled.project or said.get("project")
        organisation = enrolled.organisation or said.get("organisation")
        if organisation is None and project is not None:
            organisation = self._organisation_of_project.get(project)
        if len(self._named) >= KEYS_MAX:
            self._named.clear()
        self._named[credential] = Member(organisation, project, enrolled.owner)
        return None

    def __contains__(self, key: str) -> bool:
        """Whether a key was enrolled."""
        return key in self._enrolled

    def __iter__(self) -> Iterator[tuple[str, Member]]:
        """Each enrolled key, and whose it is."""
        return iter(self._enrolled.items())


def _mismatch(enrolled: Member, said: Mapping[str, str]) -> Refusal | None:
    # AIDotNet/OpenDeepWiki#5
    for level, word, own in (
        ("organisation", "organization", enrolled.organisation),
        ("project", "project", enrolled.project),
    ):
        if own is not None and said.get(level, own) != own:
            message = f"OpenAI-{word.capitalize()} header should match {word} for API key"
            return Refusal("bad_key", {"message": message, "code": f"mismatched_{word}"})
    return None
