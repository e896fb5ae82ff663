"""The header by which a vendor tells its own SDK whether to retry."""

from __future__ import annotations

import anthropic
import openai
import pytest
from banstorm.fakes.dialects import find
from proof.scene import STAGE, Scene
from proof.sleeps import Sleeps


@pytest.mark.parametrize("sdk", ["openai", "anthropic"])
@pytest.mark.parametrize(("kind", "told", "tries"), [("server_error", False, 1), ("bad_request", True, 3)])
async def test_should_retry(lab, clients, call, flavour, monkeypatch, sdk, kind, told, tries) -> None:
    """The header that says whether to retry outweighs what the status says."""
    Sleeps().patch(monkeypatch)
    lab.stage.set(Scene("before", kind, {"should_retry": told}))
    client = clients(sdk, lab.root(f"failing-{sdk}") + STAGE + find(sdk).base_path, flavour, max_retries=2)
    chat = client.chat.completions if sdk == "openai" else client.messages
    with pytest.raises((openai.APIStatusError, anthropic.APIStatusError)):
        await call.settle(chat.create(model="any", max_tokens=20, messages=[{"role": "user", "content": "hello"}]))
    assert tries == lab.stage.hits
