"""Azure OpenAI: OpenAI's bodies behind a deployment's path, with filters' findings beside them."""

from __future__ import annotations

from .openai import OpenAIProvider


class AzureProvider(OpenAIProvider):
    """Chat completions of a deployment; `model` is the deployment's name.

    `base_url` is the resource (`https://name.openai.azure.com`), or its `/openai/v1` for the API without versions.

    Options:
        api_version: The `api-version` to ask for (default 2024-10-21); the API without versions takes none.
        stream_usage, drop, embeddings: As for OpenAI.
    """

    dialect = "azure"
    default_url = ""
    default_model = "gpt-5.4-mini"

    def credentials(self, api_key: str | None) -> dict[str, str]:
        """`api-key`; a token of Entra ID, which is a JSON web token, goes as a bearer token."""
        if not api_key:
            return {}
        return {"authorization": f"Bearer {api_key}"} if api_key.startswith("eyJ") else {"api-key": api_key}

    def address(self, model: str, *, stream: bool) -> str:  # noqa: ARG002 - the interface
        """The deployment's path, or the plain one where the base URL has the version in it."""
        if self.base_url.endswith("/openai/v1"):
            return self.path
        return f"/openai/deployments/{model}{self.path}?api-version={self._version}"

    def embeddings_address(self, model: str) -> str:
        """The same for embeddings."""
        if self.base_url.endswith("/openai/v1"):
            return "/embeddings"
        return f"/openai/deployments/{model}/embeddings?api-version={self._version}"

    @property
    def _version(self) -> str:
        return str(self.options.get("api_version", "2024-10-21"))


PROVIDER = AzureProvider
