"""The signatures that Gemini 3 and later models put on their function calls, and want back with a call's result.

A router that keeps histories in another vendor's format loses them, and with them the conversation.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any, Final

from . import _ids
from ._gemini_complaints import complain, field, listing

_SIGNING: Final = re.compile(r"gemini-(?:[3-9]|\d\d)")
_SIGNATURES_ACCEPTED: Final = frozenset({"context_engineering_is_the_way_to_go", "skip_thought_signature_validator"})
"""What the vendor documents for histories of other models (ai.google.dev, "Thought signatures")."""


def signs_calls(model: str) -> bool:
    """Whether the model signs its function calls."""
    return _SIGNING.match(model) is not None


def signature(id_seed: int) -> str:
    """A signature: base64 that means nothing."""
    return base64.b64encode(_ids.hexadecimal(id_seed, "signature", 96).encode()).decode()


def check(contents: list[Any]) -> None:
    """Each step of the current turn must bring back the signature of its first function call (BerriAI/litellm#16893).

    The turn begins after the last user content that has something else than results.
    """
    for index in range(len(contents) - 1, -1, -1):
        content = contents[index]
        parts = listing(content.get("parts"))
        if content.get("role") != "model":
            if any(field(part, "functionResponse") is None for part in parts):
                return
            continue
        call = next((part for part in parts if field(part, "functionCall") is not None), None)
        if call is not None:
            _check_part(call, index + 1)


def _check_part(part: Mapping[str, Any], position: int) -> None:
    given = field(part, "thoughtSignature")
    if not given:
        call = field(part, "functionCall")
        name = call.get("name") if isinstance(call, dict) else None
        complain(
            "Function call is missing a thought_signature in functionCall parts. This is required for tools to work "
            "correctly, and missing thought_signature may lead to degraded model performance. Additional data, "
            f"function call `default_api:{name}` , position {position}. Please refer to "
            "https://ai.google.dev/gemini-api/docs/thought-signatures for more details."
        )
    try:
        if given not in _SIGNATURES_ACCEPTED:
            base64.b64decode(str(given).replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError, TypeError):  # anomalyco/opencode#4832
        complain("Corrupted thought signature.")
