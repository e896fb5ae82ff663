"""Azure OpenAI: its gateway's words, whose codes are statuses written as text, then the model's, which are OpenAI's."""

from __future__ import annotations

from ..errors import Meaning
from .openai import ROWS as OPENAI
from .row import Row, row

M = Meaning
ROWS: tuple[Row, ...] = (
    # The firewall of a resource refuses everyone who comes from there: azure-sql-db-chatbot#3, continue#12547
    row(
        M.ACCOUNT,
        "region_blocked",
        status=(403,),
        words=r"Access denied due to Virtual Network|A Virtual Network is configured|Public access is disabled",
    ),
    # A token of Entra ID; the body has no `error`: langchain#17373
    row(M.CREDENTIAL, "oauth_expired", status=(401,), words=r"Unauthorized\. Access token is missing, invalid"),
    row(M.CREDENTIAL, "permission_denied", codes="PermissionDenied"),
    row(M.MODEL, "model_unknown", codes="DeploymentNotFound"),
    # What is left of a deployment whose model was retired (litellm#11116), and of a mistyped path
    row(M.MODEL, "not_found", status=(404,), words=r"Resource not found"),
    row(M.REQUEST, "content_policy", codes="ResponsibleAIPolicyViolation content_filter"),
    # Peak load of the standard tier comes as 429, but it is capacity: pollinations#6260
    row(M.TRANSIENT, "overloaded", status=(429,), words=r"The system is currently experiencing high demand"),
    row(M.TRANSIENT, "timeout_upstream", codes="Timeout"),
    *OPENAI,
)
