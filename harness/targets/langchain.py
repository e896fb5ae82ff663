"""LangChain's chat models with `with_fallbacks`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final

from ._installation import PythonInstallation
from ._library import LibraryTarget

VERSION: Final = "1.7.2"
"""Of langchain-core, which `with_fallbacks` is a part of."""
PACKAGES: Final = (f"langchain-core=={VERSION}", "langchain-openai", "langchain-anthropic", "uvicorn", "httptools")


class LangChainTarget(LibraryTarget):
    """`ChatAnthropic(…).with_fallbacks([ChatOpenAI(…)])` behind a small server."""

    name: ClassVar[str] = "langchain"
    version: ClassVar[str | None] = VERSION
    server: ClassVar[str] = "langchain_server.py"
    installation: ClassVar[PythonInstallation] = PythonInstallation("langchain", VERSION, PACKAGES)
    variables: ClassVar[Mapping[str, str]] = {"LANGSMITH_TRACING": "false", "LANGCHAIN_TRACING_V2": "false"}


TARGET = LangChainTarget
