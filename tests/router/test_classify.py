"""The failure table against wire literals."""

# ruff: noqa: E501 - a truth table reads best with a row a line

from __future__ import annotations

from typing import Any

import pytest
from banstorm.router.classify import Position, classify, parse_error_body, reasons, redact
from banstorm.router.errors import Meaning
from banstorm.router.failures import rows_for
from banstorm.router.providers import dialects

A, C, MO, R, U, L, T = (
    Meaning.ACCOUNT,
    Meaning.CREDENTIAL,
    Meaning.MODEL,
    Meaning.REQUEST,
    Meaning.UNFIT,
    Meaning.LIMITED,
    Meaning.TRANSIENT,
)


def anthropic(kind: str, message: str = "", code: str | None = None) -> dict[str, Any]:
    """Anthropic's envelope."""
    error: dict[str, Any] = {"type": kind, "message": message}
    if code:
        error["details"] = {"error_code": code}
    return {"type": "error", "error": error, "request_id": "req_1"}


def openai(kind: str | None, code: Any, message: str = "", param: str | None = None) -> dict[str, Any]:
    """OpenAI's envelope."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def google(status: str, message: str, reason: str | None = None) -> dict[str, Any]:
    """Google's envelope."""
    details = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason}] if reason else []
    return {"error": {"code": 400, "message": message, "status": status, "details": details}}


def xai(code: str, error: str) -> dict[str, Any]:
    """The envelope of xAI."""
    return {"code": code, "error": error}


NO_LEAVE = "The caller does not have permission to execute the specified operation"
INVALID = "invalid_request_error"
QUOTA = "You exceeded your current quota, please check your plan and billing details."

# dialect, status, body, meaning, reason
TRUTH: list[tuple[str, int, Any, Meaning, str]] = [
    # Anthropic: bans and money come as 400
    ("anthropic", 400, anthropic(INVALID, "This organization has been disabled."), A, "org_disabled"),
    ("anthropic", 400, anthropic(INVALID, "This organization has been disabled.", "organization_on_hold"), A, "org_disabled"),
    ("anthropic", 400, anthropic(INVALID, "Your credit balance is too low to access the Anthropic API."), A, "no_credit"),
    ("anthropic", 400, anthropic(INVALID, "You have reached your specified API usage limits. You will regain"), A, "spend_limit"),
    ("anthropic", 400, anthropic(INVALID, "You have reached your specified workspace API usage limits"), A, "spend_limit"),
    ("anthropic", 400, anthropic(INVALID, "You're out of extra usage. Add more"), A, "no_credit"),
    ("anthropic", 400, anthropic(INVALID, "This credential is only authorized for use with Claude Code and"), C, "oauth_third_party"),
    ("anthropic", 400, anthropic(INVALID, "Third-party apps now draw from your extra usage, not"), C, "oauth_third_party"),
    ("anthropic", 402, anthropic("billing_error", "pay"), A, "no_credit"),
    ("anthropic", 401, anthropic("authentication_error", "invalid x-api-key"), C, "bad_key"),
    ("anthropic", 401, anthropic("authentication_error", "OAuth token has expired. Please obtain a new"), C, "oauth_expired"),
    ("anthropic", 401, anthropic("authentication_error", "OAuth authentication is currently not supported."), C, "bad_key"),
    ("anthropic", 403, anthropic("permission_error", "OAuth token has been revoked. Please obtain"), C, "oauth_revoked"),
    ("anthropic", 403, anthropic("permission_error", "Your API key does not have permission to use"), C, "permission_denied"),
    ("anthropic", 403, {"error": {"type": "forbidden", "message": "Request not allowed"}}, A, "region_blocked"),
    ("anthropic", 429, anthropic("rate_limit_error", "This request would exceed your organization's rate limit"), L, "rate_limited"),
    ("anthropic", 429, anthropic("rate_limit_error", "", "ramp_limit_exceeded"), L, "rate_limited"),
    ("anthropic", 429, anthropic("rate_limit_error", "", "enforced_spend_limit_reached"), A, "spend_limit"),
    ("anthropic", 429, anthropic("rate_limit_error", "", "contract_spend_limit_reached"), A, "spend_limit"),
    ("anthropic", 429, anthropic("rate_limit_error", "Extra usage is required for long context requests."), U, "long_context_costs_extra"),
    ("anthropic", 529, anthropic("overloaded_error", "Overloaded"), T, "overloaded"),
    ("anthropic", 500, anthropic("api_error", "Internal server error"), T, "server_error"),
    ("anthropic", 504, anthropic("timeout_error", ""), T, "timeout_upstream"),
    ("anthropic", 404, anthropic("not_found_error", "model: claude-2"), MO, "model_unknown"),
    ("anthropic", 400, anthropic(INVALID, "prompt is too long: 1036683 tokens > 1000000 maximum"), R, "context_length"),
    ("anthropic", 400, anthropic(INVALID, "max_tokens: 21333 > 4096, which is the maximum allowed"), U, "max_tokens_above_cap"),
    ("anthropic", 400, anthropic(INVALID, "messages.0.content: field required"), R, "invalid_request"),
    ("anthropic", 400, anthropic(INVALID, "Output blocked by content filtering policy"), R, "content_policy"),
    ("anthropic", 413, {"error": {"type": "request_too_large", "message": "Request exceeds the maximum size"}}, R, "body_too_large"),
    # OpenAI: a 429 is three things
    ("openai", 429, openai("insufficient_quota", "insufficient_quota", QUOTA), A, "no_credit"),
    ("openai", 429, openai("insufficient_quota", None, QUOTA), A, "no_credit"),
    ("openai", 429, openai("insufficient_quota", "credit_balance_exhausted"), A, "no_credit"),
    ("openai", 429, openai("insufficient_quota", "organization_spend_limit_exceeded"), A, "spend_limit"),
    ("openai", 429, openai("insufficient_quota", "project_spend_limit_exceeded"), A, "spend_limit"),
    ("openai", 429, openai("insufficient_quota", "organization_usage_limit_exceeded"), A, "spend_limit"),
    ("openai", 429, openai("tokens", "rate_limit_exceeded", "Rate limit reached for gpt-4o in"), L, "rate_limited"),
    ("openai", 429, openai("tokens", "rate_limit_exceeded", "Request too large for gpt-4o in organization"), U, "larger_than_limit"),
    ("openai", 429, openai("rate_limit_error", "slow_down"), L, "rate_limited"),
    ("openai", 413, openai("tokens", "rate_limit_exceeded", "Limit 6000, Requested 7000"), L, "rate_limited"),
    ("openai", 401, openai(INVALID, "invalid_api_key", "Incorrect API key provided"), C, "bad_key"),
    ("openai", 401, openai(INVALID, "account_deactivated", "The OpenAI account associated with"), A, "org_disabled"),
    ("openai", 403, openai("request_forbidden", "unsupported_country_region_territory", "Country"), A, "region_blocked"),
    ("openai", 404, openai(INVALID, "model_not_found", "The model `x` does not exist"), MO, "model_unknown"),
    ("openai", 400, openai(INVALID, "context_length_exceeded", "This model's maximum context length is"), R, "context_length"),
    ("openai", 400, openai(INVALID, "unsupported_parameter", "Unsupported parameter: 'max_tokens'"), U, "unsupported_parameter"),
    ("openai", 400, openai(INVALID, "decimal_above_max_value", "Invalid 'temperature'"), R, "invalid_request"),
    ("openai", 400, openai(INVALID, "content_policy_violation", "safety"), R, "content_policy"),
    ("openai", 503, openai("service_unavailable_error", "server_is_overloaded", "overloaded"), T, "overloaded"),
    ("openai", 500, openai("server_error", None, "The server had an error"), T, "server_error"),
    ("openai", 502, openai("cf_bad_gateway", 502, "Bad gateway."), T, "gateway"),
    # what the vendors' catalogues have beside that
    ("anthropic", 400, anthropic(INVALID, "system: This credential is only authorized for use with Claude Code"), C, "oauth_third_party"),
    ("anthropic", 401, anthropic("authentication_error", "CORS requests are not allowed for this Organization"), C, "bad_key"),
    ("anthropic", 400, anthropic(INVALID, "temperature: Extra inputs are not permitted"), U, "unsupported_parameter"),
    ("anthropic", 400, anthropic(INVALID, "`temperature` and `top_p` cannot both be specified for this model. Please use only one."), U, "unsupported_parameter"),
    ("anthropic", 400, anthropic(INVALID, "temperature and top_p cannot both be specified for this model."), U, "unsupported_parameter"),
    ("anthropic", 400, anthropic(INVALID, "stop_sequences: each stop sequence must contain non-whitespace"), U, "unsupported_parameter"),
    ("anthropic", 400, anthropic(INVALID, "stop_sequences: each stop sequence must be non-empty"), U, "unsupported_parameter"),
    ("anthropic", 404, anthropic("not_found_error", "Not found"), A, "unknown_url"),
    ("anthropic", 429, anthropic("rate_limit_error", "This request would exceed your account's rate limit. Please"), L, "usage_window"),
    ("openai", 401, openai(None, None, "You must be a member of an organization to use the API"), C, "bad_key"),
    ("openai", 401, openai(None, None, "IP not authorized"), C, "bad_key"),
    ("openai", 401, openai(INVALID, "refresh_token_reused", "Your refresh token has already been used"), C, "oauth_revoked"),
    ("openai", 401, openai(INVALID, "token_invalidated", "Your authentication token has been"), C, "oauth_revoked"),
    ("openai", 429, {"error": {"type": "usage_limit_reached", "message": "The usage limit has been reached"}}, L, "usage_window"),
    ("openai", 404, openai(INVALID, None, "Invalid URL (POST /v1)"), A, "unknown_url"),
    ("openai", 400, openai(INVALID, None, "Invalid service_tier argument: The requested"), U, "unsupported_parameter"),
    ("openai", 400, openai(INVALID, "invalid_value", "max_tokens is too large: 20000. This model"), U, "max_tokens_above_cap"),
    ("openai", 530, None, T, "gateway_page"),
    ("gemini", 400, google("INVALID_ARGUMENT", "API key not valid. Please pass", "API_KEY_INVALID"), C, "bad_key"),
    ("gemini", 400, google("INVALID_ARGUMENT", "API key expired. Please renew", "API_KEY_INVALID"), C, "key_expired"),
    ("gemini", 403, google("PERMISSION_DENIED", "Permission denied: Consumer", "CONSUMER_SUSPENDED"), A, "org_disabled"),
    ("gemini", 400, google("FAILED_PRECONDITION", "User location is not supported for the API use."), A, "region_blocked"),
    ("gemini", 400, google("INVALID_ARGUMENT", "Function call is missing a thought_signature in functionCall"), U, "state_elsewhere"),
    ("gemini", 400, google("INVALID_ARGUMENT", "* GenerateContentRequest.contents[23].parts: contents.parts must not"), R, "invalid_request"),
    ("gemini", 429, google("RESOURCE_EXHAUSTED", QUOTA), L, "rate_limited"),
    ("gemini", 429, [google("RESOURCE_EXHAUSTED", "Resource exhausted. Please try again later.")], L, "rate_limited"),
    ("gemini", 404, google("NOT_FOUND", "models/gemini-2.5-pro-exp-03-25 is not found for API version v1beta"), MO, "model_unknown"),
    ("azure", 401, {"statusCode": 401, "message": "Unauthorized. Access token is missing, invalid, audience"}, C, "oauth_expired"),
    ("azure", 429, {"error": {"code": "429", "message": "Requests to the ChatCompletions_Create Operation"}}, L, "rate_limited"),
    ("azure", 404, {"error": {"code": "DeploymentNotFound", "message": "The API deployment for this"}}, MO, "model_unknown"),
    ("bedrock", 400, {"message": "Operation not allowed", "__type": "ValidationException"}, A, "org_disabled"),
    ("bedrock", 400, {"message": "Invocation of model ID anthropic.claude with on-demand throughput isn\u2019t supported", "__type": "com.amazon#ValidationException"}, MO, "model_unknown"),
    ("bedrock", 424, {"message": "failed", "__type": "ModelErrorException"}, T, "upstream_error"),
    ("bedrock", 429, {"message": "not ready", "__type": "ModelNotReadyException"}, T, "overloaded"),
    ("bedrock", 400, {"message": "The model returned the following errors: `temperature` and `top_p` cannot both be specified for this model.", "__type": "ValidationException"}, U, "unsupported_parameter"),
    ("mistral", 401, {"detail": "Unauthorized"}, C, "key_or_quota"),
    ("mistral", 401, {"message": "Unauthorized", "request_id": "x"}, C, "key_or_quota"),
    ("mistral", 401, None, C, "bad_key"),
    ("mistral", 429, {"message": "Requests rate limit exceeded"}, L, "rate_limited"),
    ("mistral", 429, {"object": "error", "message": "Service tier capacity exceeded for this model.", "type": INVALID}, T, "overloaded"),
    ("mistral", 503, {"object": "error", "message": "Service tier capacity exceeded for this model.", "type": INVALID}, T, "overloaded"),
    ("mistral", 422, {"object": "error", "message": {"detail": [{"msg": "bad"}]}, "type": INVALID}, R, "invalid_request"),
    ("groq", 413, openai("tokens", "rate_limit_exceeded", "Request too large for model `m` in"), U, "larger_than_limit"),
    ("groq", 413, openai("tokens", "rate_limit_exceeded", "Limit 6000"), L, "rate_limited"),
    ("groq", 400, openai(INVALID, None, "Organization has been restricted. Please reach out"), A, "org_disabled"),
    ("groq", 498, openai(None, "capacity_exceeded", "Flex tier"), T, "overloaded"),
    ("groq", 400, openai(INVALID, "tool_use_failed", "Failed to call a function."), T, "tool_call_failed"),
    ("openrouter", 402, {"error": {"code": 402, "message": "Insufficient credits"}}, A, "no_credit"),
    ("openrouter", 402, {"error": {"code": 402, "message": "Too many", "metadata": {"limit_source": "openrouter_in_flight_budget"}}}, L, "rate_limited"),
    ("openrouter", 403, {"error": {"code": 403, "message": "flagged", "metadata": {"reasons": ["x"], "flagged_input": "y"}}}, R, "content_policy"),
    ("openrouter", 503, {"error": {"code": 503, "message": "No available model provider meets"}}, T, "overloaded"),
    ("openai_compatible", 404, {"object": "error", "message": "The model `x` does not exist.", "type": "NotFoundError", "code": 404}, MO, "model_unknown"),
    ("openai_compatible", 403, xai(NO_LEAVE, "Content violates usage guidelines. Team: t, Failed check: SAFETY_CHECK_TYPE_BIO"), R, "content_policy"),
    ("openai_compatible", 403, xai("permission-denied", "Content violates usage guidelines. "), R, "content_policy"),
    ("openai_compatible", 403, xai("permission-denied", "Access to the chat endpoint is denied. Please ensure"), C, "permission_denied"),
    ("openai_compatible", 403, xai(NO_LEAVE, "Your newly created teams doesn't have any credits yet. You can"), A, "no_credit"),
    ("openai_compatible", 403, xai("permission-denied", "You have run out of credits or need a Grok subscription."), A, "no_credit"),
    ("openai_compatible", 429, xai("Some resource has been exhausted", "Your team 1-a has either used all available credits or reached its monthly spending limit."), A, "spend_limit"),
    ("openai_compatible", 400, xai("Client specified an invalid argument", "Incorrect API key provided: na***ys. You can"), C, "bad_key"),
    ("openai_compatible", 400, xai("Client specified an invalid argument", "Argument not supported: stop"), R, "invalid_request"),
    ("openai_compatible", 400, openai("Arrearage", "Arrearage", "Access denied, please make sure your account is in good standing."), A, "no_credit"),
    ("openai_compatible", 400, {"code": "Arrearage", "message": "Access denied, please make sure", "request_id": "r"}, A, "no_credit"),
    ("openai_compatible", 412, openai("error", "PRECONDITION_FAILED", "Account x is suspended, possibly due to reaching the monthly spending limit or"), A, "no_credit"),
    ("cohere", 498, {"id": "x", "message": "blocked"}, R, "content_policy"),
    ("http_service", 404, {"error": "gone"}, R, "not_found"),
    # pages from something in between: no JSON at all
    ("openai", 520, None, T, "gateway_page"),
    ("openai", 400, None, T, "gateway_page"),
    ("anthropic", 401, None, C, "bad_key"),
    ("anthropic", 429, None, L, "rate_limited"),
    ("openai", 302, {}, T, "redirect"),
    # other envelopes
    ("openai", 401, {"detail": "Unauthorized"}, C, "bad_key"),
    ("openai", 429, [{"error": {"message": "slow", "code": 429}}], L, "rate_limited"),
    ("anthropic", 400, {"error": "This organization has been disabled."}, A, "org_disabled"),
    ("http_service", 429, {"error": "daily_limited", "message": "enough"}, L, "daily_limit"),
]  # fmt: skip


@pytest.mark.parametrize(("dialect", "status", "body", "meaning", "reason"), TRUTH)
def test_table(dialect, status, body, meaning, reason):
    """Each wire literal means what it means, whatever its status pretends."""
    failure = classify(dialect, status, body)
    assert (meaning, reason) == (failure.meaning, failure.reason)


@pytest.mark.parametrize(
    ("body", "meaning"),
    [
        (anthropic("overloaded_error", "Overloaded"), T),
        (anthropic(INVALID, "This organization has been disabled."), A),
        (anthropic("rate_limit_error", "slow"), L),
        (openai("server_error", None, "oops"), T),
        (openai("insufficient_quota", "insufficient_quota", QUOTA), A),
        (openai(None, 502, "Bad gateway."), T),
        (anthropic("something_new", "?"), T),
    ],
)
@pytest.mark.parametrize("position", [Position.BODY, Position.STREAM])
def test_inside_a_200(body, meaning, position):
    """An error inside a 200 is judged by its words: the status says nothing."""
    assert meaning == classify("anthropic", 200, body, position=position).meaning


def test_only_the_callers_faults_keep_the_body():
    """The provider's error object goes back to the caller only when the request is at fault."""
    mine = classify("openai", 400, openai(INVALID, "context_length_exceeded", "too long", "messages"))
    theirs = classify("openai", 401, openai(INVALID, "invalid_api_key", "Incorrect API key"))
    assert mine.body["param"] == "messages"
    assert theirs.body is None


def test_a_ban_has_no_promise_of_return():
    """Retry-After belongs to limits and overload; on a ban it is not believed."""
    body = anthropic(INVALID, "This organization has been disabled.")
    assert classify("anthropic", 400, body, headers={"retry-after": "3600"}).retry_after_s is None


def test_reasons_are_a_bounded_set():
    """Every row's reason is a short lower-case name, as a metric label has to be."""
    assert all(reason.isidentifier() and reason.islower() for reason in reasons())
    assert {row.reason for dialect in dialects() for row in rows_for(dialect)} <= reasons()


ECHOES = (
    "organization has been disabled", "Your credit balance is too low to access the Anthropic API.",
    "You exceeded your current quota", "Organization has been restricted.", "Operation not allowed",
    "API key not valid. Please pass a valid API key.", "prompt is too long: 9 tokens > 8 maximum",
    "Unauthorized", "OAuth token has been revoked", "The model `x` does not exist", "Overloaded",
)  # fmt: skip


@pytest.mark.parametrize(
    "dialect", ["anthropic", "openai", "azure", "gemini", "bedrock", "mistral", "groq", "openrouter"]
)
@pytest.mark.parametrize("echo", ECHOES)
def test_the_callers_words_are_not_the_vendors(dialect, echo):
    """A message that repeats what the caller wrote is a refusal of the request, whatever the caller wrote."""
    message = f"Invalid value: '{echo}'. Supported values are: 'auto'."
    body = {"message": message} if dialect == "bedrock" else anthropic(INVALID, message)
    failure = classify(
        dialect, 400, body, headers={"x-amzn-errortype": "ValidationException"} if dialect == "bedrock" else {}
    )
    assert (R, "invalid_request") == (failure.meaning, failure.reason)


def test_every_rows_words_are_anchored():
    """No row's words begin with a wildcard of any length, so that what stands in the middle of a message never counts."""
    words = [row.words.pattern for dialect in dialects() for row in rows_for(dialect) if row.words]
    assert [] == [pattern for pattern in words if pattern.startswith((".*", ".+", "(.*"))]


@pytest.mark.parametrize(
    ("status", "body", "meaning", "reason"),
    [
        (404, b"<html><title>404 Not Found</title>", T, "gateway_page"),
        (400, b"<html><title>400 Bad Request</title>", T, "gateway_page"),
        (403, b"<html><title>Attention Required! | Cloudflare</title>", T, "edge_blocked"),
        (403, b"", C, "permission_denied"),
        (401, b"", C, "bad_key"),
        (404, b"", T, "gateway_page"),
        (429, b"<html>slow down</html>", L, "rate_limited"),
        (503, b"<html></html>", T, "gateway_page"),
        (413, b"<html><head><title>413 Request Entity Too Large</title></head></html>", U, "body_too_large"),
        (413, b"", U, "body_too_large"),
        (414, b"<html><title>414 Request-URI Too Large</title>", U, "body_too_large"),
        (431, b"Request Header Fields Too Large", U, "body_too_large"),
    ],
)
def test_pages(status, body, meaning, reason):
    """A page from something in between is an accident: a 404 of a gateway's never retires a model."""
    failure = classify("openai", status, parse_error_body(body))
    assert (meaning, reason) == (failure.meaning, failure.reason)


@pytest.mark.parametrize("body", [b"", b"too large", b"<title>413 Request Entity Too Large</title>"])
async def test_what_a_gateway_finds_too_large_may_fit_elsewhere(bench, body):
    """A gateway's page for a body that is too large moves the call on, no breaker, and names the reason to the caller."""
    b = await bench()
    b.anthropic.always = b.anthropic.replies(413, body, {"content-type": "text/html"})
    for _ in range(4):
        assert "openai" == (await b.ask()).headers["x-llm-provider"]
    b.openai.always = b.openai.replies(413, body, {"content-type": "text/html"})
    response = await b.ask()
    assert (413, "body_too_large") == (response.status_code, response.json()["error"]["code"])
    assert "arge" in response.json()["error"]["message"]
    assert ["closed", "closed"] == [lane.breaker.state for lane in b.router.lanes]


def test_a_refused_prompt_is_told_in_the_vendors_words():
    """The flat envelope of xAI gives the caller the sentence that says what was wrong, and the code beside it."""
    failure = classify("openai_compatible", 403, xai("permission-denied", "Content violates usage guidelines. "))
    assert {"message": "Content violates usage guidelines. ", "code": "permission-denied"} == failure.body


@pytest.mark.parametrize(
    ("dialect", "body", "meaning", "status"),
    [
        ("openrouter", {"error": {"code": 502, "message": "Provider returned error"}}, T, 502),
        ("openrouter", {"error": {"code": 429, "message": "slow"}}, L, 429),
        ("openrouter", {"error": {"code": 401, "message": "User not found."}}, C, 401),
        ("gemini", {"error": {"code": 503, "status": "UNAVAILABLE", "message": "busy"}}, T, 503),
        ("openai_compatible", {"object": "error", "type": "BadRequestError", "code": 400, "message": "no"}, R, 400),
        ("azure", {"error": {"code": "429", "message": "Requests to the X have exceeded"}}, L, 429),
        ("openai", {"error": {"code": True, "message": "?"}}, T, 0),
    ],
)
@pytest.mark.parametrize("position", [Position.BODY, Position.STREAM])
def test_integer_codes_in_a_200(dialect, body, meaning, status, position):
    """Inside a 200 the status that the error itself names is the one that counts."""
    failure = classify(dialect, 200, body, position=position)
    assert (meaning, status) == (failure.meaning, failure.status)


@pytest.mark.parametrize("dialect", dialects())
def test_a_wrong_key_is_never_the_callers_fault(dialect):
    """Whatever the dialect, a 401 says something about the credential and lets the call move on."""
    assert C == classify(dialect, 401, {"error": {"message": "no"}}).meaning


def test_keys_are_taken_out_of_messages():
    """OpenAI repeats a part of the key in its 401; it doesn't reach our errors or logs."""
    assert redact("Incorrect API key provided: sk-qnWGU****Rvfb.") == "Incorrect API key provided: sk-…"
