"""The host names that a provider has in reality, where a router that can't be pointed elsewhere looks for it."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

_LABEL: Final = "[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?"
HOST: Final = rf"^(((\*|{_LABEL})\.)*{_LABEL}\.)?{_LABEL}(:[1-9][0-9]{{0,4}})?$"
"""A host, or a pattern whose ``*`` stands for one whole label and that ends in two others; a port may follow."""
HOST_CHARS_MAX: Final = 253
"""Characters of a name, its port included."""

Host = Annotated[str, Field(pattern=HOST, max_length=HOST_CHARS_MAX)]
"""Such as api.openai.com, *.openai.azure.com, or localhost:8000; lower case."""
