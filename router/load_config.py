"""Read `router.yaml`; every mistake names file, line, what was found and what was expected."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from .config import Config
from .config_priced import check_prices
from .errors import ConfigError
from .units import FROM_FILE

Loc = tuple[int | str, ...]
_SECRET = frozenset({"api_key", "oauth"})
"""What is found there isn't shown."""


def load_config(path: Path) -> Config:
    """Read and check a configuration file.

    Raises:
        ConfigError: The file can't be read, isn't YAML, or says something that isn't allowed.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"can't read the configuration: {error}", str(path), "check the path after --config"
        ) from None
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark else str(path)
        problem = getattr(error, "problem", None) or "it can't be parsed"
        raise ConfigError(f"this is not YAML: {problem}", where, "fix the syntax on or just above that line") from None
    if not isinstance(document, dict):
        raise ConfigError("the configuration is empty or not a mapping", f"{path}:1", "start with `providers:`")
    try:
        config = Config.model_validate(document, context=FROM_FILE)
    except ValidationError as error:
        raise _explain(error, path, root) from None
    for place, entry in enumerate(config.providers):
        line = _line(root, ("providers", place, "model"))
        check_prices(config, entry, f"{path}:{line}, providers.{place}")
    return config


def _explain(error: ValidationError, path: Path, root: yaml.Node | None) -> ConfigError:
    first = error.errors(include_url=False)[0]
    loc: Loc = first["loc"]
    dotted = ".".join(str(step) for step in loc) or "the document"
    where = f"{path}:{_line(root, loc)}, {dotted}"
    more = error.error_count() - 1
    also = f" (and {more} more)" if more else ""
    if first["type"] == "extra_forbidden":
        names = _names_beside(loc)
        near = difflib.get_close_matches(str(loc[-1]), names, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known here: {', '.join(names)}"
        return ConfigError(f"unknown key {loc[-1]!r}{also}", where, hint)
    if first["type"] == "missing":
        return ConfigError(f"the key {loc[-1]!r} is missing{also}", where, f"add `{loc[-1]}: …`")
    message = first["msg"].removeprefix("Value error, ")
    silent = isinstance(first["input"], dict) or not _SECRET.isdisjoint(loc) or message.startswith(("found", "two "))
    found = "" if silent else f", found {_short(first)}"
    return ConfigError(f"{message[:1].lower()}{message[1:]}{found}{also}", where, "correct this value")


def _short(error: Any) -> str:
    text = repr(error["input"])
    return text if len(text) <= 80 else f"{text[:77]}…"


def _line(node: yaml.Node | None, loc: Loc) -> int:
    """The line (from 1) of the deepest node on the way to `loc` that the file has."""
    line = 1 if node is None else node.start_mark.line + 1
    for step in loc:
        below: yaml.Node | None = None
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if key.value == str(step):
                    below, line = value, key.start_mark.line + 1
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            below = node.value[step]
            line = below.start_mark.line + 1
        if below is None:
            break
        node = below
    return line


def _names_beside(loc: Loc) -> list[str]:
    model: Any = Config
    for step in loc[:-1]:
        if isinstance(step, int):
            continue
        field = model.model_fields.get(step)
        below = None if field is None else field.annotation
        arguments = getattr(below, "__args__", None)
        model = arguments[0] if arguments else below
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            return []
    return sorted(field.alias or name for name, field in model.model_fields.items())
