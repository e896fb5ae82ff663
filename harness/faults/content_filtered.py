"""A prompt, or an answer, that a filter blocks."""

from __future__ import annotations

from .spoken import Spoken


class ContentFiltered(Spoken):
    """Refuse every request because its prompt or its answer was blocked by a filter, in the form that was asked for.

    Some vendors say it with an error, Gemini with an empty answer and a reason. Variants: OpenAI's `content_policy`,
    `refusal` (a 200 in which the model declines) and `output` (a 200 whose answer is kept back); Azure's `2023`,
    `refusal` and `output`; Anthropic's `refusal`; Gemini's `answer`.
    """

    failure_kind = "content_filtered"


FAULT = ContentFiltered
