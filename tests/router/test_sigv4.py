"""Signatures against AWS's published test suite, and against what botocore makes of the same requests."""

from __future__ import annotations

import httpx
import pytest
from banstorm.router.providers.bedrock import BedrockProvider
from banstorm.router.sigv4 import Keys, sign

ACCESS, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
NOW_S = 1_440_938_160  # 20150830T123600Z
FORM = {"content-type": "application/x-www-form-urlencoded"}
JSON = {"content-type": "application/json"}
TOKEN = (
    "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthA"
    "x7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAki"
    "Y9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbdBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA=="
)
MODEL = "/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse"


@pytest.mark.parametrize(
    ("method", "host", "path", "headers", "content", "session", "signature"),
    [
        # get-vanilla, post-vanilla, get-vanilla-query-order-key-case, post-x-www-form-urlencoded of AWS's suite
        ("GET", "example", "/", {}, b"", "", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        ("POST", "example", "/", {}, b"", "", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
        (
            "GET", "example", "/?Param2=value2&Param1=value1", {}, b"", "",
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        (
            "POST", "example", "/", FORM, b"Param1=value1", "",
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
        ),
        # what botocore 1.44.5 makes of the same: a session's token, and a path that is encoded twice
        ("POST", "example", "/", {}, b"", TOKEN, "de478e5912fc7df5b2ffb2b3e9138521ba80dfc3ba6e0c1e8552942bc8c4eaba"),
        (
            "POST", "bedrock-runtime.us-east-1", MODEL, JSON, b'{"a":1}', "",
            "3c197a73438f564da8f0fdcd2165ea39963830059a275e3b1b1449d70e2f36c4",
        ),
    ],
)  # fmt: skip
def test_vectors(method, host, path, headers, content, session, signature):
    """Each published request gets its published signature."""
    made = sign(
        Keys(ACCESS, SECRET, session),
        method=method,
        url=httpx.URL(f"https://{host}.amazonaws.com{path}"),
        headers=headers,
        content=content,
        region="us-east-1",
        service="service",
        now_s=NOW_S,
    )
    assert signature == made["authorization"].rpartition("Signature=")[2]
    assert "20150830T123600Z" == made["x-amz-date"]


def test_keys_are_not_shown():
    """A pair of keys that ends up in a log or a traceback doesn't tell the keys."""
    assert "Keys(…)" == repr(Keys(ACCESS, SECRET))


@pytest.mark.parametrize(
    ("key", "begins"),
    [
        ("ABSKQmVkcm9ja0FQSUtleQ", "Bearer ABSK"),
        ("AKIAIOSFODNN7EXAMPLE:wJalrXUtnFEMI/K7MDENG", "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/"),
        ("ASIAIOSFODNN7EXAMPLE:wJalr:token", "AWS4-HMAC-SHA256 Credential=ASIAIOSFODNN7EXAMPLE/"),
    ],
)
async def test_a_pair_of_keys_signs_and_any_other_key_is_borne(key, begins):
    """The credential's own form tells how it is sent; the region is that of the base URL."""
    provider = BedrockProvider(key, "https://bedrock-runtime.eu-west-1.amazonaws.com")
    headers = provider.sign(httpx.URL("https://bedrock-runtime.eu-west-1.amazonaws.com/x"), b"{}")
    assert headers["authorization"].startswith(begins)
    assert ("/eu-west-1/bedrock/" in headers["authorization"]) == begins.startswith("AWS4")
    assert ("token" == headers.get("x-amz-security-token")) == key.startswith("ASIA")
    await provider.aclose()
