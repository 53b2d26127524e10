using System.Buffers;
using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using Mainstay.Routing.Http1;
using Microsoft.AspNetCore.Http;

namespace Mainstay.Routing.Upstream;

/// <summary>An answer over HTTP/2.</summary>
internal sealed class Http2Answer : UpstreamAnswer
{
    private const int PartSize = 16 * 1024;
    private readonly HttpRequestMessage _request;
    private readonly HttpResponseMessage _response;
    private readonly Http2Body? _content;
    private readonly StreamLimit _limit;
    private readonly long _total;
    private readonly Action _giveBack;
    private readonly CancellationTokenRegistration _callerLeft;
    private readonly HeaderFields _trailers = new();
    private readonly byte[] _buffer = ArrayPool<byte>.Shared.Rent(PartSize);
    private Stream? _body;
    private long? _left;

    /// <param name="request">Disposed of with the answer, as are all that follow.</param>
    /// <param name="response">Its head is here.</param>
    /// <param name="content">The body of the request, which may still be under way; null if it has none.</param>
    /// <param name="limit">What may end it early.</param>
    /// <param name="total">Timestamp at which it must have ended.</param>
    /// <param name="giveBack">Gives the connection back.</param>
    /// <param name="callerLeft">Watches the caller.</param>
    public Http2Answer(
        HttpRequestMessage request, HttpResponseMessage response, Http2Body? content, StreamLimit limit, long total, Action giveBack,
        CancellationTokenRegistration callerLeft)
    {
        (_request, _response, _content, _limit, _total, _giveBack, _callerLeft) = (request, response, content, limit, total, giveBack, callerLeft);
    }

    public override int Status => (int)_response.StatusCode;

    public override HeaderFields Fields { get; } = new();

    public override AttemptResult Cut => _limit.Why ?? AttemptResult.Truncated;

    /// <summary>Takes over the head, and reads the first part of the body unless the request is still being sent.</summary>
    /// <exception cref="IOException">The answer was cut, or breaks the rules of HTTP.</exception>
    public async ValueTask ReadFirstAsync()
    {
        Take(_response.Headers.NonValidated, Fields);
        Take(_response.Content.Headers.NonValidated, Fields);
        _left = DeclaredLength();
        _body = await _response.Content.ReadAsStreamAsync(_limit.Token);
        var isTrailersOnly = IsTrailersOnly();
        if (_content is { IsSent: false } && !isTrailersOnly)
        {
            IsOnlyHead = true;
            return;
        }
        await ReadPartAsync();
        if (isTrailersOnly && Part.IsEmpty)
            SplitTrailersOnly();
    }

    public override async ValueTask ReadNextAsync(TimeSpan idle)
    {
        _limit.Set(idle, AttemptResult.Stalled, _total);
        await ReadPartAsync();
        _limit.Set(AttemptClock.Never, AttemptResult.Broken);
    }

    public override void CopyTrailersTo(IHeaderDictionary trailers)
    {
        Take(_response.TrailingHeaders.NonValidated, _trailers);
        Copy(_trailers, trailers);
    }

    public override async ValueTask DisposeAsync()
    {
        await _callerLeft.DisposeAsync();
        // Ends the stream if it has not ended.
        _response.Dispose();
        if (_content is not null)
            await _content.CloseAsync();
        _request.Dispose();
        _giveBack();
        _limit.Dispose();
        Fields.Clear();
        _trailers.Clear();
        ArrayPool<byte>.Shared.Return(_buffer);
    }

    private async ValueTask ReadPartAsync()
    {
        int length;
        try
        {
            length = await _body!.ReadAsync(_buffer.AsMemory(0, PartSize), _limit.Token);
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException)
        {
            throw new IOException("The server's answer was cut.", e);
        }
        // .NET's client does not hold an answer against the length it declared.
        if ((_left -= length) is < 0 || (length == 0 && _left > 0))
            throw new IOException("The server's answer has not the length that it declared.");
        Part = _buffer.AsMemory(0, length);
    }

    private bool IsTrailersOnly()
    {
        for (var i = 0; i < Fields.Count; i++)
            if (Ascii.EqualsIgnoreCase(Fields.NameAt(i), "grpc-status"u8))
                return true;
        return false;
    }

    /// <summary>
    /// A gRPC answer without a body may have its trailers in the head ("Trailers-Only"), which then must end the stream. They
    /// are sent on where they belong otherwise, behind the head: that means the same, however the head is sent.
    /// </summary>
    private void SplitTrailersOnly()
    {
        var head = new HeaderFields();
        for (var i = 0; i < Fields.Count; i++)
        {
            var name = Fields.NameAt(i);
            var staysInHead = Ascii.EqualsIgnoreCase(name, "content-type"u8) || Ascii.EqualsIgnoreCase(name, "date"u8) || Ascii.EqualsIgnoreCase(name, "server"u8);
            Put(name, Fields.ValueAt(i), staysInHead ? head : _trailers);
        }
        Fields.Clear();
        for (var i = 0; i < head.Count; i++)
            Put(head.NameAt(i), head.ValueAt(i), Fields);
        head.Clear();
    }

    /// <summary>Bytes of the body as declared; null if they are not, or if this answer has none.</summary>
    private long? DeclaredLength()
    {
        var at = Fields.Find(FieldKind.ContentLength);
        if (at < 0)
            return null;
        if (Fields.CountOf(FieldKind.ContentLength) != 1
            || !long.TryParse(Fields.ValueAt(at), NumberStyles.None, CultureInfo.InvariantCulture, out var length))
            throw new IOException("The server's answer declares its length wrongly.");
        return _request.Method == HttpMethod.Head || Status is 204 or 304 ? null : length;
    }

    private static void Take(HttpHeadersNonValidated from, HeaderFields to)
    {
        foreach (var (name, values) in from)
            foreach (var value in values)
            {
                // HTTP/2 counts lengths and lets any byte through; here, as in HTTP/1.1, none may end a line.
                if (name.AsSpan().ContainsAnyExceptInRange('!', '~') || value.AsSpan().ContainsAnyInRange('\0', '\b') || value.AsSpan().ContainsAnyInRange('\n', '\u001f') || value.Contains('\u007f', StringComparison.Ordinal))
                    throw new IOException("A header field of the server's answer holds a character that cannot be sent on.");
                Put(Encoding.ASCII.GetBytes(name), Encoding.Latin1.GetBytes(value), to);
            }
    }

    private static void Put(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value, HeaderFields to)
    {
        var start = to.Length;
        to.Append(name);
        to.Append(value);
        to.Add(start, name.Length, start + name.Length, value.Length);
    }
}
