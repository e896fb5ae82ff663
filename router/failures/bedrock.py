"""Bedrock: the exception's name is in a header, or in a stream's frame; a validation error may be a ban.

Names: botocore 1.44.5, `bedrock-runtime/2023-09-30`. In a stream many a failure is called a validation error, so the
words decide among those.
"""

from __future__ import annotations

from ..errors import Meaning
from .anthropic import ONE_OF_TWO
from .row import Row, row

_INVALID = "ValidationException"

M = Meaning
ROWS: tuple[Row, ...] = (
    row(M.ACCOUNT, "org_disabled", codes=_INVALID, words=r"Operation not allowed$"),
    # claude-code#2656
    row(
        M.ACCOUNT,
        "region_blocked",
        codes=_INVALID,
        words=r"Access to \w+ models is not allowed from unsupported countries",
    ),
    row(
        M.ACCOUNT,
        "no_credit",
        codes=f"AccessDeniedException {_INVALID}",
        words=r"Model access is denied due to INVALID_PAYMENT",
    ),
    row(M.ACCOUNT, "no_credit", codes="ServiceQuotaExceededException"),
    row(M.ACCOUNT, "no_credit", codes=_INVALID, words=r"Your request exceeds the service quota for your account"),
    row(M.ACCOUNT, "unknown_url", codes="UnknownOperationException"),
    row(M.CREDENTIAL, "key_expired", codes="ExpiredTokenException"),
    row(M.CREDENTIAL, "key_expired", codes=_INVALID, words=r"The security token included in the request is expired"),
    row(
        M.CREDENTIAL,
        "bad_key",
        codes="UnrecognizedClientException MissingAuthenticationTokenException MissingAuthenticationToken "
        "InvalidSignatureException IncompleteSignatureException InvalidClientTokenId",
    ),
    row(
        M.CREDENTIAL,
        "bad_key",
        codes=_INVALID,
        words=r"The security token included in the request is invalid|Missing Authentication Token",
    ),
    row(
        M.MODEL,
        "model_unknown",
        codes=f"{_INVALID} AccessDeniedException",
        words=r"The provided model identifier is invalid|You don't have access to the model with",
    ),
    # claude-code#1466, with a typographer's apostrophe
    row(M.MODEL, "model_unknown", codes=_INVALID, words=r"Invocation of model ID \S+ with on-demand throughput isn.t"),
    row(
        M.MODEL, "model_unknown", codes=f"ResourceNotFoundException {_INVALID}", words=r"This model version has reached"
    ),
    row(M.MODEL, "model_unknown", codes="ResourceNotFoundException"),
    row(M.CREDENTIAL, "permission_denied", codes="AccessDeniedException"),
    row(
        M.UNFIT,
        "max_tokens_above_cap",
        codes=_INVALID,
        words=r"The maximum tokens you requested exceeds the model limit",
    ),
    # bedrock-access-gateway#191
    row(
        M.UNFIT,
        "unsupported_parameter",
        codes=_INVALID,
        words=rf"The model returned the following errors: {ONE_OF_TWO}",
    ),
    row(
        M.REQUEST,
        "context_length",
        codes=_INVALID,
        words=r"Input is too long for requested model|Too many input tokens",
    ),
    row(M.REQUEST, "body_too_large", codes="RequestEntityTooLargeException"),
    row(M.REQUEST, "body_too_large", codes=_INVALID, words=r"The request is larger than the service takes"),
    # agent-book#29: by the day, whatever "please wait" says
    row(M.LIMITED, "daily_limit", codes="ThrottlingException", words=r"Too many tokens per day"),
    # 429, but it is the model that isn't there yet
    row(
        M.TRANSIENT,
        "overloaded",
        codes="ModelNotReadyException ThrottlingException",
        words=r"The model specified in the request is not ready",
    ),
    row(M.TRANSIENT, "overloaded", codes="ModelNotReadyException ServiceUnavailableException"),
    row(M.LIMITED, "rate_limited", codes="ThrottlingException"),
    row(M.TRANSIENT, "timeout_upstream", codes="ModelTimeoutException"),
    row(
        M.TRANSIENT,
        "timeout_upstream",
        codes="ModelStreamErrorException",
        words=r"The request took too long to process",
    ),
    row(M.TRANSIENT, "upstream_error", codes="ModelErrorException ModelStreamErrorException"),
    row(M.TRANSIENT, "server_error", codes="InternalServerException"),
    row(M.TRANSIENT, "tool_call_failed", codes="malformed_model_output malformed_tool_use"),
    row(M.REQUEST, "invalid_request", codes=_INVALID),
)
