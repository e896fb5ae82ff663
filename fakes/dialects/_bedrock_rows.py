"""What Bedrock says when it refuses, row by row: exceptions by name, each with where it was seen.

Names and statuses: the service model in botocore 1.44 (`bedrock-runtime/2023-09-30`). Messages: the threads named in
each row; a row without one has the words of Amazon's documentation or, where that has none, ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

DEFAULT_MODEL: Final = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"


@dataclass(frozen=True, slots=True)
class Row:
    """A failure: its status, the exception it is (or, of an answer, its stop reason), and its message."""

    status: int
    exception: str
    message: str
    more: Mapping[str, Any] = field(default_factory=dict)


THROTTLED: Final = MappingProxyType(
    {
        # Roo-Code#5050
        "requests": "Too many requests, please wait before trying again.",
        "tokens": "Too many tokens, please wait before trying again.",
    }
)
ON_DEMAND: Final = (  # anthropics/claude-code#1466, the curly apostrophe included
    "Invocation of model ID {model} with on-demand throughput isn\N{RIGHT SINGLE QUOTATION MARK}t supported. Retry "
    "your request with the ID or ARN of an inference profile that contains this model."
)

ROWS: Final[Mapping[str, Row]] = MappingProxyType(
    {
        "missing_key": Row(403, "MissingAuthenticationTokenException", "Missing Authentication Token"),
        "bad_key": Row(403, "UnrecognizedClientException", "The security token included in the request is invalid."),
        "key_expired": Row(403, "ExpiredTokenException", "The security token included in the request is expired"),
        "permission_denied": Row(
            403, "AccessDeniedException", "You don't have access to the model with the specified model ID."
        ),
        # anthropics/claude-code#2656: a 400, and it never passes
        "region_blocked": Row(
            400,
            "ValidationException",
            "Access to Anthropic models is not allowed from unsupported countries, regions, or territories. Please "
            "refer to https://www.anthropic.com/supported-countries for more information on the countries and regions "
            "Anthropic currently supports.",
        ),
        # kirodotdev/Kiro#11191: what a restricted account gets, whatever it asks
        "org_disabled": Row(400, "ValidationException", "Operation not allowed"),
        # Tracer-Cloud/opensre#1811
        "billing_problem": Row(
            403,
            "AccessDeniedException",
            "Model access is denied due to INVALID_PAYMENT_INSTRUMENT:A valid payment instrument must be provided.",
        ),
        # a 400, and InvokeModel's alone; the words are the service model's
        "quota_exhausted": Row(
            400, "ServiceQuotaExceededException", "Your request exceeds the service quota for your account."
        ),
        "rate_limited": Row(429, "ThrottlingException", "{throttled}"),
        # Roo-Code#5050: the same exception as the limit a minute, though waiting a minute is no use
        "daily_limited": Row(429, "ThrottlingException", "Too many tokens per day, please wait before trying again."),
        "capacity_exceeded": Row(
            429,
            "ModelNotReadyException",
            "The model specified in the request is not ready to serve inference requests.",
        ),
        "overloaded": Row(503, "ServiceUnavailableException", "Bedrock is unable to process your request."),
        "server_error": Row(
            500,
            "InternalServerException",
            "The system encountered an unexpected error during processing. Try your request again.",
        ),
        "timeout": Row(
            408,
            "ModelTimeoutException",
            "The request took too long to process. Processing time exceeded the model timeout length.",
        ),
        "upstream_error": Row(
            424,
            "ModelErrorException",
            "The request failed due to an error while processing the model.",
            more=MappingProxyType({"originalStatusCode": 500, "resourceName": DEFAULT_MODEL}),
        ),
        "bad_request": Row(
            400, "ValidationException", "The input fails to satisfy the constraints specified by Amazon Bedrock."
        ),
        # iOfficeAI/AionCore#377: a 400, not a 404
        "model_not_found": Row(400, "ValidationException", "The provided model identifier is invalid."),
        "model_retired": Row(
            404,
            "ResourceNotFoundException",
            "This model version has reached the end of its life. Please refer to the AWS documentation for more "
            "details.",
        ),
        "context_too_long": Row(400, "ValidationException", "Input is too long for requested model."),
        # vercel/ai#2772
        "max_tokens_too_high": Row(
            400,
            "ValidationException",
            "The maximum tokens you requested exceeds the model limit of {most_tokens}. Try again with a maximum "
            "tokens value that is lower than {most_tokens}.",
        ),
        # answers that say nothing of the model's: the service model's `StopReason`
        "content_filtered": Row(200, "guardrail_intervened", "Sorry, the model cannot answer this question."),
        "error_in_200": Row(200, "malformed_model_output", ""),
        # no capture was found of the following three
        "request_too_large": Row(
            413, "RequestEntityTooLargeException", "The request is larger than the service takes."
        ),
        "unknown_url": Row(404, "UnknownOperationException", "There is no operation at {method} {path}."),
        "wrong_method": Row(404, "UnknownOperationException", "There is no operation at {method} {path}."),
    }
)
VARIANTS: Final[Mapping[tuple[str, str], Row]] = MappingProxyType(
    {
        # what a signature made with the wrong secret gets, at every service of Amazon's
        ("bad_key", "signature"): Row(
            403,
            "InvalidSignatureException",
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret "
            "Access Key and signing method. Consult the service documentation for details.",
        ),
        # ministryofjustice/modernisation-platform-environments#18323: heals by itself after minutes
        ("permission_denied", "marketplace"): Row(
            403,
            "AccessDeniedException",
            "Model access is denied due to IAM user or service role is not authorized to perform the required AWS "
            "Marketplace actions (aws-marketplace:ViewSubscriptions, aws-marketplace:Subscribe) to enable access to "
            "this model. Refer to the Amazon Bedrock documentation for further details. Your AWS Marketplace "
            "subscription for this model cannot be completed at this time. If you recently fixed this issue, try "
            "again after 5 minutes.",
        ),
        # daisuke-awaji/moca#254
        ("context_too_long", "model"): Row(
            400,
            "ValidationException",
            "The model returned the following errors: prompt is too long: {requested} tokens > {maximum} maximum",
        ),
        ("content_filtered", "model"): Row(200, "content_filtered", ""),
        ("error_in_200", "malformed_tool_use"): Row(200, "malformed_tool_use", ""),
    }
)
"""Other words for a kind, asked for by the detail `variant`."""
