"""Where keys come from: the environment and files. What is read here goes to a provider's headers and nowhere else."""

from __future__ import annotations

import os
from pathlib import Path

from .config import Provider
from .config_access import Admin
from .errors import ConfigError


def read_keys(provider: Provider) -> list[tuple[str, str | None]]:
    """A provider's credentials from where the configuration says, each with its label; no key if it says nothing.

    A label is the name of the variable or of the file, and empty if there is only one credential: it may stand in
    metrics and logs. OAuth logins are credentials as well (`logins`).

    Raises:
        ConfigError: A variable isn't set, or a file can't be read or is empty.
    """
    where = f"providers, {provider.name}"
    alone = not provider.oauth
    if provider.api_keys_env:
        return [(name, read_env(name, f"{where}, api_keys_env")) for name in provider.api_keys_env]
    if provider.api_keys_files:
        return [(path.name, read_file(path, f"{where}, api_keys_files")) for path in provider.api_keys_files]
    if provider.api_key is not None:
        return [("" if alone else "api_key", provider.api_key.get_secret_value())]
    if provider.api_key_env is not None:
        label = "" if alone else provider.api_key_env
        return [(label, read_env(provider.api_key_env, f"{where}, api_key_env"))]
    if provider.api_key_file is not None:
        label = "" if alone else provider.api_key_file.name
        return [(label, read_file(provider.api_key_file, f"{where}, api_key_file"))]
    return [("", None)] if alone else []


def read_env(name: str, where: str) -> str:
    """A secret from an environment variable.

    Raises:
        ConfigError: It isn't set, or empty.
    """
    value = os.environ.get(name, "").strip()
    if not value:
        raise ConfigError(f"the environment variable {name!r} is not set or empty", where, f"export {name}=…")
    return value


def read_file(path: Path, where: str) -> str:
    """A secret from a file.

    Raises:
        ConfigError: It can't be read, or is empty.
    """
    try:
        value = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"can't read the key: {error}", where, "check path and rights") from None
    if not value:
        raise ConfigError(f"the key file {str(path)!r} is empty", where, "write the key into it")
    return value


def read_token(admin: Admin) -> str | None:
    """The admin API's token, or None if there is to be none.

    Raises:
        ConfigError: The variable isn't set, or the file can't be read or is empty.
    """
    if admin.token_env is not None:
        return read_env(admin.token_env, "admin, token_env")
    if admin.token_file is not None:
        return read_file(admin.token_file, "admin, token_file")
    return None
