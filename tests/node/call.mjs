// A user's program: the official SDKs as they come, no address and no proxy in it.
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";

const messages = [{ role: "user", content: process.env.PROMPT }];
const found = {};

const openai = new OpenAI({ apiKey: "sk-proj-test", maxRetries: 0 });
const chat = { model: "gpt-5.4-mini", messages };
const plain = await openai.chat.completions.create(chat);
found.openai = { plain: plain.choices[0].message.content, stream: "" };
for await (const chunk of await openai.chat.completions.create({ ...chat, stream: true })) {
  found.openai.stream += chunk.choices[0]?.delta?.content ?? "";
}

const anthropic = new Anthropic({ apiKey: "sk-ant-api03-test", maxRetries: 0 });
const asked = { model: "claude-sonnet-5", max_tokens: 1024, messages };
const message = await anthropic.messages.create(asked);
found.anthropic = { plain: message.content[0].text, stream: "" };
const stream = anthropic.messages.stream(asked);
stream.on("text", (text) => (found.anthropic.stream += text));
await stream.finalMessage();

found.stray = await fetch("https://telemetry.example.com/").then(
  (response) => `answered ${response.status}`,
  () => "refused",
);
console.log(JSON.stringify(found));
