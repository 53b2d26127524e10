using System.Buffers;

namespace Mainstay.Routing.Upstream.Protocols;

/// <summary>Writes what callers of the anthropic API read.</summary>
internal static class AnthropicWriter
{
    /// <summary>{"type":"error","error":{"type","message"}}</summary>
    public static void WriteFault(IBufferWriter<byte> output, ModelFault fault)
    {
        output.Write("{\"type\":\"error\",\"error\":{\"type\":"u8);
        JsonText.Write(output, TypeOf(fault.Status));
        output.Write(",\"message\":"u8);
        JsonText.Write(output, fault.Message);
        output.Write("}}"u8);
    }

    /// <summary>Writes a part of a stream of text that has been changed: where an answer goes on that has begun elsewhere. Its end also ends the block,
    /// as what the server said of that has not been passed on.</summary>
    public static void WritePart(IBufferWriter<byte> output, in AnswerPart part)
    {
        if (part.Kind is PartKind.Text or PartKind.End && part.Text.Length > 0)
        {
            SseWriter.Begin(output, "content_block_delta");
            output.Write("{\"type\":\"content_block_delta\",\"index\":"u8);
            JsonText.Write(output, part.Block);
            output.Write(",\"delta\":{\"type\":\"text_delta\",\"text\":"u8);
            JsonText.Write(output, part.Text);
            output.Write("}}"u8);
            SseWriter.End(output);
        }
        if (part.Finish != FinishReason.None)
            WriteEnd(output, part);
        if (part.Kind == PartKind.Done)
            output.Write("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"u8);
    }

    private static void WriteEnd(IBufferWriter<byte> output, in AnswerPart part)
    {
        SseWriter.Begin(output, "content_block_stop");
        output.Write("{\"type\":\"content_block_stop\",\"index\":"u8);
        JsonText.Write(output, part.Block);
        output.Write("}"u8);
        SseWriter.End(output);
        SseWriter.Begin(output, "message_delta");
        output.Write("{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":"u8);
        output.Write(StopReason(part.Finish));
        output.Write(",\"stop_sequence\":null},\"usage\":{\"output_tokens\":"u8);
        JsonText.Write(output, part.Usage?.Answer ?? 0);
        output.Write("}}"u8);
        SseWriter.End(output);
    }

    private static ReadOnlySpan<byte> StopReason(FinishReason finish) => finish switch
    {
        FinishReason.Length => "\"max_tokens\""u8,
        FinishReason.Tools => "\"tool_use\""u8,
        FinishReason.Filter => "\"refusal\""u8,
        _ => "\"end_turn\""u8,
    };

    public static byte[] WriteAnswer(WholeAnswer answer)
    {
        var output = new ArrayBufferWriter<byte>(answer.Text.Length + 512);
        output.Write("{\"id\":"u8);
        JsonText.Write(output, answer.Id);
        output.Write(",\"type\":\"message\",\"role\":\"assistant\",\"model\":"u8);
        JsonText.Write(output, answer.Model);
        output.Write(",\"content\":["u8);
        var isFirst = true;
        if (answer.Text.Length > 0)
        {
            isFirst = false;
            output.Write("{\"type\":\"text\",\"text\":"u8);
            JsonText.Write(output, answer.Text);
            output.Write("}"u8);
        }
        foreach (var (id, name, arguments) in answer.Tools)
        {
            output.Write(isFirst ? "{\"type\":\"tool_use\",\"id\":"u8 : ",{\"type\":\"tool_use\",\"id\":"u8);
            isFirst = false;
            JsonText.Write(output, id);
            output.Write(",\"name\":"u8);
            JsonText.Write(output, name);
            output.Write(",\"input\":"u8);
            output.Write(System.Text.Encoding.UTF8.GetBytes(arguments.Length == 0 ? "{}" : arguments));
            output.Write("}"u8);
        }
        output.Write("],\"stop_reason\":"u8);
        output.Write(StopReason(answer.Finish));
        output.Write(",\"stop_sequence\":null,\"usage\":{\"input_tokens\":"u8);
        JsonText.Write(output, answer.Usage?.Prompt ?? 0);
        output.Write(",\"output_tokens\":"u8);
        JsonText.Write(output, answer.Usage?.Answer ?? 0);
        output.Write("}}"u8);
        return output.WrittenSpan.ToArray();
    }

    private static string TypeOf(int status) => status switch
    {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        503 or 529 => "overloaded_error",
        504 => "timeout_error",
        < 500 => "invalid_request_error",
        _ => "api_error",
    };
}
