"""The named drifts: format changes that really happened, a file each in ``drifts/``, found by its name."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Annotated, Final

import yaml
from pydantic import Field

from .drift_change import Change

FOLDER: Final = Path(__file__).parent / "drifts"

Text = Annotated[str, Field(min_length=1, max_length=2000)]


class NamedDrift(Change):
    """A drift's file."""

    title: Text = Field(description="what changes, in a line")
    dialects: list[Text] = Field(min_length=1, description="whose wire it is about")
    date: Text = Field(description="when it happened")
    story: Text = Field(description="what changed, and what that broke")
    sources: list[Text] = Field(min_length=1, description="where it is documented or was reported")
    partial: bool = Field(default=False, description="whether answers of some kind hold nothing that it changes")

    @property
    def is_partial(self) -> bool:
        """Whether it is about some of the answers only."""
        return self.partial or super().is_partial


@cache
def names() -> tuple[str, ...]:
    """Every named drift, sorted."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.yaml")))


@cache
def find(name: str) -> NamedDrift:
    """The drift of that name, one of `names`."""
    data = yaml.load((FOLDER / f"{name}.yaml").read_text("utf-8"), Loader=yaml.CSafeLoader)
    return NamedDrift.model_validate(data)


def of_dialect(dialect: str) -> list[str]:
    """The drifts that are about a dialect's wire."""
    return [name for name in names() if dialect in find(name).dialects]
