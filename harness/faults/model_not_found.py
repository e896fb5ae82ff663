"""The model is unknown, or not the caller's."""

from __future__ import annotations

from .spoken import Spoken


class ModelNotFound(Spoken):
    """Refuse every request because the model is unknown, or not open to the caller.

    OpenAI's variant `400` is what its Responses API said until September 2026.
    """

    failure_kind = "model_not_found"


FAULT = ModelNotFound
