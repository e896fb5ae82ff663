"""What `banstorm serve` serves: vendors' dialects, and services beyond LLMs by name or from a file of the user's."""

from __future__ import annotations

import shlex

from ..fakes import dialects
from ..fakes.dialects.base import Dialect
from ..fakes.dialects.http_service import HttpService, ServiceError, is_path, shipped
from ..scenarios.problems import nearest
from .errors import HarnessError


def choose(words: tuple[str, ...]) -> dict[str, Dialect]:
    """The dialects that `words` name, by the name that each is served under; every vendor's if there are no words.

    Raises:
        HarnessError: when there is nothing of a name, a definition can't be used, or two would have one name.
    """
    chosen: dict[str, Dialect] = {}
    for word in words or dialects.names():
        name, dialect = _find(word)
        if name in chosen and chosen[name] is not dialect:
            raise HarnessError(f"two would be called {name!r}", "the command line", "give the service another name:")
        chosen[name] = dialect
    return chosen


def _find(word: str) -> tuple[str, Dialect]:
    if not is_path(word) and word not in shipped():
        try:
            return word, dialects.find(word)
        except dialects.UnknownDialectError as error:
            near = nearest(word, [*dialects.names(), *shipped()], " (`banstorm list dialects` shows them)")
            what = f"nothing to serve is called {word!r}"
            raise HarnessError(what, "the command line", f"{near}; or give a file such as ./mine.yaml") from error
    try:
        service = HttpService.load(word)
    except ServiceError as error:
        first, *rest = error.problems
        more = f" ({len(rest)} more mistakes follow)" if rest else ""
        raise HarnessError(first.what, first.where, first.advice + more) from error
    name = service.service.definition.name
    if name in dialects.names():
        raise HarnessError(f"a service is called {name!r}, as a vendor is", word, "give it another name:")
    return name, service


def service_lines(name: str, service: HttpService, root: str) -> list[str]:
    """What tells a client where a service is and how to ask it.

    Args:
        name: The name it is served under.
        service: Its dialect.
        root: Its address, up to the port.
    """
    variable = name.upper().replace("-", "_")
    lines = [f"export {variable}_BASE_URL={shlex.quote(root + service.base_path)}"]
    if service.service.definition.auth.kind != "none":
        lines.append(f"export {variable}_API_KEY={shlex.quote(service.key_example)}")
    return [*lines, *(f"# {line}" for line in service.curl(root))]
