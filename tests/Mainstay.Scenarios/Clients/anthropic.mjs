// The official client of Anthropic against one address. Arguments: what to do, base URL, model. Prints one line of JSON: what the client made of it.
import Anthropic from '@anthropic-ai/sdk';

const [what, baseURL, model] = process.argv.slice(2);
const client = new Anthropic({ apiKey: 'sk-caller-of-mainstay', baseURL, maxRetries: 0, timeout: 30000 });
const messages = [{ role: 'user', content: 'Tell me a story – ein Märchen.' }];
const tools = [{ name: 'get_weather', input_schema: { type: 'object', properties: { city: { type: 'string' } } } }];
const result = { text: '' };

function take(answer) {
  result.model = answer.model;
  result.tokens = answer.usage?.output_tokens;
  result.finish = answer.stop_reason;
  for (const block of answer.content) {
    if (block.type === 'text') result.text += block.text;
    else [result.tool, result.arguments] = [block.name, JSON.stringify(block.input)];
  }
}

const doings = {
  stream: async () => take(await client.messages.stream({ model, messages, max_tokens: 1000 }).finalMessage()),
  whole: async () => take(await client.messages.create({ model, messages, max_tokens: 1000 })),
  tools: async () => take(await client.messages.stream({ model, messages, tools, max_tokens: 1000 }).finalMessage()),
  wholeTools: async () => take(await client.messages.create({ model, messages, tools, max_tokens: 1000 })),
  badParameter: async () => take(await client.messages.create({ model, messages, max_tokens: 1000, temperature: 7 })),
  cancel: async () => {
    const stream = await client.messages.create({ model, messages, max_tokens: 1000, stream: true });
    for await (const event of stream) {
      result.text += event.delta?.text ?? '';
      if (result.text.length > 20) {
        result.leftAt = Date.now();
        stream.controller.abort();
      }
    }
  },
};

try {
  await doings[what]();
} catch (e) {
  result.error = { name: e.constructor.name, status: e.status, type: e.error?.error?.type ?? e.error?.type, message: e.message };
}
console.log(JSON.stringify(result));
