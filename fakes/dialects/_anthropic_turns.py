"""What a conversation with Anthropic must be like: roles, blocks, and calls of tools with their results.

The words of most complaints are known from threads named where used; the rest is worded as the validator words it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ._anthropic_complaints import complain
from ._anthropic_signatures import holds

_TEXT_KEYS: Final = {"thinking": ("thinking", "signature"), "redacted_thinking": ("data",)}


@dataclass(slots=True)
class Conversation:
    """What the messages say: the last user content's text, letters in all, and how the conversation stands."""

    text: str = ""
    letters: int = 0
    answered: bool = False
    after_tool: bool = False


def read_messages(messages: list[Any], *, strict: bool = False) -> Conversation:
    """Read the messages as the vendor validates them; `strict` is its version 2026-10-21."""
    read = Conversation()
    open_calls: list[str] = []
    for index, message in enumerate(messages):
        where = f"messages.{index}"
        role = _role(message, where)
        if "content" not in message:
            complain(f"{where}.content: Field required")
        content = message["content"]
        text = content_text(content, f"{where}.content")
        blocks = content if isinstance(content, list) else []
        read.letters += len(text)
        if strict:
            _check_moved(blocks, role, f"{where}.content")
        if not content and (role == "user" or index < len(messages) - 1):  # BerriAI/litellm's users know these words
            complain(
                f"{where}: all messages must have non-empty content except for the optional final assistant message"
            )
        results = _check_results(blocks, open_calls, where) if role == "user" else set()
        if lost := [each for each in open_calls if each not in results]:
            _unanswered(index - 1, lost)
        open_calls = [] if role == "user" else _check_answer(blocks, where)
        read.after_tool = bool(results)
        if role == "assistant":
            read.answered = True
        elif text or not results:  # a turn that only brings a tool's result leaves the question standing
            read.text = text
    if open_calls:
        _unanswered(len(messages) - 1, open_calls)
    return read


def check_thinking_turn(messages: list[Any]) -> None:
    """With thinking on, the answer that a tool's result follows must begin with its thoughts.

    openai/openai-agents-python#678 and #1704.
    """
    if len(messages) < 2 or messages[-1]["role"] != "user" or messages[-2]["role"] != "assistant":
        return
    content = messages[-2]["content"]
    if not isinstance(content, list) or all(block["type"] != "tool_use" for block in content):
        return
    first = content[0]["type"]
    if first not in _TEXT_KEYS:
        complain(
            f"messages.{len(messages) - 2}.content.0.type: Expected `thinking` or `redacted_thinking`, but found "
            f"`{first[:40]}`. When `thinking` is enabled, a final `assistant` message must start with a thinking block "
            "(preceeding the lastmost set of `tool_use` and `tool_result` blocks). We recommend you include thinking "
            "blocks from previous turns. To avoid this requirement, disable `thinking`. Please consult our "
            "documentation at https://docs.claude.com/en/docs/build-with-claude/extended-thinking"
        )


def content_text(content: Any, where: str) -> str:
    """The text of a string or of text blocks."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        complain(f"{where}: Input should be a valid string or list")
    texts = []
    for place, block in enumerate(content):
        if not isinstance(block, dict):
            complain(f"{where}.{place}: Input should be a valid dictionary")
        kind = block.get("type")
        if not isinstance(kind, str):
            complain(f"{where}.{place}.type: Field required")
        if kind == "text":
            text = block.get("text")
            if not isinstance(text, str):
                complain(f"{where}.{place}.text.text: Field required")
            if not text:  # anthropics/claude-code#3003 and many others
                complain(f"{where.partition('.')[0]}: text content blocks must be non-empty")
            texts.append(text)
    return "\n".join(texts)


def _role(message: Any, where: str) -> str:
    if not isinstance(message, dict):
        complain(f"{where}: Input should be a valid dictionary")
    role = message.get("role")
    if role == "system":
        complain(
            'messages: Unexpected role "system". The Messages API accepts a top-level `system` parameter, not '
            '"system" as an input message role.'
        )
    if role not in ("user", "assistant"):
        complain(f"{where}.role: Input should be 'user' or 'assistant'" if role else f"{where}.role: Field required")
    return str(role)


def _check_moved(blocks: list[Any], role: str, where: str) -> None:
    """What version 2026-10-21 takes no more (platform.claude.com, migration-2026-10-21); the words are a default."""
    for place, block in enumerate(blocks):
        if role == "assistant" and block["type"] == "document":
            complain(f"{where}.{place}: `document` blocks are not permitted in assistant messages")
        if role == "user" and block.get("citations") and block["type"] == "text":
            complain(f"{where}.{place}.text.citations: Extra inputs are not permitted")


def _check_answer(blocks: list[Any], where: str) -> list[str]:
    """The ids of the tools that an assistant's message calls; its thoughts must be as they were given."""
    calls = []
    for place, block in enumerate(blocks):
        here = f"{where}.content.{place}"
        for key in _TEXT_KEYS.get(block["type"], ()):
            if not isinstance(block.get(key), str):
                complain(f"{here}.{block['type']}.{key}: Field required")
        if block["type"] == "thinking" and not holds(block["thinking"], block["signature"]):
            complain(f"{here}: Invalid `signature` in `thinking` block")
        if block["type"] == "tool_use":
            calls.append(_call_id(block, here))
    return calls


def _call_id(block: Mapping[str, Any], here: str) -> str:
    for key, kind, wanted in (("id", str, "string"), ("name", str, "string"), ("input", dict, "dictionary")):
        if key not in block:
            complain(f"{here}.tool_use.{key}: Field required")
        if not isinstance(block[key], kind):
            complain(f"{here}.tool_use.{key}: Input should be a valid {wanted}")
    return str(block["id"])


def _check_results(blocks: list[Any], open_calls: list[str], where: str) -> set[str]:
    """The ids of the calls whose results a user's message brings (anthropics/claude-code#18947)."""
    found = set()
    for place, block in enumerate(blocks):
        if block["type"] != "tool_result":
            continue
        here = f"{where}.content.{place}"
        call = block.get("tool_use_id")
        if not isinstance(call, str):
            complain(f"{here}.tool_result.tool_use_id: Field required")
        if call not in open_calls:
            complain(
                f"{here}: unexpected `tool_use_id` found in `tool_result` blocks: {call[:200]}. Each `tool_result` "
                "block must have a corresponding `tool_use` block in the previous message."
            )
        found.add(call)
    return found


def _unanswered(index: int, calls: list[str]) -> None:
    # anthropics/claude-code#8612, OpenHands/OpenHands#7512
    complain(
        f"messages.{index}: `tool_use` ids were found without `tool_result` blocks immediately after: "
        f"{', '.join(calls)[:1000]}. Each `tool_use` block must have a corresponding `tool_result` block in the next "
        "message."
    )
