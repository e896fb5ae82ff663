// The official SDKs for Node, pointed at a router: says on stdout, as one line of JSON, what came of each call.
const { createRequire } = require("node:module");
const [folder, root] = process.argv.slice(2);
const load = createRequire(folder + "/");
const OpenAI = load("openai").default ?? load("openai");
const Anthropic = load("@anthropic-ai/sdk").default ?? load("@anthropic-ai/sdk");

const openai = new OpenAI({ baseURL: root + "/v1", apiKey: "any", maxRetries: 0 });
const anthropic = new Anthropic({ baseURL: root, apiKey: "any", maxRetries: 0 });
const messages = [{ role: "user", content: "hello" }];

async function main() {
  const said = {};
  const completion = await openai.chat.completions.create({ model: "any", messages });
  said.completion = completion.choices[0].message.content;
  let text = "";
  for await (const chunk of await openai.chat.completions.create({ model: "any", messages, stream: true })) {
    text += chunk.choices[0]?.delta?.content ?? "";
  }
  said.completionStream = text.trim();
  said.response = (await openai.responses.create({ model: "any", input: "hello" })).output_text;
  const kinds = [];
  for await (const event of await openai.responses.create({ model: "any", input: "hello", stream: true })) {
    kinds.push(event.type);
    if (event.type === "response.completed") said.responseStream = event.response.output[0].content[0].text.trim();
  }
  said.responseEnds = kinds.at(-1);
  const ask = { model: "any", max_tokens: 50, messages };
  said.message = (await anthropic.messages.create(ask)).content[0].text;
  said.messageStream = (await anthropic.messages.stream(ask).finalText()).trim();
  const tools = [{ name: "look_up", input_schema: { type: "object" } }];
  const called = await anthropic.messages.stream({ ...ask, tools, tool_choice: { type: "any" } }).finalMessage();
  said.tool = called.content[0].input.words;
  said.models = (await openai.models.list()).data.map((model) => model.id);
  try {
    await anthropic.messages.create({ ...ask, max_tokens: 0 });
  } catch (error) {
    said.refused = [error.constructor.name, error.status];
  }
  console.log(JSON.stringify(said));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
