using System.Buffers;

namespace Mainstay.Routing.Upstream.Protocols;

/// <summary>Writes what callers of the openai API read: chunks and answers made from their meaning, and errors.</summary>
internal static class OpenAiWriter
{
    /// <summary>Writes one part of a stream as chunks; nothing if it brings nothing.</summary>
    public static void WriteChunks(IBufferWriter<byte> output, in AnswerPart part, ModelRequest request, StreamNames stream)
    {
        var isDone = part.Kind is PartKind.Done;
        if (part.Kind is PartKind.Empty or PartKind.Malformed or PartKind.Error)
            return;
        // Of its own API the part that names the role has been passed on already.
        if (!stream.HasBegun && part.Api != ModelApi.OpenAi && request.Operation == ModelOperation.Chat)
        {
            stream.HasBegun = true;
            WriteChunk(output, request, stream, "\"role\":\"assistant\",\"content\":\"\""u8, FinishReason.None);
        }
        // An end may bring the last of the text.
        if (part.Kind is PartKind.Text or PartKind.Tool or PartKind.Thought || part.Text.Length > 0)
        {
            var delta = new ArrayBufferWriter<byte>(part.Text.Length + 96);
            WriteDelta(delta, part, request);
            if (delta.WrittenCount > 0)
                WriteChunk(output, request, stream, delta.WrittenSpan, FinishReason.None);
        }
        if (part.Finish != FinishReason.None)
            WriteChunk(output, request, stream, request.Operation == ModelOperation.Completion ? "\"text\":\"\""u8 : default, part.Finish);
        if (part.Usage is { } usage && request.WantsUsage && part.Kind is PartKind.End or PartKind.Done)
            WriteUsageChunk(output, request, stream, usage);
        if (isDone)
            output.Write("data: [DONE]\n\n"u8);
    }

    public static byte[] WriteAnswer(WholeAnswer answer, ModelRequest request)
    {
        var output = new ArrayBufferWriter<byte>(answer.Text.Length + 512);
        output.Write("{"u8);
        WriteNames(output, answer.Id, answer.Created, answer.Model,
            request.Operation == ModelOperation.Completion ? "text_completion"u8 : "chat.completion"u8);
        output.Write(",\"choices\":[{\"index\":0,"u8);
        if (request.Operation == ModelOperation.Completion)
        {
            output.Write("\"text\":"u8);
            JsonText.Write(output, answer.Text);
        }
        else
        {
            WriteMessage(output, answer);
        }
        output.Write(",\"logprobs\":null,\"finish_reason\":"u8);
        WriteFinish(output, answer.Finish == FinishReason.None ? FinishReason.Stop : answer.Finish);
        output.Write("}]"u8);
        if (answer.Usage is { } usage)
        {
            output.Write(",\"usage\":"u8);
            WriteUsage(output, usage);
        }
        output.Write("}"u8);
        return output.WrittenSpan.ToArray();
    }

    /// <summary>{"error":{"message","type","param","code"}}</summary>
    public static void WriteFault(IBufferWriter<byte> output, ModelFault fault)
    {
        output.Write("{\"error\":{\"message\":"u8);
        JsonText.Write(output, fault.Message);
        output.Write(",\"type\":"u8);
        JsonText.Write(output, TypeOf(fault.Status));
        output.Write(",\"param\":"u8);
        WriteOrNull(output, fault.Param);
        output.Write(",\"code\":"u8);
        WriteOrNull(output, fault.Code);
        output.Write("}}"u8);
    }

    private static string TypeOf(int status) => status switch
    {
        401 => "authentication_error",
        403 => "permission_error",
        429 => "rate_limit_error",
        < 500 => "invalid_request_error",
        _ => "server_error",
    };

    private static void WriteMessage(ArrayBufferWriter<byte> output, WholeAnswer answer)
    {
        output.Write("\"message\":{\"role\":\"assistant\",\"content\":"u8);
        if (answer.Text.Length == 0 && answer.Tools.Count > 0)
            output.Write("null"u8);
        else
            JsonText.Write(output, answer.Text);
        for (var i = 0; i < answer.Tools.Count; i++)
        {
            var (id, name, arguments) = answer.Tools[i];
            output.Write(i == 0 ? ",\"tool_calls\":[{\"id\":"u8 : ",{\"id\":"u8);
            JsonText.Write(output, id);
            output.Write(",\"type\":\"function\",\"function\":{\"name\":"u8);
            JsonText.Write(output, name);
            output.Write(",\"arguments\":"u8);
            JsonText.Write(output, arguments);
            output.Write("}}"u8);
        }
        output.Write(answer.Tools.Count > 0 ? "],\"refusal\":null}"u8 : ",\"refusal\":null}"u8);
    }

    private static void WriteDelta(ArrayBufferWriter<byte> output, in AnswerPart part, ModelRequest request)
    {
        if (part.Kind == PartKind.Tool && part.ToolIndex >= 0)
        {
            WriteToolDelta(output, part);
            return;
        }
        if (part.Kind == PartKind.Tool || part.Text.Length == 0)
            return;
        output.Write(part.Kind == PartKind.Thought ? "\"reasoning_content\":"u8
            : request.Operation == ModelOperation.Completion ? "\"text\":"u8 : "\"content\":"u8);
        JsonText.Write(output, part.Text);
    }

    private static void WriteToolDelta(ArrayBufferWriter<byte> output, in AnswerPart part)
    {
        output.Write("\"tool_calls\":[{\"index\":"u8);
        JsonText.Write(output, part.ToolIndex);
        if (part.ToolId is { } id)
        {
            output.Write(",\"id\":"u8);
            JsonText.Write(output, id);
            output.Write(",\"type\":\"function\""u8);
        }
        output.Write(",\"function\":{"u8);
        if (part.ToolName is { } name)
        {
            output.Write("\"name\":"u8);
            JsonText.Write(output, name);
            output.Write(","u8);
        }
        output.Write("\"arguments\":"u8);
        JsonText.Write(output, part.Text);
        output.Write("}}]"u8);
    }

    private static void WriteChunk(
        IBufferWriter<byte> output, ModelRequest request, StreamNames stream, ReadOnlySpan<byte> inside, FinishReason finish)
    {
        var isCompletion = request.Operation == ModelOperation.Completion;
        SseWriter.Begin(output);
        output.Write("{"u8);
        WriteNames(output, stream.Id, stream.Created, stream.Model, isCompletion ? "text_completion"u8 : "chat.completion.chunk"u8);
        output.Write(isCompletion ? ",\"choices\":[{\"index\":0,"u8 : ",\"choices\":[{\"index\":0,\"delta\":{"u8);
        output.Write(inside);
        output.Write(isCompletion ? ",\"logprobs\":null,\"finish_reason\":"u8 : "},\"logprobs\":null,\"finish_reason\":"u8);
        WriteFinish(output, finish);
        output.Write("}]}"u8);
        SseWriter.End(output);
    }

    private static void WriteUsageChunk(IBufferWriter<byte> output, ModelRequest request, StreamNames stream, TokenUsage usage)
    {
        SseWriter.Begin(output);
        output.Write("{"u8);
        WriteNames(output, stream.Id, stream.Created, stream.Model,
            request.Operation == ModelOperation.Completion ? "text_completion"u8 : "chat.completion.chunk"u8);
        output.Write(",\"choices\":[],\"usage\":"u8);
        WriteUsage(output, usage);
        output.Write("}"u8);
        SseWriter.End(output);
    }

    private static void WriteUsage(IBufferWriter<byte> output, TokenUsage usage)
    {
        output.Write("{\"prompt_tokens\":"u8);
        JsonText.Write(output, usage.Prompt);
        output.Write(",\"completion_tokens\":"u8);
        JsonText.Write(output, usage.Answer);
        output.Write(",\"total_tokens\":"u8);
        JsonText.Write(output, usage.Prompt + usage.Answer);
        output.Write("}"u8);
    }

    private static void WriteNames(IBufferWriter<byte> output, string id, long created, string model, ReadOnlySpan<byte> kind)
    {
        output.Write("\"id\":"u8);
        JsonText.Write(output, id);
        output.Write(",\"object\":\""u8);
        output.Write(kind);
        output.Write("\",\"created\":"u8);
        JsonText.Write(output, created);
        output.Write(",\"model\":"u8);
        JsonText.Write(output, model);
    }

    private static void WriteFinish(IBufferWriter<byte> output, FinishReason finish) => output.Write(finish switch
    {
        FinishReason.Stop => "\"stop\""u8,
        FinishReason.Length => "\"length\""u8,
        FinishReason.Tools => "\"tool_calls\""u8,
        FinishReason.Filter => "\"content_filter\""u8,
        _ => "null"u8,
    });

    private static void WriteOrNull(IBufferWriter<byte> output, string? text)
    {
        if (text is null)
            output.Write("null"u8);
        else
            JsonText.Write(output, text);
    }
}
