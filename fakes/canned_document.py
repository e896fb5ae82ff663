"""YAML as plain values that know their line, within bounds; what is wrong with a file of canned answers.

Booleans are YAML 1.2's, `true` and `false` alone: a text such as `no` is a text.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

BYTES_MAX: Final = 1024 * 1024
"""Largest file, in bytes."""
VALUES_MAX: Final = 50_000
"""Most values in one file, aliases expanded."""
DEPTH_MAX: Final = 32
"""Deepest nesting."""
FOUND_CHARS_MAX: Final = 60
"""Characters of a wrong value that are shown."""
INTEGER_BITS: Final = 63
"""JSON libraries carry no longer integer."""


class CannedError(ValueError):
    """A file of canned answers can't be used.

    Attributes:
        what: The mistake: what was found, and what was expected.
        where: File, line and path in the document.
        advice: What to do, with the nearest valid name where one was misspelt.
    """

    def __init__(self, what: str, where: str, advice: str) -> None:
        super().__init__(f"{where}: {what}; {advice}")
        self.what = what
        self.where = where
        self.advice = advice


@dataclass(frozen=True, slots=True)
class Spot:
    """A value and where it stands. `value` is a scalar, a list of spots, or a dict from str to spot."""

    value: Any
    file: str
    line: int
    path: str

    def wrong(self, expected: str, advice: str) -> CannedError:
        """The complaint that this value is not what was expected."""
        return CannedError(f"expected {expected}, found {self.found()}", self.where(), advice)

    def where(self) -> str:
        """File, line and path in the document."""
        return f"{self.file}:{self.line}" + (f", {self.path}" if self.path else "")

    def found(self) -> str:
        """The value in a few words."""
        if self.value is None:
            return "nothing"
        if isinstance(self.value, dict):
            return f"a mapping with {', '.join(map(repr, list(self.value)[:3]))}" if self.value else "an empty mapping"
        if isinstance(self.value, list):
            return f"a list of {len(self.value)}"
        if isinstance(self.value, str):
            text = repr(self.value)
            return "the text " + (text if len(text) <= FOUND_CHARS_MAX else text[:FOUND_CHARS_MAX] + "…'")
        return {True: "true", False: "false"}[self.value] if isinstance(self.value, bool) else f"{self.value!r}"

    def plain(self) -> Any:
        """The value with the values in it, without their places."""
        if isinstance(self.value, dict):
            return {key: each.plain() for key, each in self.value.items()}
        if isinstance(self.value, list):
            return [each.plain() for each in self.value]
        return self.value


def nearest(name: str, valid: Iterable[str]) -> str:
    """Advice for an unknown `name`: the nearest valid one, else all of them."""
    names = sorted(valid)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return f"did you mean {near[0]!r}?" if near else f"use one of: {', '.join(names)}"


class _Loader(yaml.SafeLoader):
    """SafeLoader with YAML 1.2's idea of booleans and without dates."""


_Loader.yaml_implicit_resolvers = {
    first: [
        (tag, pattern) for tag, pattern in rules if tag not in {"tag:yaml.org,2002:bool", "tag:yaml.org,2002:timestamp"}
    ]
    for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), list("tf"))


def read(path: Path) -> Spot:
    """Read the file at `path`.

    Raises:
        CannedError: when it can't be read, is no YAML, or breaks a limit.
    """
    try:
        with path.open("rb") as file:
            data = file.read(BYTES_MAX + 1)
        text = data.decode("utf-8")
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise CannedError(f"can't be read: {reason}", str(path), "check the path and its permissions") from error
    except UnicodeDecodeError as error:
        raise CannedError("no UTF-8 text", str(path), "save it as UTF-8") from error
    if len(data) > BYTES_MAX:
        raise CannedError(f"larger than {BYTES_MAX} bytes", str(path), "keep fewer or shorter answers")
    return parse(text, str(path))


def parse(text: str, file: str) -> Spot:
    """Parse YAML `text`; `file` stands for its source in messages.

    Raises:
        CannedError: when it is no YAML or breaks a limit.
    """
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            return Spot(None, file, 1, "") if node is None else _Reader(loader, file).spot(node, "", 0)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{file}:{mark.line + 1}" if mark else f"{file}:1"
        raise CannedError(f"no valid YAML: {error.problem or error.context}", where, "mend that line") from error
    except (yaml.YAMLError, RecursionError) as error:
        reason = "too deeply nested" if isinstance(error, RecursionError) else str(error).splitlines()[0]
        raise CannedError(f"no valid YAML: {reason}", f"{file}:1", "mend the syntax") from error


class _Reader:
    def __init__(self, loader: _Loader, file: str) -> None:
        self._loader = loader
        self._file = file
        self._left = VALUES_MAX

    def spot(self, node: yaml.Node, path: str, depth: int, line: int | None = None) -> Spot:
        here = Spot(None, self._file, line or node.start_mark.line + 1, path)
        self._left -= 1
        if self._left < 0 or depth > DEPTH_MAX:
            raise CannedError(
                f"more than {VALUES_MAX} values or {DEPTH_MAX} levels", here.where(), "write it without aliases"
            )
        value: Any
        if isinstance(node, yaml.MappingNode):
            value = self._mapping(node, here, depth)
        elif isinstance(node, yaml.SequenceNode):
            value = [self.spot(each, f"{path}[{place}]", depth + 1) for place, each in enumerate(node.value)]
        else:
            value = self._scalar(node, here)
        return Spot(value, here.file, here.line, path)

    def _mapping(self, node: yaml.MappingNode, here: Spot, depth: int) -> dict[str, Spot]:
        mapping: dict[str, Spot] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else "?"
            inner = Spot(key, here.file, line, f"{here.path}.{key}".lstrip("."))
            if not isinstance(key_node, yaml.ScalarNode) or key == "<<" or not _is_text(key):
                raise CannedError(
                    "a key must be a plain word",
                    inner.where().encode("utf-8", "replace").decode(),
                    "write the keys out",
                )
            if key in mapping:
                raise CannedError(f"the key {key!r} stands twice", inner.where(), "remove one of the two")
            mapping[key] = self.spot(value_node, inner.path, depth + 1, line)
        return mapping

    def _scalar(self, node: yaml.Node, here: Spot) -> Any:
        try:
            value = self._loader.construct_object(node)
        except ValueError as error:  # e.g. a number of too many digits
            raise CannedError("no number", here.where(), "put a text into quotes") from error
        if isinstance(value, str) and not _is_text(value):
            raise CannedError("half a character (a lone surrogate)", here.where(), "write whole characters")
        if isinstance(value, float) and not math.isfinite(value):
            raise CannedError("a number that JSON doesn't have", here.where(), "put a text into quotes")
        if isinstance(value, int) and value.bit_length() > INTEGER_BITS:
            raise CannedError(f"an integer of more than {INTEGER_BITS} bits", here.where(), "put a text into quotes")
        if value is not None and not isinstance(value, str | int | float):
            raise CannedError(f"a {type(value).__name__}, which JSON doesn't have", here.where(), "put it into quotes")
        return value


def _is_text(value: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in value)
