using System.Buffers;
using System.Buffers.Text;
using System.IO.Pipelines;

namespace Mainstay.Routing.Http1;

/// <summary>
/// Writes the answers of one connection, one after the other, each framed anew: by its length if that is known, else in
/// chunks, else (HTTP/1.0) by the connection's end. The head travels with the first flush of the body.
/// </summary>
internal sealed class AnswerWriter(Http1Connection connection) : PipeWriter
{
    private readonly Lock _lock = new();
    private byte[] _staged = [];
    private int _stagedLength;
    private RequestHead? _request;
    private RequestBody? _body;
    private Framing _framing;
    private long _left;
    private Task _interim = Task.CompletedTask;

    private enum Framing
    {
        NoBody,
        Length,
        Chunked,
        UntilClose,
    }

    /// <summary>True once the head was written: nothing of it can be changed.</summary>
    public bool HasStarted { get; private set; }

    /// <summary>True if the next request may follow on this connection.</summary>
    public bool KeepAlive { get; set; }

    public AnswerHead Head { get; } = new();

    /// <summary>Begins the answer to a request.</summary>
    public void Begin(RequestHead request, RequestBody? body)
    {
        _request = request;
        _body = body;
        HasStarted = false;
        KeepAlive = request.KeepAlive;
        _stagedLength = 0;
        Head.Clear();
    }

    /// <summary>Sends "100 Continue", unless the answer itself has begun. What waits for it is the caller, not this side.</summary>
    public void SendContinue() => _ = SendInterimAsync(100, null);

    /// <summary>Sends an interim answer, unless the answer itself has begun. Never throws for what the caller does.</summary>
    /// <param name="status">100 to 199, but not 101.</param>
    /// <param name="fields">Of the server; must stay until this has ended. Null: none.</param>
    public Task SendInterimAsync(int status, HeaderFields? fields)
    {
        lock (_lock)
            return _interim = SendAfterAsync(_interim, status, fields);
    }

    /// <summary>Sends 101: what follows on the connection is written elsewhere.</summary>
    public async ValueTask SwitchAsync(HeaderFields fields, string id)
    {
        await _interim;
        lock (_lock)
        {
            Head.Status = 101;
            InterimHead.Write(connection.Output, 101, fields, id);
            HasStarted = true;
            KeepAlive = false;
            _framing = Framing.NoBody;
        }
        await connection.FlushAsync(CancellationToken.None);
    }

    /// <summary>Writes the head; it is sent by the next flush.</summary>
    /// <exception cref="InvalidOperationException">A field cannot be sent, such as one with control characters. Nothing was written.</exception>
    public void Start()
    {
        lock (_lock)
        {
            if (HasStarted)
                return;
            var length = Head.Length;
            _framing = Frame(length);
            _left = length ?? 0;
            KeepAlive &= _framing != Framing.UntilClose && !connection.IsClosing && _body is not { AwaitsContinue: true } and not { IsBroken: true };
            var sendsLength = length is not null && Head.Status != 204;
            Head.Write(connection.Output, connection.Clock.DateLine, sendsLength, _framing == Framing.Chunked, Option());
            HasStarted = true;
        }
    }

    public override ValueTask<FlushResult> WriteAsync(ReadOnlyMemory<byte> source, CancellationToken cancellationToken = default)
    {
        if (!_interim.IsCompleted)
            return WriteAfterInterimAsync(source, cancellationToken);
        WriteStaged();
        WritePart(source.Span);
        return connection.FlushAsync(cancellationToken);
    }

    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
    {
        if (!_interim.IsCompleted)
            return WriteAfterInterimAsync(null, cancellationToken);
        WriteStaged();
        return connection.FlushAsync(cancellationToken);
    }

    public override Memory<byte> GetMemory(int sizeHint = 0)
    {
        var needed = _stagedLength + Math.Max(sizeHint, 256);
        if (needed > _staged.Length)
        {
            var larger = ArrayPool<byte>.Shared.Rent(Math.Max(needed, 4096));
            _staged.AsSpan(0, _stagedLength).CopyTo(larger);
            ReturnStaged();
            _staged = larger;
        }
        return _staged.AsMemory(_stagedLength);
    }

    public override Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

    public override void Advance(int bytes) => _stagedLength += bytes;

    /// <summary>Ends the answer and sends what is left of it.</summary>
    /// <returns>False if less came than was declared: it must not look whole.</returns>
    public async ValueTask<bool> EndAsync()
    {
        if (!_interim.IsCompleted)
            await _interim;
        WriteStaged();
        Start();
        if (_framing == Framing.Length && _left > 0)
            return false;
        if (_framing == Framing.Chunked)
            Head.WriteEnd(connection.Output);
        await connection.FlushAsync(CancellationToken.None);
        return true;
    }

    /// <summary>Gives buffers back.</summary>
    public void Free()
    {
        ReturnStaged();
        _staged = [];
        _request = null;
        _body = null;
    }

    public override void CancelPendingFlush() => throw new NotSupportedException("Cancel the token of FlushAsync.");

    public override void Complete(Exception? exception = null)
    {
        // The connection ends the answer.
    }

    private async Task SendAfterAsync(Task before, int status, HeaderFields? fields)
    {
        if (!before.IsCompleted)
            await before;
        ValueTask<FlushResult> flush;
        lock (_lock)
        {
            if (HasStarted)
                return;
            InterimHead.Write(connection.Output, status, fields);
            flush = connection.FlushAsync(CancellationToken.None);
        }
        try
        {
            await flush;
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or ObjectDisposedException)
        {
            // The caller is gone, which its token says.
        }
    }

    private async ValueTask<FlushResult> WriteAfterInterimAsync(ReadOnlyMemory<byte>? source, CancellationToken cancel)
    {
        await _interim;
        return await (source is { } part ? WriteAsync(part, cancel) : FlushAsync(cancel));
    }

    private Framing Frame(long? length)
    {
        if (_request!.IsHead || Head.Status is 204 or 304)
            return Framing.NoBody;
        if (length is not null)
            return Framing.Length;
        return _request.IsHttp10 ? Framing.UntilClose : Framing.Chunked;
    }

    /// <summary>The line that says what becomes of the connection, where that needs saying.</summary>
    private ReadOnlySpan<byte> Option() =>
        !KeepAlive ? "Connection: close\r\n"u8 : _request!.IsHttp10 ? "Connection: keep-alive\r\n"u8 : [];

    private void WriteStaged()
    {
        if (_stagedLength == 0)
            return;
        var length = _stagedLength;
        _stagedLength = 0;
        WritePart(_staged.AsSpan(0, length));
    }

    private void WritePart(ReadOnlySpan<byte> part)
    {
        Start();
        if (part.IsEmpty || _framing == Framing.NoBody)
            return;
        var output = connection.Output;
        if (_framing == Framing.Length && (_left -= part.Length) < 0)
            throw new InvalidOperationException("The answer is longer than its Content-Length.");
        if (_framing == Framing.Chunked)
        {
            var size = output.GetSpan(18);
            Utf8Formatter.TryFormat(part.Length, size, out var digits, new StandardFormat('x'));
            "\r\n"u8.CopyTo(size[digits..]);
            output.Advance(digits + 2);
        }
        output.Write(part);
        if (_framing == Framing.Chunked)
            output.Write("\r\n"u8);
    }

    private void ReturnStaged()
    {
        if (_staged.Length > 0)
            ArrayPool<byte>.Shared.Return(_staged);
    }
}
