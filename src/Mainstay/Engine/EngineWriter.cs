using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Mainstay.Engine;

/// <summary>Writes one answer in the shapes of the openai API. What all events of a stream share is written once.</summary>
internal sealed class EngineWriter
{
    private readonly bool _isChat;
    private readonly string _head;
    private readonly byte[] _eventHead;
    private readonly byte[] _eventStart;
    private readonly byte[] _eventEnd;

    /// <param name="options">Of the engine.</param>
    /// <param name="isChat">Chat or plain completion.</param>
    /// <param name="isStream">Chunks or a whole answer.</param>
    /// <param name="number">Of the request.</param>
    /// <param name="created">Unix seconds.</param>
    public EngineWriter(EngineOptions options, bool isChat, bool isStream, long number, long created)
    {
        _isChat = isChat;
        var kind = (isChat, isStream) switch { (true, true) => "chat.completion.chunk", (true, false) => "chat.completion", _ => "text_completion" };
        _head = string.Create(CultureInfo.InvariantCulture,
            $"\"id\":\"{(isChat ? "chatcmpl" : "cmpl")}-{Encode(options.Name)}-{number}\",\"object\":\"{kind}\",\"created\":{created},\"model\":\"{Encode(options.Model)}\",\"system_fingerprint\":\"{Encode(options.Name)}\",");
        _eventHead = Encoding.UTF8.GetBytes("data: {" + _head);
        _eventStart = Encoding.UTF8.GetBytes(isChat ? "\"choices\":[{\"index\":0,\"delta\":{\"content\":\"" : "\"choices\":[{\"index\":0,\"text\":\"");
        _eventEnd = Encoding.UTF8.GetBytes(isChat ? "\"},\"finish_reason\":null}]}\n\n" : "\",\"finish_reason\":null}]}\n\n");
    }

    public static ReadOnlySpan<byte> Done => "data: [DONE]\n\n"u8;

    /// <summary>The event before the first token.</summary>
    public void Role(IBufferWriter<byte> body)
    {
        if (_isChat)
            Event(body, "\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}]");
    }

    /// <param name="body">Where to.</param>
    /// <param name="text">The token.</param>
    /// <param name="sentAt">Its time; null: it tells none.</param>
    public void Token(IBufferWriter<byte> body, string text, long? sentAt)
    {
        body.Write(_eventHead);
        if (sentAt is { } time)
            Write(body, string.Create(CultureInfo.InvariantCulture, $"\"sent_at\":{time},"));
        body.Write(_eventStart);
        Write(body, Encode(text));
        body.Write(_eventEnd);
    }

    public void Finish(IBufferWriter<byte> body, string reason) =>
        Event(body, _isChat
            ? $"\"choices\":[{{\"index\":0,\"delta\":{{}},\"finish_reason\":\"{reason}\"}}]"
            : $"\"choices\":[{{\"index\":0,\"text\":\"\",\"finish_reason\":\"{reason}\"}}]");

    public void Usage(IBufferWriter<byte> body, int prompt, int answer) => Event(body, "\"choices\":[]," + UsageText(prompt, answer));

    public byte[] Whole(string text, string reason, int prompt, int answer)
    {
        var choice = _isChat
            ? $"\"message\":{{\"role\":\"assistant\",\"content\":\"{Encode(text)}\"}}"
            : $"\"text\":\"{Encode(text)}\"";
        return Encoding.UTF8.GetBytes($"{{{_head}\"choices\":[{{\"index\":0,{choice},\"finish_reason\":\"{reason}\"}}],{UsageText(prompt, answer)}}}");
    }

    /// <summary>An error in the API's shape.</summary>
    public static byte[] Fault(string what, string type, string? code) => Encoding.UTF8.GetBytes(
        $"{{\"error\":{{\"message\":\"{Encode(what)}\",\"type\":\"{type}\",\"param\":null,\"code\":{(code is null ? "null" : $"\"{code}\"")}}}}}");

    private static string UsageText(int prompt, int answer) => string.Create(CultureInfo.InvariantCulture,
        $"\"usage\":{{\"prompt_tokens\":{prompt},\"completion_tokens\":{answer},\"total_tokens\":{prompt + answer}}}");

    private static string Encode(string text) => JsonEncodedText.Encode(text, JavaScriptEncoder.UnsafeRelaxedJsonEscaping).Value;

    private void Event(IBufferWriter<byte> body, string rest)
    {
        body.Write(_eventHead);
        Write(body, rest);
        body.Write("}\n\n"u8);
    }

    private static void Write(IBufferWriter<byte> body, string text) => Encoding.UTF8.GetBytes(text, body);
}
