"""Whoever speaks like OpenAI: Groq, OpenRouter, xAI, vLLM, and gateways that pass on what others said."""

from __future__ import annotations

from ..errors import Meaning
from .cohere import ROWS as COHERE
from .groq import ROWS as GROQ
from .openai import ROWS as OPENAI
from .openrouter import ROWS as OPENROUTER
from .row import Row, row
from .xai import ROWS as XAI

M = Meaning
ROWS: tuple[Row, ...] = (
    # vLLM's types are Python's exceptions; a model it doesn't serve is one of them
    row(M.MODEL, "model_unknown", codes="NotFoundError", words=r"The model `[^`]*` does not exist"),
    row(M.REQUEST, "context_length", codes="BadRequestError", words=r"This model's maximum context length is "),
    # DashScope: supersonic#1572, TradingAgents-CN#170
    row(M.ACCOUNT, "no_credit", codes="Arrearage"),
    # Fireworks, a 412 as a rule: pollinations#12136, wayland#545
    row(
        M.ACCOUNT,
        "no_credit",
        codes="PRECONDITION_FAILED",
        words=r"Account \S+ is suspended, possibly due to reaching the monthly spending limit",
    ),
    *XAI,
    *OPENAI,
    *GROQ,
    *OPENROUTER,
    *COHERE,
)
