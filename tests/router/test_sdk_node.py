"""The official SDKs for Node talk to the front unmodified.

They are no Python packages, so they have to be there already: `npm install openai @anthropic-ai/sdk` in a folder, and
`BANSTORM_NODE_SDKS=<that folder>`. Without it this test is skipped; in CI (`BANSTORM_CI`) it fails.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
from pathlib import Path

import pytest
import uvicorn

FOLDER = os.environ.get("BANSTORM_NODE_SDKS", "")
BAN = {"type": "error", "error": {"type": "invalid_request_error", "message": "This organization has been disabled."}}
SCRIPT = Path(__file__).with_name("sdk_node.cjs")


@pytest.mark.skipif(
    (not FOLDER or shutil.which("node") is None) and not os.environ.get("BANSTORM_CI"),
    reason="BANSTORM_NODE_SDKS is not set, or no node",
)
@pytest.mark.parametrize("provider", ["anthropic", "openai"])
async def test_node_sdks(bench, provider):
    """Chat completions, responses and messages, plain and streamed, whoever answers behind them."""
    b = await bench()
    if provider == "openai":
        b.anthropic.always = b.anthropic.replies(400, BAN)
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(b.app, log_level="error", lifespan="off"))
    serving = asyncio.ensure_future(server.serve(sockets=[listener]))
    try:
        root = f"http://127.0.0.1:{listener.getsockname()[1]}"
        node = await asyncio.create_subprocess_exec(
            "node", str(SCRIPT), FOLDER, root, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        out, err = await asyncio.wait_for(node.communicate(), 60)
    finally:
        server.should_exit = True
        await serving
    assert 0 == node.returncode, err.decode()
    words = f"{provider} is well"
    assert {
        "completion": words,
        "completionStream": words,
        "response": words,
        "responseStream": words,
        "responseEnds": "response.completed",
        "message": words,
        "messageStream": words,
        "tool": words,
        "models": ["anthropic-model", "openai-model"],
        "refused": ["BadRequestError", 400],
    } == json.loads(out)
