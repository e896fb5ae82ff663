"""Azure OpenAI's failures: its own gateway's words, and OpenAI's for what the model behind it says.

Statuses, codes and messages: the threads named in each row. Rows without one follow the vendor's envelope and usual
words, which were not seen in a capture.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from . import _ids
from ._failure_table import FailureTable, Row, json_reply, seconds, wait_headers
from ._openai_failures import RESPONSES
from .base import Ask, Headers, Reply

API_VERSION: Final = "2024-10-21"
REGION: Final = "East US 2"
REQUESTS_PER_MINUTE: Final = 10_000
TOKENS_PER_MINUTE: Final = 1_000_000
_INVALID: Final = "invalid_request_error"
_SAFE: Final = {"filtered": False, "severity": "safe"}
_DENIED: Final = Row(
    401,
    "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an "
    "active subscription and use a correct regional API endpoint for your resource.",
    code="401",
)

TABLE: Final = FailureTable(
    "Azure OpenAI",
    {
        "bad_key": _DENIED,
        "missing_key": _DENIED,
        # a token of Entra ID; the body has no `error`: langchain-ai/langchain#17373
        "oauth_expired": Row(
            401,
            "Unauthorized. Access token is missing, invalid, audience is incorrect "
            "(https://cognitiveservices.azure.com), or have expired.",
        ),
        # a token of Entra ID without the role; microsoft/PromptWizard#18
        "permission_denied": Row(401, "Principal does not have access to API/Operation.", code="PermissionDenied"),
        # an address that the resource's firewall does not let in; Azure-Samples/azure-sql-db-chatbot#3
        "region_blocked": Row(403, "Access denied due to Virtual Network/Firewall rules.", code="403"),
        # a long answer that isn't streamed; langgenius/dify-official-plugins#2199
        "timeout": Row(408, "The operation was timeout.", code="Timeout"),
        # the code is a string, and the wait may be a day for a limit a minute; jasonacox/TinyLLM#17
        "rate_limited": Row(
            429,
            "Requests to the {operation} Operation under Azure OpenAI API version {api_version} have "
            "exceeded {counted} rate limit of your current OpenAI S0 pricing tier. Please retry after {wait} seconds. "
            "Please go here: https://aka.ms/oai/quotaincrease if you would like to further increase the default rate "
            "limit.",
            code="429",
            waits=True,
        ),
        # the standard tier at peak load; pollinations/pollinations#6260
        "overloaded": Row(
            429,
            "The system is currently experiencing high demand and cannot process your request. Your request exceeds "
            "the maximum usage size allowed during peak load. For improved capacity reliability, consider switching "
            "to Provisioned Throughput.",
            code="429",
            waits=True,
        ),
        # the code: LiteLLM 1.106 matches on it
        "model_not_found": Row(
            404,
            "The API deployment for this resource does not exist. If you created the deployment within the last 5 "
            "minutes, please wait a moment and try again.",
            code="DeploymentNotFound",
        ),
        # what is left of a deployment whose model was retired; BerriAI/litellm#11116
        "model_retired": Row(404, "Resource not found", code="404"),
        # charmbracelet/catwalk#41, stanfordnlp/dspy#8724
        "max_tokens_too_high": Row(
            400,
            "max_tokens is too large: {asked_tokens}. This model supports at most {most_tokens} completion tokens, "
            "whereas you provided {asked_tokens}.",
            _INVALID,
            "invalid_value",
            "max_tokens",
        ),
        # openai/openai-python#331, compl-ai/compl-ai#20
        "content_filtered": Row(
            400,
            "The response was filtered due to the prompt triggering Azure OpenAI's content management policy. Please "
            "modify your prompt and retry. To learn more about our content filtering policies please read our "
            "documentation: https://go.microsoft.com/fwlink/?linkid=2198766",
            code="content_filter",
            param="prompt",
        ),
        # anomalyco/opencode#37964
        "unsupported_parameter": Row(
            400,
            "Unsupported parameter: '{param}' is not supported with this model.{use}",
            _INVALID,
            "unsupported_parameter",
            "max_tokens",
        ),
        "context_too_long": Row(
            400,
            "This model's maximum context length is {maximum} tokens. However, your messages resulted in {requested} "
            "tokens. Please reduce the length of the messages.",
            _INVALID,
            "context_length_exceeded",
            "messages",
        ),
        "bad_request": Row(400, "Invalid request.", _INVALID),
        "unknown_url": Row(404, "Resource not found", code="404"),
        "wrong_method": Row(405, "Method not allowed", code="405"),
        "request_too_large": Row(413, "The request body is too large.", code="413"),
        "server_error": Row(
            500, "The server had an error while processing your request. Sorry about that!", "server_error"
        ),
    },
    {
        "api_version": API_VERSION,
        "maximum": "128000",
        "requested": "131072",
        "operation": "ChatCompletions_Create",
        "param": "max_tokens",
        "asked_tokens": "20000",
        "most_tokens": "16384",
    },
    {
        # as it was in 2023, with a typographer's apostrophe and no inner error; openai/openai-python#331
        ("content_filtered", "2023"): Row(
            400,
            "The response was filtered due to the prompt triggering Azure OpenAI\u2019s content management policy. "
            "Please modify your prompt and retry. To learn more about our content filtering policies please read our "
            "documentation: https://go.microsoft.com/fwlink/?linkid=2198766",
            code="content_filter",
            param="prompt",
        ),
        # an answer of the model's, and one that is kept back: `_openai_in_200.py`
        ("content_filtered", "refusal"): Row(200, "I'm sorry, but I can't help with that.", _INVALID),
        ("content_filtered", "output"): Row(200, "The answer was kept back.", _INVALID),
        # a deployment inside a virtual network that is called by its public name; continuedev/continue#12547
        ("region_blocked", "virtual_network"): Row(
            403,
            "A Virtual Network is configured for this resource. Please use the correct endpoint for making requests. "
            "Check https://aka.ms/cogsvc-vnet for more details.",
            code="403",
        ),
    },
)


def filters(*, jailbreak: bool = False) -> dict[str, Any]:
    """What the content filters found: nothing. Prompts are also looked at for a `jailbreak`."""
    found: dict[str, Any] = {"hate": _SAFE}
    if jailbreak:
        found["jailbreak"] = {"filtered": False, "detected": False}
    return {**found, "self_harm": _SAFE, "sexual": _SAFE, "violence": _SAFE}


def found(finish: str) -> dict[str, Any]:
    """What they found in an answer that ended so: nothing, unless it was kept back."""
    return {**filters(), "violence": {"filtered": True, "severity": "high"}} if finish == "filter" else filters()


def body(kind: str, details: Mapping[str, Any]) -> dict[str, Any]:
    """The failure's body. `details` may replace `message`, `type`, `code` and `param`, and fill in the message."""
    row = TABLE.row(kind, details)
    counted = "call" if details.get("limit") == "requests" else "token"
    filled = {"counted": counted, "wait": str(math.ceil(seconds(details, 60))), "use": _use(details)}
    ask = details.get("ask")
    if isinstance(ask, Ask) and ask.operation == "embeddings":
        filled["operation"] = "Embeddings_Create"
    message = TABLE.message(kind, details, **filled)
    if kind == "oauth_expired":
        return {"statusCode": 401, "message": message}
    code = details.get("code", row.code)
    if kind == "content_filtered":
        found = {**filters(jailbreak=True), "jailbreak": {"filtered": True, "detected": True}}
        inner = {"code": "ResponsibleAIPolicyViolation", "content_filter_result": found}
        error = {"message": message, "type": None, "param": row.param, "code": code, "status": 400}
        return {"error": error if details.get("variant") == "2023" else {**error, "innererror": inner}}
    if row.type is None:
        return {"error": {"code": code, "message": message}}
    param = details.get("param", row.param)
    return {"error": {"message": message, "type": details.get("type", row.type), "param": param, "code": code}}


def _use(details: Mapping[str, Any]) -> str:
    """What an unsupported parameter's refusal says to use in its place, if it says so."""
    if "param" in details and "instead" not in details:
        return ""
    return f" Use '{details.get('instead', 'max_completion_tokens')}' instead."


def reply(kind: str, details: Mapping[str, Any], id_seed: int) -> Reply:
    """The failure as a response; a wait stands in two headers, in seconds and in milliseconds."""
    row = TABLE.row(kind, details)
    headers = response_headers(id_seed)
    if details.get("api") == RESPONSES and kind == "rate_limited":
        return json_reply(row.status, body(kind, details), headers + NO_LIMITS)
    if kind == "rate_limited":
        headers += _drained(details)
    headers += wait_headers(row, details)
    wait = seconds(details, 0)
    if row.waits and wait:
        headers.append(("retry-after-ms", str(round(wait * 1000))))
    return json_reply(row.status, body(kind, details), headers)


def response_headers(id_seed: int) -> Headers:
    """The headers that every answer of the API carries, rate limits apart."""
    return [
        ("apim-request-id", _ids.uuid(id_seed, "apim")),
        ("x-request-id", _ids.uuid(id_seed, "request")),
        ("x-ms-region", REGION),
        ("x-content-type-options", "nosniff"),
    ]


def limits(tokens: int) -> Headers:
    """Rate-limit headers of a request that took `tokens` out of full buckets; resets are whole seconds."""
    return _limits(REQUESTS_PER_MINUTE - 1, max(0, TOKENS_PER_MINUTE - tokens), 1, math.ceil(60 * tokens / 1e6))


NO_LIMITS: Final[Headers] = [
    ("x-ratelimit-remaining-requests", "-1"),
    ("x-ratelimit-remaining-tokens", "-1"),
    ("x-ratelimit-reset-tokens", "0"),
]
"""What the Responses API says of limits, also when one was hit; learn.microsoft.com/answers/questions/5625878."""


def _drained(details: Mapping[str, Any]) -> Headers:
    wait = math.ceil(seconds(details, 60))
    if details.get("limit") == "requests":
        return _limits(0, TOKENS_PER_MINUTE, wait, 0)
    return _limits(REQUESTS_PER_MINUTE - 1, 0, 1, wait)


def _limits(requests: int, tokens: int, requests_reset_s: int, tokens_reset_s: int) -> Headers:
    return [
        ("x-ratelimit-limit-requests", str(REQUESTS_PER_MINUTE)),
        ("x-ratelimit-limit-tokens", str(TOKENS_PER_MINUTE)),
        ("x-ratelimit-remaining-requests", str(requests)),
        ("x-ratelimit-remaining-tokens", str(tokens)),
        ("x-ratelimit-reset-requests", str(requests_reset_s)),
        ("x-ratelimit-reset-tokens", str(tokens_reset_s)),
    ]
