"""Answers of another model than the one that was asked."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from .model_aliased import ModelAliased

SIBLING: Final = "-mini"
"""Appended to the name of the model unless another one is given."""


class WrongModel(ModelAliased):
    """Let another model answer than was asked for: a smaller sibling, which the answer names, at the asked one's price.

    The words stay what they were, since no caller can tell models by them. It is `model_aliased`, but the name is that
    of another model, not of the same one's snapshot.
    """

    to: str | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        description=f"the model that answers; the one in the provider's answer with {SIBLING} if absent",
    )

    def _renamed(self, name: str) -> str:
        return name + SIBLING if self.to is None else self.to


FAULT = WrongModel
