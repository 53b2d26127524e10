using System.Net;

namespace Mainstay.Routing.Upstream;

/// <summary>The body of a request on its way to a server over HTTP/2. Sent once: what the client would send again by itself is
/// for the gateway to decide.</summary>
/// <param name="body">The caller's body.</param>
/// <param name="length">Declared length in bytes; null if unknown.</param>
/// <param name="sent">Called when all of it was sent.</param>
internal sealed class Http2Body(ReplayableBody body, long? length, Action sent) : HttpContent
{
    private readonly TaskCompletionSource _atRest = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _started;

    /// <summary>True once all of it was sent.</summary>
    public bool IsSent { get; private set; }

    /// <summary>Ends sending, if it goes on, and waits until nobody reads the caller's body any more.</summary>
    public async ValueTask CloseAsync()
    {
        if (Interlocked.Exchange(ref _started, 1) == 0)
            return;
        body.LetGo();
        await _atRest.Task;
    }

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
        SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        // The client tries again only what the server said it has not looked at (RFC 9113 section 8.7).
        if (Interlocked.Exchange(ref _started, 1) != 0)
            throw new NotReachedException("it refused the request unread");
        try
        {
            await body.CopyToAsync(stream, cancellationToken);
            await stream.FlushAsync(cancellationToken);
            IsSent = true;
            sent();
        }
        finally
        {
            _atRest.TrySetResult();
        }
    }

    protected override bool TryComputeLength(out long computed)
    {
        computed = length ?? 0;
        return length is not null;
    }
}
