using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

namespace Mainstay.Replay;

/// <summary>Asks for streamed chats and reads them token by token. Cheap, as it shares the machine with what it measures. Safe for
/// any number of calls at once.</summary>
/// <param name="chats">Where to: an address that ends in /chat/completions.</param>
/// <param name="model">The name that is asked for.</param>
internal sealed class ChatCaller(Uri chats, string model, TimeProvider clock) : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);
    private readonly HttpMessageInvoker _connections = new(new SocketsHttpHandler
    {
        UseCookies = false,
        UseProxy = false,
        AllowAutoRedirect = false,
        ActivityHeadersPropagator = null,
        PooledConnectionIdleTimeout = TimeSpan.FromMinutes(1),
    });

    /// <summary>Asks once and reads to the end. What goes wrong is part of what it returns.</summary>
    /// <param name="prompt">What the user says.</param>
    /// <param name="tokens">How many tokens a simulated engine is to answer, and others may.</param>
    /// <param name="said">Hears of each token as it comes; null: nobody does.</param>
    public async Task<ChatSeen> AskAsync(string prompt, int tokens, Action<ChatEvent>? said, CancellationToken cancel)
    {
        var seen = new ChatSeen(said);
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        using var limit = new CancellationTokenSource(Patience, clock);
        using var _ = limit.Token.Register(patience.Cancel);
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, chats) { Content = new ByteArrayContent(Body(prompt, tokens)) };
            request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
            using var answer = await _connections.SendAsync(request, patience.Token);
            seen.RequestId = answer.Headers.TryGetValues("X-Request-Id", out var ids) ? ids.First() : "";
            if (answer.StatusCode != HttpStatusCode.OK)
            {
                var why = await answer.Content.ReadAsStringAsync(patience.Token);
                seen.Trouble = FormattableString.Invariant($"status {(int)answer.StatusCode}: ") + (why.Length > 200 ? why[..200] : why);
                return seen;
            }
            await using var body = await answer.Content.ReadAsStreamAsync(patience.Token);
            await ReadAsync(body, seen, patience.Token);
        }
        catch (Exception e) when (e is HttpRequestException or IOException or OperationCanceledException or JsonException)
        {
            seen.Trouble = e is OperationCanceledException ? "no end in five minutes" : e.Message;
        }
        return seen;
    }

    public void Dispose() => _connections.Dispose();

    private byte[] Body(string prompt, int tokens)
    {
        using var body = new MemoryStream(prompt.Length + 256);
        using (var json = new Utf8JsonWriter(body))
        {
            json.WriteStartObject();
            json.WriteString("model", model);
            json.WriteBoolean("stream", true);
            json.WriteNumber("max_tokens", tokens);
            json.WriteNumber("answer_tokens", tokens);
            json.WriteStartArray("messages");
            json.WriteStartObject();
            json.WriteString("role", "user");
            json.WriteString("content", prompt);
            json.WriteEndObject();
            json.WriteEndArray();
            json.WriteEndObject();
        }
        return body.ToArray();
    }

    private async Task ReadAsync(Stream body, ChatSeen seen, CancellationToken cancel)
    {
        var buffer = new byte[4096];
        var kept = 0;
        while (await body.ReadAsync(buffer.AsMemory(kept), cancel) is > 0 and var length)
        {
            var now = clock.GetTimestamp();
            kept += length;
            var start = 0;
            while (buffer.AsSpan(start, kept - start).IndexOf((byte)'\n') is >= 0 and var end)
            {
                Take(buffer.AsSpan(start, end).TrimEnd((byte)'\r'), now, seen);
                start += end + 1;
            }
            buffer.AsSpan(start, kept - start).CopyTo(buffer);
            kept -= start;
            if (kept == buffer.Length)
                Array.Resize(ref buffer, buffer.Length * 2);
        }
    }

    private static void Take(ReadOnlySpan<byte> line, long now, ChatSeen seen)
    {
        if (!line.StartsWith("data: "u8))
            return;
        var data = line["data: "u8.Length..];
        if (data.SequenceEqual("[DONE]"u8))
        {
            seen.Dones++;
            return;
        }
        string text = "", property = "";
        var read = new ChatEvent("", now, "", 0);
        var json = new Utf8JsonReader(data);
        while (json.Read())
        {
            if (json.TokenType == JsonTokenType.PropertyName)
                property = Known(ref json);
            else if (json.TokenType == JsonTokenType.String && property == "content")
                text = json.GetString()!;
            else if (json.TokenType == JsonTokenType.String && property == "system_fingerprint")
                read = read with { Engine = json.GetString()! };
            else if (json.TokenType == JsonTokenType.String && property == "finish_reason")
                seen.Finish = json.GetString()!;
            else if (json.TokenType == JsonTokenType.Number && property == "sent_at")
                read = read with { SentAt = json.GetInt64() };
            else if (property == "error")
                seen.Trouble = Encoding.UTF8.GetString(data);
        }
        seen.Note(read with { Text = text });
    }

    private static string Known(ref Utf8JsonReader json) =>
        json.ValueTextEquals("content"u8) ? "content"
        : json.ValueTextEquals("system_fingerprint"u8) ? "system_fingerprint"
        : json.ValueTextEquals("finish_reason"u8) ? "finish_reason"
        : json.ValueTextEquals("sent_at"u8) ? "sent_at"
        : json.ValueTextEquals("error"u8) ? "error"
        : "";
}

/// <summary>One event of a stream.</summary>
/// <param name="Text">What it adds; empty: no token.</param>
/// <param name="At">When it was read: a timestamp of the clock.</param>
/// <param name="Engine">Which engine said it, if it says so.</param>
/// <param name="SentAt">When the engine wrote it, if it says so; 0: it does not.</param>
internal readonly record struct ChatEvent(string Text, long At, string Engine, long SentAt);

/// <summary>What a caller saw of one answer.</summary>
internal sealed class ChatSeen(Action<ChatEvent>? said)
{
    private readonly StringBuilder _text = new();

    public string RequestId { get; set; } = "";

    /// <summary>What went wrong; empty: nothing that the stream itself shows.</summary>
    public string Trouble { get; set; } = "";

    public string Finish { get; set; } = "";

    /// <summary>How often [DONE] came; once is right.</summary>
    public int Dones { get; set; }

    public int Tokens { get; private set; }

    /// <summary>Timestamp of the first token; 0: none came.</summary>
    public long FirstAt { get; private set; }

    /// <summary>Timestamp of the last token; 0: none came.</summary>
    public long LastAt { get; private set; }

    /// <summary>Who said it, in order; each once.</summary>
    public List<string> Engines { get; } = [];

    public string Text => _text.ToString();

    public void Note(ChatEvent heard)
    {
        if (heard.Text.Length == 0)
            return;
        Tokens++;
        FirstAt = FirstAt == 0 ? heard.At : FirstAt;
        LastAt = heard.At;
        if (heard.Engine.Length > 0 && (Engines.Count == 0 || Engines[^1] != heard.Engine))
            Engines.Add(heard.Engine);
        _text.Append(heard.Text);
        said?.Invoke(heard);
    }

    /// <summary>What is wrong with the answer: empty if it is whole, exact and ended once.</summary>
    public string Fault(string expected) =>
        Trouble.Length > 0 ? Trouble
        : Finish.Length == 0 || Dones == 0 ? "truncated: the stream ended without its end"
        : Dones > 1 ? "[DONE] came more than once"
        : Text != expected ? "other text than the engine's"
        : "";
}
