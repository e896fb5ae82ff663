"""Programs of users, each with its vendor's official SDK and nothing that knows of banstorm.

Each reads its prompt from the environment, asks once plainly and once as a stream, and prints both texts as JSON. None
of them names an address: the SDK's own is what is called.
"""

from __future__ import annotations

from typing import Final

_END: Final = """
print(json.dumps({"plain": plain, "stream": stream}))
"""
_BEGIN: Final = """
import json, os
prompt = os.environ["PROMPT"]
"""

OPENAI: Final = """
import openai
client = openai.OpenAI(api_key="sk-proj-test", max_retries=0)
messages = [{"role": "user", "content": prompt}]
plain = client.chat.completions.create(model="gpt-5.4-mini", messages=messages).choices[0].message.content
chunks = client.chat.completions.create(model="gpt-5.4-mini", messages=messages, stream=True)
stream = "".join(each.choices[0].delta.content or "" for each in chunks if each.choices)
"""
OPENAI_ASYNC: Final = """
import asyncio, openai
async def main():
    client = openai.AsyncOpenAI(api_key="sk-proj-test", max_retries=0)
    messages = [{"role": "user", "content": prompt}]
    got = await client.chat.completions.create(model="gpt-5.4-mini", messages=messages)
    chunks = await client.chat.completions.create(model="gpt-5.4-mini", messages=messages, stream=True)
    text = "".join([each.choices[0].delta.content or "" async for each in chunks if each.choices])
    return got.choices[0].message.content, text
plain, stream = asyncio.run(main())
"""
ANTHROPIC: Final = """
import anthropic
client = anthropic.Anthropic(api_key="sk-ant-api03-test", max_retries=0)
asked = {"model": "claude-sonnet-5", "max_tokens": 1024, "messages": [{"role": "user", "content": prompt}]}
plain = client.messages.create(**asked).content[0].text
with client.messages.stream(**asked) as events:
    stream = "".join(events.text_stream)
"""
GEMINI: Final = """
from google import genai
client = genai.Client(api_key="AIza" + "0" * 35)
plain = client.models.generate_content(model="gemini-3-flash", contents=prompt).text
chunks = client.models.generate_content_stream(model="gemini-3-flash", contents=prompt)
stream = "".join(each.text or "" for each in chunks)
"""
AZURE: Final = """
import openai
client = openai.AzureOpenAI(
    api_key="0" * 32, api_version="2024-10-21", azure_endpoint="https://contoso.openai.azure.com", max_retries=0
)
messages = [{"role": "user", "content": prompt}]
plain = client.chat.completions.create(model="chat", messages=messages).choices[0].message.content
chunks = client.chat.completions.create(model="chat", messages=messages, stream=True)
stream = "".join(each.choices[0].delta.content or "" for each in chunks if each.choices)
"""
OPENROUTER: Final = """
import openai
client = openai.OpenAI(api_key="sk-or-v1-test", base_url="https://openrouter.ai/api/v1", max_retries=0)
messages = [{"role": "user", "content": prompt}]
plain = client.chat.completions.create(model="openai/gpt-5.4-mini", messages=messages).choices[0].message.content
chunks = client.chat.completions.create(model="openai/gpt-5.4-mini", messages=messages, stream=True)
stream = "".join(each.choices[0].delta.content or "" for each in chunks if each.choices)
"""
BEDROCK: Final = """
import boto3
client = boto3.client(
    "bedrock-runtime", region_name="eu-central-1", aws_access_key_id="AKIA0", aws_secret_access_key="0"
)
asked = {"modelId": "anthropic.claude-sonnet-5", "messages": [{"role": "user", "content": [{"text": prompt}]}]}
plain = client.converse(**asked)["output"]["message"]["content"][0]["text"]
events = client.converse_stream(**asked)["stream"]
stream = "".join(each["contentBlockDelta"]["delta"]["text"] for each in events if "contentBlockDelta" in each)
"""
COHERE: Final = """
import cohere
client = cohere.ClientV2(api_key="0" * 40)
asked = {"model": "command-a-03-2025", "messages": [{"role": "user", "content": prompt}]}
plain = client.chat(**asked).message.content[0].text
stream = "".join(
    each.delta.message.content.text for each in client.chat_stream(**asked) if each.type == "content-delta"
)
"""
GROQ: Final = """
import groq
client = groq.Groq(api_key="gsk_test", max_retries=0)
asked = {"model": "llama-3.3-70b-versatile", "messages": [{"role": "user", "content": prompt}]}
plain = client.chat.completions.create(**asked).choices[0].message.content
chunks = client.chat.completions.create(**asked, stream=True)
stream = "".join(each.choices[0].delta.content or "" for each in chunks if each.choices)
"""
MISTRAL: Final = """
try:
    from mistralai.client import Mistral
except ImportError:
    from mistralai import Mistral
client = Mistral(api_key="0" * 32)
asked = {"model": "mistral-large-latest", "messages": [{"role": "user", "content": prompt}]}
plain = client.chat.complete(**asked).choices[0].message.content
stream = "".join(each.data.choices[0].delta.content or "" for each in client.chat.stream(**asked))
"""


def whole(program: str) -> str:
    """A program from its first to its last line."""
    return _BEGIN + program + _END
