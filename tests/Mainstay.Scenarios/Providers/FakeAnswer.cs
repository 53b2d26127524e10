using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace Mainstay.Scenarios;

/// <summary>One answer of a fake provider, with its fault.</summary>
internal sealed class FakeAnswer(Socket socket, FakeProvider provider, ProviderRequest request, Fault fault)
{
    private const int Fragment = 5;
    private static readonly TimeSpan CommentGap = TimeSpan.FromMilliseconds(100);
    private readonly ProviderApi _api = ProviderApi.Of(request.Path) ?? new OpenAiShape();
    private bool _chunked = true;

    /// <summary>True if the connection may be used again.</summary>
    public async Task<bool> WriteAsync(CancellationToken cancel)
    {
        if (request.IsProbe)
            return await WholeAsync(provider.ProbeStatus, """{"object":"list","data":[]}"""u8.ToArray(), [], cancel);
        var begun = _api.Begun(request);
        if (fault.Kind == FaultKind.None && begun is not null && RefusalOf(begun) is { } refusal)
            return await ErrorAsync(refusal, cancel);
        switch (fault.Kind)
        {
            case FaultKind.Error:
                return await ErrorAsync(fault.Error, cancel);
            case FaultKind.Html:
                return await WholeAsync(502, "<html><body><h1>502 Bad Gateway</h1></body></html>"u8.ToArray(), [], cancel, "text/html");
            case FaultKind.Reset:
                return Reset();
            case FaultKind.HalfHeader:
                await SendAsync("HTTP/1.1 200 OK\r\nContent-Ty", cancel);
                return Close();
            case FaultKind.Silence:
                return await NeverAsync(cancel);
        }
        var isTool = _api.WantsTool(request);
        var tokens = FakeText.After(provider.Tokens, provider.Prefill == Prefill.Repeats ? "" : begun ?? "").ToList();
        return _api.IsStream(request) ? await StreamAsync(isTool, tokens, cancel) : await AtOnceAsync(isTool, tokens, cancel);
    }

    private ProviderError? RefusalOf(string begun) =>
        provider.Prefill == Prefill.Refuses ? ProviderError.NoPrefill
        : _api is AnthropicShape && begun.Length > 0 && char.IsWhiteSpace(begun[^1])
            ? new ProviderError(400, "invalid_request_error", "messages: final assistant content cannot end with trailing whitespace")
        : null;

    private async Task<bool> StreamAsync(bool isTool, List<string> tokens, CancellationToken cancel)
    {
        await BeginAsync(cancel);
        switch (fault.Kind)
        {
            case FaultKind.Empty:
                return await EndAsync(cancel);
            case FaultKind.ErrorFirst:
                await EventAsync(_api.ErrorEvent(fault.Error), cancel);
                return await EndAsync(cancel);
            case FaultKind.CommentsOnly:
                return await CommentsAsync(cancel);
            case FaultKind.RoleOnly:
                await EventAsync(_api.Begin(request), cancel);
                return await NeverAsync(cancel);
            case FaultKind.SlowFirstToken:
                await EventAsync(_api.Begin(request), cancel);
                await Task.Delay(fault.Wait, Patience.Clock, cancel);
                break;
            default:
                if (fault.Kind == FaultKind.Odd)
                    await OddAsync(cancel);
                await EventAsync(_api.Begin(request), cancel);
                break;
        }
        var events = isTool ? _api.ToolCall(request).ToList() : [.. tokens.Select(t => _api.Token(request, t, ascii: fault.Kind == FaultKind.Odd))];
        for (var i = 0; i < events.Count; i++)
        {
            if (i == fault.After && await StopsAsync(events[i], cancel) is { } keep)
                return keep;
            if (fault.Kind == FaultKind.Drip && i >= fault.After)
                await Task.Delay(fault.Wait, Patience.Clock, cancel);
            else if (i > 0)
                await Task.Delay(provider.TokenGap, Patience.Clock, cancel);
            await EventAsync(events[i], cancel);
        }
        await EventAsync(_api.End(request, isTool, tokens.Count, usage: fault.Kind != FaultKind.NoUsage), cancel);
        if (fault.Kind == FaultKind.NoDoneOpen)
            return await NeverAsync(cancel);
        if (fault.Kind != FaultKind.NoDone)
            await EventAsync(_api.Done, cancel);
        return await EndAsync(cancel);
    }

    /// <summary>What happens in the middle; null: it goes on.</summary>
    private async Task<bool?> StopsAsync(byte[] next, CancellationToken cancel)
    {
        switch (fault.Kind)
        {
            case FaultKind.CutByReset:
                // What was written must arrive before the reset takes it away.
                await Task.Delay(TimeSpan.FromMilliseconds(30), Patience.Clock, cancel);
                return Reset();
            case FaultKind.CutCleanly or FaultKind.CutByClose:
                return await EndAsync(cancel);
            case FaultKind.CutInChunk:
                await SendAsync([.. Encoding.ASCII.GetBytes($"{next.Length:x}\r\n"), .. next[..(next.Length / 2)]], cancel);
                return Close();
            case FaultKind.Stall:
                return await NeverAsync(cancel);
            case FaultKind.CommentsLater:
                return await CommentsAsync(cancel);
            case FaultKind.ErrorMiddle:
                await EventAsync(_api.ErrorEvent(fault.Error), cancel);
                return await EndAsync(cancel);
            case FaultKind.Malformed:
                await EventAsync(_api.MalformedEvent, cancel);
                return null;
            default:
                return null;
        }
    }

    private async Task<bool> AtOnceAsync(bool isTool, List<string> tokens, CancellationToken cancel)
    {
        var body = fault.Kind switch
        {
            FaultKind.Empty => [],
            FaultKind.ErrorFirst or FaultKind.ErrorMiddle => _api.ErrorBody(fault.Error),
            _ => _api.Whole(request, string.Concat(tokens), isTool, tokens.Count, usage: fault.Kind != FaultKind.NoUsage),
        };
        var half = body.AsMemory(0, body.Length / 2);
        switch (fault.Kind)
        {
            case FaultKind.SlowFirstToken:
                await Task.Delay(fault.Wait, Patience.Clock, cancel);
                return await WholeAsync(200, body, [], cancel);
            case FaultKind.CutByReset or FaultKind.CutInChunk or FaultKind.ShortBody or FaultKind.Stall or FaultKind.CommentsOnly
                or FaultKind.CommentsLater or FaultKind.RoleOnly:
                await SendAsync($"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {body.Length}\r\n\r\n", cancel);
                await SendAsync(half.ToArray(), cancel);
                if (fault.Kind is FaultKind.Stall or FaultKind.CommentsOnly or FaultKind.CommentsLater or FaultKind.RoleOnly)
                    return await NeverAsync(cancel);
                await Task.Delay(TimeSpan.FromMilliseconds(30), Patience.Clock, cancel);
                return fault.Kind == FaultKind.CutByReset ? Reset() : Close();
            case FaultKind.CutCleanly or FaultKind.CutByClose or FaultKind.Malformed:
                return await WholeAsync(200, half.ToArray(), [], cancel);
            case FaultKind.SplitCharacters:
                await SendAsync($"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {body.Length}\r\n\r\n", cancel);
                foreach (var piece in body.Chunk(Fragment))
                    await SendAsync(piece, cancel);
                return true;
            default:
                return await WholeAsync(200, body, [], cancel);
        }
    }

    private async Task BeginAsync(CancellationToken cancel)
    {
        _chunked = fault.Kind != FaultKind.CutByClose;
        var framing = _chunked ? "Transfer-Encoding: chunked" : "Connection: close";
        await SendAsync($"HTTP/1.1 200 OK\r\nContent-Type: {_api.StreamType}\r\nCache-Control: no-cache\r\nx-request-id: req_{request.Number}\r\n{framing}\r\n\r\n", cancel);
    }

    private async Task OddAsync(CancellationToken cancel)
    {
        if (!_api.IsText)
            return;
        await EventAsync("\uFEFF: a comment\n\nretry: 1000\n\n: another\nid: 7\n\n"u8.ToArray(), cancel);
        if (_api is OpenAiShape)
            await EventAsync(
                "data:{\"id\":\"\",\"object\":\"\",\"created\":0,\"model\":\"\",\"choices\":[],\ndata:\"prompt_filter_results\":[{\"prompt_index\":0}]}\n\n"u8.ToArray(), cancel);
    }

    private async Task<bool> CommentsAsync(CancellationToken cancel)
    {
        while (true)
        {
            if (_api.IsText)
                await EventAsync(": keep-alive\n\n"u8.ToArray(), cancel);
            await Task.Delay(CommentGap, Patience.Clock, cancel);
        }
    }

    private async Task EventAsync(byte[] bytes, CancellationToken cancel)
    {
        if (fault.Kind == FaultKind.Crlf && _api.IsText)
            bytes = Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(bytes).Replace("\n", "\r\n", StringComparison.Ordinal));
        foreach (var piece in fault.Kind == FaultKind.SplitCharacters ? bytes.Chunk(Fragment) : bytes.Length == 0 ? [] : [bytes])
            await SendAsync(_chunked ? [.. Encoding.ASCII.GetBytes($"{piece.Length:x}\r\n"), .. piece, .. "\r\n"u8] : piece, cancel);
    }

    private async Task<bool> EndAsync(CancellationToken cancel)
    {
        if (!_chunked)
            return Close();
        await SendAsync("0\r\n\r\n", cancel);
        return fault.Kind != FaultKind.CloseAfter || Close();
    }

    private Task<bool> ErrorAsync(ProviderError error, CancellationToken cancel) =>
        WholeAsync(error.Status, _api.ErrorBody(error), [.. error.Headers, .. _api.ErrorHeaders(error)], cancel);

    private async Task<bool> WholeAsync(int status, byte[] body, IEnumerable<string> headers, CancellationToken cancel, string type = "application/json")
    {
        var lines = string.Concat(headers.Append($"x-request-id: req_{request.Number}").Select(h => h + "\r\n"));
        await SendAsync(
            [.. Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"HTTP/1.1 {status} Said\r\nContent-Type: {type}\r\nContent-Length: {body.Length}\r\n{lines}\r\n")), .. body],
            cancel);
        return fault.Kind != FaultKind.CloseAfter || Close();
    }

    private async Task SendAsync(byte[] bytes, CancellationToken cancel)
    {
        for (var rest = bytes.AsMemory(); rest.Length > 0;)
            rest = rest[await socket.SendAsync(rest, cancel)..];
    }

    private Task SendAsync(string text, CancellationToken cancel) => SendAsync(Encoding.ASCII.GetBytes(text), cancel);

    private static async Task<bool> NeverAsync(CancellationToken cancel)
    {
        await Task.Delay(Timeout.InfiniteTimeSpan, Patience.Clock, cancel);
        return false;
    }

    private bool Reset()
    {
        socket.LingerState = new LingerOption(true, 0);
        socket.Close();
        return false;
    }

    private bool Close()
    {
        socket.Shutdown(SocketShutdown.Both);
        return false;
    }
}
