#!/usr/bin/env bash
# Installs LangChain and Pydantic AI with the newest SDKs beside banstorm's base install, as a user of the pytest plugin has them, into build/frameworks. Versions are those of the targets of the same names.
set -euo pipefail
cd "$(dirname "$0")/.."
python="${PYTHON:-python3}"
"$python" -m venv build/frameworks
export PIP_DISABLE_PIP_VERSION_CHECK=1
build/frameworks/bin/pip install --quiet \
  --constraint harness/targets/pins/langchain.txt --constraint harness/targets/pins/pydantic_ai.txt \
  --editable . langchain-core langchain-openai langchain-anthropic 'pydantic-ai-slim[openai,anthropic]' \
  pytest==9.2.0 pytest-asyncio==1.5.0
