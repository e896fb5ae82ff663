"""Reads a scenario's YAML into plain data, and remembers on which line each value stands.

YAML 1.2's booleans, not 1.1's: `on`, `off`, `yes` and `no` are words here (`on:` is a key of the timeline).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from .problems import Problem, ScenarioError

BYTES_MAX: Final = 1024 * 1024
"""Largest scenario file, in bytes."""
NODES_MAX: Final = 50_000
"""Most values in one scenario, aliases expanded."""
DEPTH_MAX: Final = 32
"""Deepest nesting."""
SHOWN_CHARS: Final = 60
"""Characters shown of a value that can't be."""
INT64_MIN: Final = -(2**63)
INT64_MAX: Final = 2**63 - 1

Path_ = tuple[str | int, ...]


class _Loader(yaml.SafeLoader):
    """SafeLoader with YAML 1.2's idea of booleans and without dates."""


_Loader.yaml_implicit_resolvers = {
    first: [
        (tag, pattern) for tag, pattern in rules if tag not in {"tag:yaml.org,2002:bool", "tag:yaml.org,2002:timestamp"}
    ]
    for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), list("tf"))


@dataclass
class Document:
    """A scenario as it was written. `lines` maps a path such as ("timeline", 0, "fault") to a line from 1."""

    name: str
    data: Any
    lines: dict[Path_, int] = field(default_factory=dict)

    def where(self, path: Path_) -> str:
        """File, line and path in the document; the nearest enclosing line if the value itself is missing."""
        known = path
        while known and known not in self.lines:
            known = known[:-1]
        text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")
        return f"{self.name}:{self.lines.get(known, 1)}" + (f", {text}" if text else "")


def read(path: Path) -> Document:
    """Read the scenario file at `path`.

    Raises:
        ScenarioError: when it can't be read, is no YAML, or breaks a limit.
    """
    try:
        if path.stat().st_size > BYTES_MAX:
            raise _refused(
                f"the scenario is larger than {BYTES_MAX} bytes", str(path), "split it into smaller scenarios"
            )
        text = path.read_text("utf-8")
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise _refused(
            f"the scenario can't be read: {reason}", str(path), "check the path and its permissions"
        ) from error
    except UnicodeDecodeError as error:
        raise _refused("the scenario is no UTF-8 text", str(path), "save it as UTF-8") from error
    return parse(text, str(path))


def parse(text: str, name: str) -> Document:
    """Parse a scenario's YAML `text`; `name` stands for the file in messages.

    Raises:
        ScenarioError: when it is no YAML or breaks a limit.
    """
    document = Document(name, None)
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            document.data = None if node is None else _build(loader, node, (), document, [NODES_MAX])
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise _refused(
            f"no valid YAML: {error.problem or error.context}", f"{name}:{line}", "mend the syntax on that line"
        ) from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        if isinstance(error, ScenarioError):
            raise
        raise _refused(f"no valid YAML: {str(error).splitlines()[0]}", name, "mend the syntax") from error
    return document


def _refused(what: str, where: str, advice: str) -> ScenarioError:
    return ScenarioError([Problem(what, where, advice)])


def _build(loader: _Loader, node: yaml.Node, path: Path_, document: Document, left: list[int]) -> Any:
    """Plain data of `node`; its line and its children's go into `document`."""
    left[0] -= 1
    document.lines.setdefault(path, node.start_mark.line + 1)
    if left[0] < 0 or len(path) > DEPTH_MAX:
        raise _refused(
            f"more than {NODES_MAX} values or {DEPTH_MAX} levels", document.where(path), "write it out without aliases"
        )
    if isinstance(node, yaml.MappingNode):
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value) if isinstance(key_node, yaml.ScalarNode) else "?"
            inner = (*path, key)
            document.lines[inner] = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode) or key == "<<" or not _in_json(key):
                raise _refused("a key must be a plain word", document.where(inner), "write the keys out")
            if key in result:
                raise _refused(f"the key {key!r} stands twice", document.where(inner), "remove one of the two")
            result[key] = _build(loader, value_node, inner, document, left)
        return result
    if isinstance(node, yaml.SequenceNode):
        return [_build(loader, item, (*path, index), document, left) for index, item in enumerate(node.value)]
    value = loader.construct_object(node)
    if not _in_json(value):
        # The parts of a run are given the scenario as JSON: it would be another value there, or none.
        raise _refused(
            f"{node.value[:SHOWN_CHARS]!r} is no text, truth or finite number of 64 bits",
            document.where(path),
            "write a smaller number, or plain text in quotes",
        )
    return value


def _in_json(value: Any) -> bool:
    """Whether JSON holds a scalar as it is: there is no NaN, no infinity, and of text only what UTF-8 can write."""
    match value:
        case str():
            return not any("\ud800" <= each <= "\udfff" for each in value)
        case int():
            return INT64_MIN <= value <= INT64_MAX
        case float():
            return math.isfinite(value)
    return value is None
