"""The abstraction: what the router needs of a provider. Subclass it for anything that can answer."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import inspect
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from .messages import Chunk, LLMRequest, LLMResponse
from .profile import Profile

THREADS_MAX = 64
"""Threads of one provider whose `generate` isn't asynchronous: its attempts at once; further ones wait their turn."""


@dataclass(frozen=True, slots=True)
class AttemptLimits:
    """How long one attempt may take, in seconds; the core keeps `answer_s` and `first_token_s` itself."""

    connect_s: float = 1.0
    first_token_s: float = 2.0
    between_tokens_s: float = 5.0
    answer_s: float = 60.0


class LLMProvider(ABC):
    """One upstream: an account at a vendor, a deployment, or anything else that answers.

    Attributes:
        name: Its name in metrics, headers and errors; unique within a router.
        dialect: Which API it speaks, for traces; empty if it is nobody's.
        model: The model that is asked for unless the request says otherwise.
        credential: Which of a pool's credentials it holds (the name of its variable or file, never the credential
            itself); empty if there is only one.
        profile: What its operator says about it.
    """

    name: str = ""
    dialect: str = ""
    model: str = ""
    credential: str = ""
    profile: Profile = Profile()
    _threads: ThreadPoolExecutor | None = None

    def __init_subclass__(cls, **more: Any) -> None:
        """Lets a provider be written as plainly as it can be: without limits to heed, or without `async`."""
        super().__init_subclass__(**more)
        if "name" not in vars(cls) and not cls.name:
            cls.name = cls.__name__
        if inspect.iscoroutinefunction(vars(cls).get("is_available")):
            raise TypeError(f"{cls.__name__}.is_available is asked before every attempt: it can't be asynchronous")
        generate = vars(cls).get("generate")
        if inspect.isfunction(generate) and not getattr(generate, "__isabstractmethod__", False):
            cls.generate = _as_asked(generate)  # type: ignore[method-assign]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}, model {self.model!r}>"

    def upstream_model(self, request: LLMRequest) -> str:  # noqa: ARG002 - for providers that serve more than one
        """The model that this request asks for here."""
        return self.model

    def offers(self) -> Mapping[str, str]:
        """Models that callers may name here, each with the model that is asked for then."""
        return {self.model: self.model} if self.model else {}

    def serves(self, operation: str) -> bool:
        """Whether it can be asked for this at all: `chat`, `embeddings` or `service` (see `LLMRequest`)."""
        return operation != "service"

    @abstractmethod
    async def generate(self, request: LLMRequest, limits: AttemptLimits) -> LLMResponse:
        """Answer at once.

        Raises:
            AttemptFailed: With what the failure means.
        """

    def stream(self, request: LLMRequest, limits: AttemptLimits) -> AsyncIterator[list[Chunk]]:
        """Answer piece by piece: lists of `chat.completion.chunk` objects, as many as arrived together.

        The default answers in one piece. An iterator that ends without an error says that the answer is complete.

        Raises:
            AttemptFailed: With what the failure means; while iterating.
        """
        return self._in_one_piece(request, limits)

    def is_available(self) -> bool:
        """Whether it can be asked at all, for instance because it has a key. The breaker is another matter."""
        return True

    async def aclose(self) -> None:
        """Free what it holds."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
            object.__setattr__(self, "_threads", None)

    def _own_threads(self) -> ThreadPoolExecutor:
        # Its own: where all share some, one that hangs takes them from the others.
        if self._threads is None:
            most = min(self.profile.concurrency_max or THREADS_MAX, THREADS_MAX)
            made = ThreadPoolExecutor(most, thread_name_prefix=f"provider {self.name}")
            object.__setattr__(self, "_threads", made)  # a user's class may be frozen
            return made
        return self._threads

    async def _in_one_piece(self, request: LLMRequest, limits: AttemptLimits) -> AsyncIterator[list[Chunk]]:
        response = await self.generate(request, limits)
        head = {"id": f"chatcmpl-{self.name}", "object": "chat.completion.chunk", "created": 0, "model": response.model}
        delta = {"role": "assistant", "content": response.content}
        if response.tool_calls:
            delta["tool_calls"] = [{"index": i, **call} for i, call in enumerate(response.tool_calls)]  # type: ignore[assignment]
        finish = response.finish_reason or "stop"
        yield [
            {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]},
            {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": finish}]},
        ]


def _as_asked(generate: Callable[..., Any]) -> Callable[..., Any]:
    """`generate(self, request)` as `generate(self, request, limits)`; one that isn't asynchronous gets a thread."""
    parameters = [each.kind for each in inspect.signature(generate).parameters.values()]
    many = inspect.Parameter.VAR_POSITIONAL in parameters
    takes_limits = many or len([kind for kind in parameters if kind is not inspect.Parameter.KEYWORD_ONLY]) > 2
    is_async = inspect.iscoroutinefunction(generate)
    if takes_limits and is_async:
        return generate

    @functools.wraps(generate)
    async def asked(self: LLMProvider, request: LLMRequest, limits: AttemptLimits | None = None) -> LLMResponse:
        arguments = (request, limits or AttemptLimits()) if takes_limits else (request,)
        if is_async:
            answer = await generate(self, *arguments)
        else:
            context = contextvars.copy_context()
            call = functools.partial(context.run, generate, self, *arguments)
            answer = await asyncio.get_running_loop().run_in_executor(self._own_threads(), call)
            if inspect.isawaitable(answer):
                answer = await answer
        if not isinstance(answer, LLMResponse):
            raise TypeError(f"{type(self).__name__}.generate gave {type(answer).__name__}, expected an LLMResponse")
        return answer

    return asked
