using System.Net;

namespace Mainstay.Routing.Upstream;

/// <summary>The body of one attempt, and the knowledge of whether it still reads from the caller.</summary>
/// <param name="body">What to send; null sends an empty body.</param>
/// <param name="length">Declared length in bytes; null sends chunks.</param>
/// <param name="onSent">Called when the last byte has been handed to the server.</param>
internal sealed class AttemptContent(ReplayableBody? body, long? length, Action onSent) : HttpContent
{
    private readonly TaskCompletionSource _atRest = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _started;

    /// <summary>Ends when this attempt reads no more from the caller's body; at once if it never began.</summary>
    public Task AtRest => Interlocked.Exchange(ref _started, 1) == 0 ? Task.CompletedTask : _atRest.Task;

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
        SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancel)
    {
        if (Interlocked.Exchange(ref _started, 1) != 0)
            throw new OperationCanceledException("The attempt had ended before its body was asked for.");
        try
        {
            if (body is not null)
                await body.CopyToAsync(stream, cancel);
            onSent();
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
