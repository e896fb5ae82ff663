"""pydantic-ai's FallbackModel."""

from __future__ import annotations

from typing import ClassVar, Final

from ._installation import PythonInstallation
from ._library import LibraryTarget

VERSION: Final = "2.68.0"
PACKAGES: Final = (f"pydantic-ai-slim[openai,anthropic]=={VERSION}", "uvicorn", "httptools")


class PydanticAITarget(LibraryTarget):
    """`FallbackModel(AnthropicModel(…), OpenAIChatModel(…))`, called directly, behind a small server."""

    name: ClassVar[str] = "pydantic_ai"
    version: ClassVar[str | None] = VERSION
    server: ClassVar[str] = "pydantic_ai_server.py"
    installation: ClassVar[PythonInstallation] = PythonInstallation("pydantic_ai", VERSION, PACKAGES)


TARGET = PydanticAITarget
