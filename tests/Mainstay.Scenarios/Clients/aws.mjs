// The official clients of AWS against one address. Arguments: what to do, endpoint, model (endpoint, function). Prints one line of JSON: what the
// client made of it. A fourth argument, http1: Bedrock's client speaks HTTP/1.1, and not HTTP/2 as it does by itself.
import { BedrockRuntimeClient, ConverseCommand, ConverseStreamCommand } from '@aws-sdk/client-bedrock-runtime';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { InvokeEndpointCommand, InvokeEndpointWithResponseStreamCommand, SageMakerRuntimeClient } from '@aws-sdk/client-sagemaker-runtime';
import { NodeHttpHandler } from '@smithy/node-http-handler';

const [what, endpoint, model, version] = process.argv.slice(2);
const settings = {
  endpoint,
  region: 'us-east-1',
  credentials: { accessKeyId: 'AKIDCALLER', secretAccessKey: 'a secret of the caller' },
  maxAttempts: 1,
};
if (version === 'http1') settings.requestHandler = new NodeHttpHandler();
const messages = [{ role: 'user', content: [{ text: 'Tell me a story – ein Märchen.' }] }];
const toolConfig = { tools: [{ toolSpec: { name: 'get_weather', inputSchema: { json: { type: 'object' } } } }] };
const chat = (stream) => JSON.stringify({ messages: [{ role: 'user', content: 'Tell me a story – ein Märchen.' }], stream });
const result = { text: '' };

function readSse(text) {
  for (const line of text.split('\n')) {
    if (!line.startsWith('data: ') || line === 'data: [DONE]') continue;
    const [choice] = JSON.parse(line.slice(6)).choices;
    result.text += choice?.delta.content ?? '';
    result.finish = choice?.finish_reason ?? result.finish;
  }
  result.done = text.endsWith('data: [DONE]\n\n');
}

async function converseStream(input) {
  const answer = await new BedrockRuntimeClient(settings).send(new ConverseStreamCommand(input));
  for await (const event of answer.stream) {
    result.text += event.contentBlockDelta?.delta.text ?? '';
    if (event.contentBlockStart?.start?.toolUse) result.tool = event.contentBlockStart.start.toolUse.name;
    if (event.contentBlockDelta?.delta.toolUse) result.arguments = (result.arguments ?? '') + event.contentBlockDelta.delta.toolUse.input;
    if (event.messageStop) result.finish = event.messageStop.stopReason;
    if (event.metadata) result.tokens = event.metadata.usage.outputTokens;
  }
}

const doings = {
  bedrockWhole: async () => {
    const answer = await new BedrockRuntimeClient(settings).send(new ConverseCommand({ modelId: model, messages }));
    result.text = answer.output.message.content[0].text;
    [result.finish, result.tokens] = [answer.stopReason, answer.usage.outputTokens];
  },
  bedrockStream: () => converseStream({ modelId: model, messages }),
  bedrockTools: () => converseStream({ modelId: model, messages, toolConfig }),
  sagemakerWhole: async () => {
    const answer = await new SageMakerRuntimeClient(settings).send(
      new InvokeEndpointCommand({ EndpointName: model, ContentType: 'application/json', Body: chat(false) }));
    const body = JSON.parse(new TextDecoder().decode(answer.Body));
    [result.text, result.finish] = [body.choices[0].message.content, body.choices[0].finish_reason];
  },
  sagemakerStream: async () => {
    const answer = await new SageMakerRuntimeClient(settings).send(
      new InvokeEndpointWithResponseStreamCommand({ EndpointName: model, ContentType: 'application/json', Body: chat(true) }));
    const decoder = new TextDecoder();
    let text = '';
    for await (const event of answer.Body) text += decoder.decode(event.PayloadPart.Bytes, { stream: true });
    readSse(text);
  },
  lambda: async () => {
    const answer = await new LambdaClient(settings).send(new InvokeCommand({ FunctionName: model, Payload: chat(false) }));
    const body = JSON.parse(new TextDecoder().decode(answer.Payload));
    [result.text, result.finish] = [body.choices[0].message.content, body.choices[0].finish_reason];
  },
};

try {
  await doings[what]();
} catch (e) {
  result.error = { name: e.name, status: e.$metadata?.httpStatusCode ?? e.$response?.statusCode, message: e.message };
}
console.log(JSON.stringify(result));
