"""What OpenAI's API says when it refuses, row by row, each with where it was seen.

Statuses, types, codes and messages: OpenAI's error guide and the threads named. Rows marked "default" are common
knowledge without a capture: their words are a guess, so nothing should match on them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

_INVALID: Final = "invalid_request_error"
_QUOTA: Final = (
    "You exceeded your current quota, please check your plan and billing details. For more information on this "
    "error, read the docs: https://platform.openai.com/docs/guides/error-codes/api-errors."
)


@dataclass(frozen=True, slots=True)
class Row:
    """A failure: its status and the four fields of its body, with blanks for what the request says."""

    status: int
    type: str
    code: str | int | None
    message: str
    param: str | None = None


ROWS: Final[Mapping[str, Row]] = MappingProxyType(
    {
        # BerriAI/litellm#1356; the key is shown as its first 8 and last 4 letters
        "bad_key": Row(
            401,
            _INVALID,
            "invalid_api_key",
            "Incorrect API key provided: {masked}. You can find your API key at "
            "https://platform.openai.com/account/api-keys.",
        ),
        "missing_key": Row(
            401,
            _INVALID,
            None,
            "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer "
            "auth (i.e. Authorization: Bearer YOUR_KEY), or as the password field (with blank username) if you're "
            "accessing the API from your browser and are prompted for a username and password. You can obtain an API "
            "key from https://platform.openai.com/account/api-keys.",
        ),
        # nat/openplayground#143, songquanpeng/one-api#271
        "org_disabled": Row(
            401,
            _INVALID,
            "account_deactivated",
            "The OpenAI account associated with this API key has been deactivated. If you are the developer for this "
            "OpenAI app, please check your email for more information. If you are seeing this error while using "
            "another app or site, please reach out to them for more help.",
        ),
        # subscription tokens; ztjhz/BetterChatGPT#419
        "oauth_expired": Row(
            401, _INVALID, "token_expired", "Your authentication token has expired. Please try signing in again."
        ),
        # subscription tokens (Codex); NousResearch/hermes-agent#44799
        "oauth_revoked": Row(
            401,
            _INVALID,
            "token_invalidated",
            "Your authentication token has been invalidated. Please try signing in again.",
        ),
        # Aider-AI/aider#1903, continuedev/continue#10120
        "permission_denied": Row(
            403, _INVALID, "model_not_found", "Project `{project}` does not have access to model `{model}`"
        ),
        # home-assistant/core#120072
        "region_blocked": Row(
            403,
            "request_forbidden",
            "unsupported_country_region_territory",
            "Country, region, or territory not supported",
        ),
        # FoundationAgents/MetaGPT#523
        "rate_limited": Row(
            429,
            "{counted}",
            "rate_limit_exceeded",
            "Rate limit reached for {model} in organization {organization} on {counted} per min ({short}): "
            "Limit {ceiling}, Used {used}, Requested {requested}.{again} "
            "Visit https://platform.openai.com/account/rate-limits to learn more.",
        ),
        # openai/openai-agents-js#1022
        "daily_limited": Row(
            429,
            "{counted_daily}",
            "rate_limit_exceeded",
            "Rate limit reached for {model} in organization {organization} on {counted_daily} per day ({short_daily}): "
            "Limit {ceiling_daily}, Used {used_daily}, Requested {requested_daily}.{again} "
            "Visit https://platform.openai.com/account/rate-limits to learn more.",
        ),
        # Aider-AI/aider#1880, continuedev/continue#11717
        "request_over_limit": Row(
            429,
            "tokens",
            "rate_limit_exceeded",
            "Request too large for {model} in organization {organization} on tokens per min (TPM): "
            "Limit {ceiling}, Requested {over_ceiling}. The input or output tokens must be reduced in order "
            "to run successfully. Visit https://platform.openai.com/account/rate-limits to learn more.",
        ),
        # type and code: the error guide; the words are a default
        "ramp_limited": Row(
            429,
            "rate_limit_error",
            "slow_down",
            "Your request rate increased too quickly. Please slow down and increase it gradually.",
        ),
        # subscription tokens (Codex); router-for-me/CLIProxyAPI#1666, james-6-23/codex2api#9
        "window_drained": Row(429, "usage_limit_reached", None, "The usage limit has been reached"),
        # the code since 2026: help.openai.com/en/articles/6614457; the words: langchain-ai/langchainjs#1929
        "quota_exhausted": Row(429, "insufficient_quota", "credit_balance_exhausted", _QUOTA),
        # developers.openai.com, the guide on spend limits
        "spend_capped": Row(429, "insufficient_quota", "organization_spend_limit_exceeded", _QUOTA),
        "tier_capped": Row(429, "insufficient_quota", "organization_usage_limit_exceeded", _QUOTA),
        # default
        "billing_problem": Row(
            429, "insufficient_quota", "billing_hard_limit_reached", "Billing hard limit has been reached"
        ),
        "overloaded": Row(
            503,
            "service_unavailable_error",
            "server_is_overloaded",
            "Our servers are currently overloaded. Please try again later.",
        ),
        "server_error": Row(
            500,
            "server_error",
            None,
            "The server had an error while processing your request. Sorry about that!",
        ),
        # stanfordnlp/dspy#203; the code is a number
        "bad_gateway": Row(502, "cf_bad_gateway", 502, "Bad gateway."),
        # what these say inside a stream, where no page can stand
        "bad_gateway_page": Row(502, "server_error", None, "Bad gateway."),
        "edge_page": Row(520, "server_error", None, "Web server is returning an unknown error"),
        "error_in_200": Row(
            200,
            "server_error",
            "server_error",
            "The server had an error while processing your request. Sorry about that!",
        ),
        "model_not_found": Row(
            404,
            _INVALID,
            "model_not_found",
            "The model `{model}` does not exist or you do not have access to it.",
        ),
        # default
        "model_retired": Row(
            404,
            _INVALID,
            "model_not_found",
            "The model `{model}` has been deprecated, learn more here: https://platform.openai.com/docs/deprecations",
        ),
        # mckaywrigley/chatbot-ui#102
        "context_too_long": Row(
            400,
            _INVALID,
            "context_length_exceeded",
            "This model's maximum context length is {maximum} tokens. However, your messages resulted in {prompted} "
            "tokens. Please reduce the length of the messages.",
            param="messages",
        ),
        # tailcallhq/forgecode#1185, opencode-ai/opencode#140
        "max_tokens_too_high": Row(
            400,
            _INVALID,
            "invalid_value",
            "max_tokens is too large: {asked_tokens}. This model supports at most {most_tokens} completion tokens, "
            "whereas you provided {asked_tokens}.",
            param="max_tokens",
        ),
        # BerriAI/litellm#13381
        "unsupported_parameter": Row(
            400,
            _INVALID,
            "unsupported_parameter",
            "Unsupported parameter: '{param}' is not supported with this model.{use}",
            param="{param}",
        ),
        # the code: BerriAI/litellm's exception map; the words after "flagged" are a default
        "content_filtered": Row(
            400,
            _INVALID,
            "invalid_prompt",
            "Invalid prompt: your prompt was flagged as potentially violating our usage policy. Please try again with "
            "a different prompt.",
        ),
        "bad_request": Row(400, _INVALID, None, "Invalid request."),
        "unknown_url": Row(404, _INVALID, None, "Invalid URL ({method} {path})"),
        "wrong_method": Row(
            405,
            _INVALID,
            "method_not_supported",
            "Not allowed to {method} on {path}. (HINT: Perhaps you meant to use a different HTTP method?)",
        ),
        # no capture found; the envelope is the vendor's, the words are ours
        "request_too_large": Row(413, _INVALID, "request_too_large", "The request body is too large."),
    }
)
VARIANTS: Final[Mapping[tuple[str, str], Row]] = MappingProxyType(
    {
        # the error guide's other 401s
        ("bad_key", "not_a_member"): Row(401, _INVALID, None, "You must be a member of an organization to use the API"),
        ("bad_key", "ip_not_authorized"): Row(401, _INVALID, "ip_not_authorized", "IP not authorized"),
        # the token endpoint; NousResearch/hermes-agent#5612
        ("oauth_revoked", "refresh_token_reused"): Row(
            401,
            _INVALID,
            "refresh_token_reused",
            "Your refresh token has already been used to generate a new access token. Please try signing in again.",
        ),
        # as it was until 2026, and without a code in 2023; langchain-ai/langchainjs#1929
        ("quota_exhausted", "classic"): Row(429, "insufficient_quota", "insufficient_quota", _QUOTA),
        ("quota_exhausted", "2023"): Row(429, "insufficient_quota", None, _QUOTA),
        ("spend_capped", "project"): Row(429, "insufficient_quota", "project_spend_limit_exceeded", _QUOTA),
        # what it said, as 429, before 2026 (and still does of videos): the error guide
        ("overloaded", "429"): Row(
            429,
            "service_unavailable_error",
            "server_is_overloaded",
            "Our servers are currently overloaded. Please try again later.",
        ),
        # the Responses API until September 2026 (BerriAI/litellm#39457); the words are a default
        ("model_not_found", "400"): Row(
            400, _INVALID, "model_not_found", "The requested model '{model}' does not exist.", param="model"
        ),
        # what was one code until 2026, for whoever looks for the old one; langchain-ai/langchainjs#1929
        ("spend_capped", "classic"): Row(429, "insufficient_quota", "insufficient_quota", _QUOTA),
        ("tier_capped", "classic"): Row(429, "insufficient_quota", "insufficient_quota", _QUOTA),
        # images; default
        ("billing_problem", "400"): Row(
            400, "invalid_request_error", "billing_hard_limit_reached", "Billing hard limit has been reached"
        ),
        # the error guide
        ("bad_request", "above_maximum"): Row(
            400,
            _INVALID,
            "decimal_above_max_value",
            "Invalid 'temperature': decimal above maximum value. Expected a value <= 2, but got 200 instead.",
            param="temperature",
        ),
        ("overloaded", "engine"): Row(
            503, "server_error", None, "The engine is currently overloaded, please try again later"
        ),
        # ChatGPTNextWeb/NextChat#3195
        ("context_too_long", "completion"): Row(
            400,
            _INVALID,
            "context_length_exceeded",
            "This model's maximum context length is {maximum} tokens. However, you requested {prompted_whole} tokens "
            "({in_messages} in the messages, {in_completion} in the completion). Please reduce the length of the "
            "messages or completion.",
            param="messages",
        ),
        # the Responses API's words; no router's list of substrings has them
        ("context_too_long", "responses"): Row(
            400,
            _INVALID,
            "context_length_exceeded",
            "Your input exceeds the context window of this model. Please adjust your input and try again.",
            param="input",
        ),
        # an answer of the model's, and one that is kept back: `_openai_in_200.py`
        ("content_filtered", "refusal"): Row(200, _INVALID, None, "I'm sorry, but I can't help with that."),
        ("content_filtered", "output"): Row(200, _INVALID, None, "The answer was kept back."),
        ("content_filtered", "content_policy"): Row(
            400,
            _INVALID,
            "content_policy_violation",
            "Your request was rejected as a result of our safety system.",
        ),
        # the error guide
        ("bad_request", "service_tier"): Row(
            400,
            _INVALID,
            None,
            "Invalid service_tier argument: The requested service tier is not allowed for this project.",
            param="service_tier",
        ),
        # the code: BerriAI/litellm's exception map; the words before "could" are a default
        ("bad_request", "encrypted_reasoning"): Row(
            400, _INVALID, "invalid_encrypted_content", "The encrypted content could not be verified."
        ),
    }
)
"""Other words for a kind, asked for by the detail `variant`."""
