using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.InteropServices;

namespace Mainstay.Routing;

/// <summary>
/// The body of a request, sent as it arrives and kept up to a limit, so that a second attempt can send it again:
/// what was kept first, then what is still to come. One attempt at a time.
/// </summary>
/// <param name="reader">The caller's end; null: all of it is here.</param>
/// <param name="limit">Bytes kept at most; a longer body is forwarded but cannot be replayed.</param>
internal sealed class ReplayableBody(PipeReader? reader, int limit) : IDisposable
{
    private const int PartsInTurn = 16;
    private byte[] _kept = ArrayPool<byte>.Shared.Rent(Math.Min(limit, 4096));
    private int _length;
    private volatile bool _atEnd;
    private bool _isCopy;
    private CancellationTokenSource? _copying;

    /// <summary>A body that is here already, for one attempt; its bytes are not copied and must stay as they are.</summary>
    public static ReplayableBody Of(ReadOnlyMemory<byte> whole)
    {
        var bytes = MemoryMarshal.TryGetArray(whole, out var segment) && segment.Offset == 0 ? segment.Array! : whole.ToArray();
        return new(null, limit: 0) { _kept = bytes, _length = whole.Length, _atEnd = true, _isCopy = true, HasBegun = true };
    }

    /// <summary>True while a new attempt can send the whole body.</summary>
    public bool CanReplay { get; private set; } = true;

    /// <summary>True once the caller was asked for any of it.</summary>
    public bool HasBegun { get; private set; }

    /// <summary>What went wrong on the caller's side: a body that breaks off or breaks the rules of HTTP; null so far.</summary>
    public Exception? CallerFault { get; private set; }

    /// <summary>True once all of it came and was kept.</summary>
    public bool IsWholeAndKept => _atEnd && CanReplay;

    /// <summary>The same body for an attempt beside another; only of one that is whole and kept, and for as long as it lives.</summary>
    public ReplayableBody Copy() => new(reader, limit: 0) { _kept = _kept, _length = _length, _atEnd = true, _isCopy = true, HasBegun = true };

    /// <summary>Ends a copy that waits for the caller: its attempt is over.</summary>
    public void LetGo() => _copying?.Cancel();

    /// <summary>Sends the body to a server, from its first byte.</summary>
    /// <exception cref="OperationCanceledException">The attempt ended first; the body can be sent again.</exception>
    public async Task CopyToAsync(Stream server, CancellationToken cancel)
    {
        _copying?.Dispose();
        _copying = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        cancel = _copying.Token;
        if (_length > 0)
            await server.WriteAsync(_kept.AsMemory(0, _length), cancel);
        for (var parts = 1; !_atEnd; parts++)
        {
            // A caller that sends fast must not keep the thread that polls other connections, too.
            if (parts % PartsInTurn == 0)
                await Task.Yield();
            var read = await ReadOrFlushAsync(server, cancel);
            foreach (var part in read.Buffer)
                Keep(part.Span);
            try
            {
                foreach (var part in read.Buffer)
                    await server.WriteAsync(part, cancel);
            }
            finally
            {
                // Kept above: taken from the caller even if this server did not take it.
                reader!.AdvanceTo(read.Buffer.End);
                _atEnd |= read.IsCompleted;
            }
            await server.FlushAsync(cancel);
        }
    }

    /// <summary>Reads what is still to come and keeps it. Null: the whole is longer than what may be kept. Good until disposal.</summary>
    public async ValueTask<ReadOnlyMemory<byte>?> ReadAllAsync(CancellationToken cancel)
    {
        while (CanReplay && !_atEnd)
        {
            var read = await ReadAsync(cancel);
            foreach (var part in read.Buffer)
                Keep(part.Span);
            reader!.AdvanceTo(read.Buffer.End);
            _atEnd |= read.IsCompleted;
        }
        return CanReplay ? _kept.AsMemory(0, _length) : default(ReadOnlyMemory<byte>?);
    }

    public void Dispose()
    {
        _copying?.Dispose();
        if (!_isCopy)
            ArrayPool<byte>.Shared.Return(_kept);
        _kept = [];
    }

    /// <summary>Reads the next part. While the caller is silent, what was written before, the head included, goes out: a server
    /// may answer before the body comes.</summary>
    private async ValueTask<ReadResult> ReadOrFlushAsync(Stream server, CancellationToken cancel)
    {
        var reading = ReadAsync(cancel);
        if (reading.IsCompleted)
            return await reading;
        var late = reading.AsTask();
        try
        {
            await server.FlushAsync(cancel);
        }
        catch
        {
            // The next attempt must find the reader at rest, and what came meanwhile still there.
            await _copying!.CancelAsync();
            await ((Task)late).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (late.IsCompletedSuccessfully)
                reader!.AdvanceTo((await late).Buffer.Start);
            throw;
        }
        return await late;
    }

    private async ValueTask<ReadResult> ReadAsync(CancellationToken cancel)
    {
        HasBegun = true;
        try
        {
            return await reader!.ReadAsync(cancel);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            CallerFault = e;
            throw;
        }
    }

    private void Keep(ReadOnlySpan<byte> part)
    {
        if (!CanReplay || part.Length > limit - _length)
        {
            CanReplay = false;
            return;
        }
        if (part.Length > _kept.Length - _length)
        {
            var larger = ArrayPool<byte>.Shared.Rent(Math.Max(_kept.Length * 2, _length + part.Length));
            _kept.AsSpan(0, _length).CopyTo(larger);
            ArrayPool<byte>.Shared.Return(_kept);
            _kept = larger;
        }
        part.CopyTo(_kept.AsSpan(_length));
        _length += part.Length;
    }
}
