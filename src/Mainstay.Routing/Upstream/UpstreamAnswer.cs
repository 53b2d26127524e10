using System.Buffers;
using Mainstay.Routing.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace Mainstay.Routing.Upstream;

/// <summary>The answer of a server: its head and the first part of its body are here, the rest still flows.</summary>
internal sealed class UpstreamAnswer(HttpResponseMessage response, Stream body, CancellationTokenSource attempt) : IDisposable
{
    private byte[] _buffer = ArrayPool<byte>.Shared.Rent(16 * 1024);

    public int Status => (int)response.StatusCode;

    /// <summary>Puts the fields that may be sent on into the answer to the caller.</summary>
    public void CopyHeadersTo(IHeaderDictionary headers)
    {
        var fields = response.Headers.NonValidated.Concat(response.Content.Headers.NonValidated)
            .Select(f => new KeyValuePair<string, StringValues>(f.Key, f.Value.ToArray()));
        foreach (var (name, value) in ForwardedHeaders.EndToEnd(fields, response.Headers.Connection.ToArray()))
            headers[name] = value;
    }

    /// <summary>Puts the trailers into the answer to the caller; to be called at the end of the body.</summary>
    public void CopyTrailersTo(IHeaderDictionary trailers)
    {
        var fields = response.TrailingHeaders.NonValidated.Select(f => new KeyValuePair<string, StringValues>(f.Key, f.Value.ToArray()));
        foreach (var (name, value) in ForwardedHeaders.EndToEnd(fields, StringValues.Empty))
            // The answer has been sent: what a front would refuse is left out rather than failing it.
            if (!value.ToString().AsSpan().ContainsAnyExceptInRange(' ', '~'))
                trailers[name] = value;
    }

    /// <summary>The newest part of the body; empty at its end. Good until the next part is read.</summary>
    public ReadOnlyMemory<byte> Part { get; private set; }

    /// <summary>Waits for the next part of the body.</summary>
    /// <exception cref="IOException">The answer was cut.</exception>
    public async Task ReadNextAsync(CancellationToken cancel) => Part = _buffer.AsMemory(0, await body.ReadAsync(_buffer, cancel));

    public void Dispose()
    {
        ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = [];
        response.Dispose();
        attempt.Dispose();
    }
}
