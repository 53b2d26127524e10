// The official client of OpenAI against one address. Arguments: what to do, base URL, model. Prints one line of JSON: what the client made of it.
import OpenAI from 'openai';

const [what, baseURL, model] = process.argv.slice(2);
const client = new OpenAI({ apiKey: 'sk-caller-of-mainstay', baseURL, maxRetries: 0, timeout: 30000 });
const messages = [{ role: 'user', content: 'Tell me a story – ein Märchen.' }];
const tools = [{ type: 'function', function: { name: 'get_weather', parameters: { type: 'object', properties: { city: { type: 'string' } } } } }];
const result = { text: '' };

async function read(stream) {
  for await (const chunk of stream) {
    result.model = chunk.model;
    if (chunk.usage) result.tokens = chunk.usage.completion_tokens;
    const choice = chunk.choices[0];
    if (!choice) continue;
    result.text += choice.delta.content ?? '';
    for (const call of choice.delta.tool_calls ?? []) {
      result.tool = call.function.name ?? result.tool;
      result.arguments = (result.arguments ?? '') + call.function.arguments;
    }
    result.finish = choice.finish_reason ?? result.finish;
  }
}

function take(answer) {
  const [choice] = answer.choices;
  result.model = answer.model;
  result.tokens = answer.usage?.completion_tokens;
  result.text = choice.message.content ?? '';
  result.finish = choice.finish_reason;
  const [call] = choice.message.tool_calls ?? [];
  if (call) [result.tool, result.arguments] = [call.function.name, call.function.arguments];
}

const doings = {
  stream: async () => read(await client.chat.completions.create({ model, messages, stream: true, stream_options: { include_usage: true } })),
  whole: async () => take(await client.chat.completions.create({ model, messages })),
  tools: async () => read(await client.chat.completions.create({ model, messages, tools, stream: true })),
  wholeTools: async () => take(await client.chat.completions.create({ model, messages, tools })),
  completion: async () => {
    for await (const chunk of await client.completions.create({ model, prompt: 'Tell me. Answer:', stream: true })) {
      result.text += chunk.choices[0]?.text ?? '';
      result.finish = chunk.choices[0]?.finish_reason ?? result.finish;
    }
  },
  helper: async () => take(await client.chat.completions.stream({ model, messages }).finalChatCompletion()),
  embeddings: async () => {
    const answer = await client.embeddings.create({ model, input: ['one', 'two'] });
    result.vectors = answer.data.map((d) => Array.from(d.embedding));
    result.model = answer.model;
  },
  models: async () => {
    result.models = [];
    for await (const each of client.models.list()) result.models.push(each.id);
  },
  badParameter: async () => take(await client.chat.completions.create({ model, messages, temperature: 7 })),
  cancel: async () => {
    const stream = await client.chat.completions.create({ model, messages, stream: true });
    for await (const chunk of stream) {
      result.text += chunk.choices[0]?.delta.content ?? '';
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
  result.error = { name: e.constructor.name, status: e.status, code: e.code, type: e.type, param: e.param, message: e.message };
}
console.log(JSON.stringify(result));
