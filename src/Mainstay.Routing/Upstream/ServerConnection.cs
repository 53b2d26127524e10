using System.Net.Sockets;
using System.Runtime.CompilerServices;
using Mainstay.Routing.Certificates;
using Mainstay.Routing.Http1;
using Mainstay.Routing.Sockets;

namespace Mainstay.Routing.Upstream;

/// <summary>
/// One HTTP/1.1 connection to a server, for one attempt at a time. Everything that ends an attempt early (a deadline, a
/// caller that left) cuts the connection: the operations under way fail, and <see cref="Why"/> says what ended them.
/// </summary>
internal sealed class ServerConnection : IDisposable
{
    /// <summary>Enough for tokens and most answers; a connection whose answers are larger gets more.</summary>
    private const int InputSize = 4 * 1024;
    private const int LargestInput = 16 * 1024;

    /// <summary>Interim answers (1xx) before the final one; a server that sends more is broken.</summary>
    private const int MostInterim = 64;
    private readonly Socket _socket;
    private readonly PolledSocket? _polled;
    private readonly Stream? _secured;
    private readonly AttemptClock _clock;
    private readonly AnswerParser _parser = new();
    private byte[] _input = GC.AllocateUninitializedArray<byte>(InputSize, pinned: true);
    private ChunkedReader? _chunks;
    private int _start;
    private int _end;
    private long _left;
    private long _deadline = AttemptClock.Never;
    private AttemptResult _lateMeans;
    private int _why = -1;
    private bool _isAtEnd;
    private ValueTask<int>? _receiving;
    private volatile bool _waitsForServer;
    private TaskCompletionSource<bool>? _continue;

    /// <param name="socket">Connected; owned from now on.</param>
    /// <param name="secured">TLS over the socket; null for plain HTTP.</param>
    /// <param name="trust">What it was opened with.</param>
    /// <param name="clock">Watches its deadlines.</param>
    public ServerConnection(Socket socket, Stream? secured, ServerTrust trust, AttemptClock clock)
    {
        (_socket, _secured, _clock, Trust) = (socket, secured, clock, trust);
        Request = new RequestWriter(this);
        _clock.Add(this);
    }

    /// <param name="polled">Connected; owned from now on.</param>
    /// <param name="trust">What it was opened with.</param>
    /// <param name="clock">Watches its deadlines.</param>
    public ServerConnection(PolledSocket polled, ServerTrust trust, AttemptClock clock)
        : this(polled.Socket, null, trust, clock) => _polled = polled;

    /// <summary>Writes the request of the present attempt.</summary>
    public RequestWriter Request { get; }

    public ServerTrust Trust { get; }

    /// <summary>True from the second request on.</summary>
    public bool IsReused { get; private set; }

    /// <summary>True once anything of the answer came.</summary>
    public bool HasAnswered { get; private set; }

    /// <summary>When it was last given back.</summary>
    public long IdleSince { get; private set; }

    /// <summary>True once the head of the final answer is here.</summary>
    public bool HasHead { get; private set; }

    /// <summary>Whose request is under way: while the server takes nothing, it is asked now and then whether it is still there.</summary>
    public Exchange? Caller { get; set; }

    /// <summary>True if 1xx go to the caller: not while two attempts run beside each other.</summary>
    public bool PassesInterim { get; set; } = true;

    public AnswerParser Head => _parser;

    /// <summary>Trailers of the answer, whole at the end of its body; null if it has no chunks.</summary>
    public HeaderFields? Trailers => _chunks?.Trailers;

    /// <summary>What cut it; null if nothing did.</summary>
    public AttemptResult? Why => Volatile.Read(ref _why) is >= 0 and var why ? (AttemptResult)why : null;

    /// <summary>True once nothing can be sent or received any more: the server broke it, or this side cut it.</summary>
    public bool IsBroken { get; private set; }

    /// <summary>True if the answer is whole and the connection good for another.</summary>
    public bool IsReusable => _isAtEnd && _parser.Status != 101 && _parser.KeepAlive && _start == _end && Why is null && Request.IsWhole;

    /// <summary>True if the server has neither closed it nor sent anything that nobody asked for.</summary>
    public bool IsQuiet => _receiving is { IsCompleted: false };

    /// <summary>From now until the timestamp; then the connection is cut for the given reason.</summary>
    public void SetDeadline(long at, AttemptResult means)
    {
        _lateMeans = means;
        Volatile.Write(ref _deadline, at);
    }

    /// <summary>Called every few milliseconds.</summary>
    public void Check(long now)
    {
        if (now >= Volatile.Read(ref _deadline))
        {
            if (_lateMeans == AttemptResult.TotalTimeout || !HasArrived())
                Cut(_lateMeans);
        }
        else if (_waitsForServer && Caller is { HasCallerLeftUnseen: true })
            Cut(AttemptResult.CallerLeft);
    }

    /// <summary>True if bytes of the server are here that nobody has looked at yet: this process is late, not the server.</summary>
    private bool HasArrived()
    {
        try
        {
            return _socket.Available > 0;
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            return false;
        }
    }

    /// <summary>Ends whatever is under way on it. Safe from any thread; the first reason counts.</summary>
    public void Cut(AttemptResult why)
    {
        if (Interlocked.CompareExchange(ref _why, (int)why, -1) == -1)
            Close();
    }

    /// <summary>Ready for the next attempt, which may be on another request.</summary>
    /// <param name="expires">From this timestamp on it is of no use; nobody need ask for it to be closed then.</param>
    public void Rest(long expires)
    {
        SetDeadline(expires, AttemptResult.Broken);
        _parser.Reset();
        _start = _end = 0;
        _isAtEnd = false;
        HasAnswered = HasHead = false;
        Caller = null;
        _continue = null;
        IsReused = true;
        IdleSince = _clock.Now;
        Request.Reset();
        ForgetChunks();
        // It waits for the next answer already. What comes while it rests, an end above all, is noticed without asking.
#pragma warning disable CA2012 // It is awaited once, by the first FillAsync.
        _receiving = FillNowAsync();
#pragma warning restore CA2012
    }

    /// <summary>From now on the server may ask for the body with "100 Continue".</summary>
    /// <returns>Ends with true when it did, with false when it has answered without.</returns>
    public Task<bool> AwaitContinueAsync() => (_continue = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously)).Task;

    /// <summary>Nobody need wait for "100 Continue" any more.</summary>
    public void ForgoContinue() => _continue?.TrySetResult(false);

    /// <summary>Reads the head of the final answer, 101 included; what precedes it is passed on to the caller.</summary>
    /// <exception cref="IOException">The connection broke, or what came is no answer.</exception>
    [AsyncMethodBuilder(typeof(PooledBuilder))]
    public async ValueTask ReadHeadAsync(Exchange exchange)
    {
        var isHead = exchange.Method == "HEAD";
        for (var interim = 0; ;)
        {
            var step = _parser.Read(_input.AsSpan(_start, _end - _start), isHead, out var used);
            _start += used;
            if (step == HeadStep.Refused || (step == HeadStep.Complete && !IsFit(exchange, interim)))
                throw new IOException("The server's answer breaks the rules of HTTP.");
            if (step == HeadStep.Complete && _parser.Status is 101 or >= 200)
                break;
            if (step == HeadStep.Complete)
            {
                interim++;
                if (PassesInterim)
                    await PassOnAsync(exchange);
                else
                    _parser.Reset();
            }
            else if (await FillAsync() == 0)
            {
                throw new IOException("The server closed the connection before it answered.");
            }
        }
        HasHead = true;
        ForgoContinue();
        _left = _parser.Length;
        _isAtEnd = _parser.Framing == AnswerFraming.None || (_parser.Framing == AnswerFraming.Length && _left == 0);
        if (_parser.Framing == AnswerFraming.Chunked)
            _chunks = new ChunkedReader(Http1Limits.OfAnswers);
    }

    /// <summary>The next part of the body; empty at its end. Good until the next read.</summary>
    /// <exception cref="IOException">The answer was cut.</exception>
    [AsyncMethodBuilder(typeof(PooledBuilder<>))]
    public async ValueTask<ReadOnlyMemory<byte>> ReadPartAsync()
    {
        while (!_isAtEnd)
        {
            if (_start == _end && await FillAsync() == 0)
            {
                if (_parser.Framing != AnswerFraming.UntilClose)
                    throw new IOException("The server closed the connection in the middle of its answer.");
                _isAtEnd = true;
                break;
            }
            var part = _parser.Framing == AnswerFraming.Chunked ? ReadChunks() : ReadPlain();
            if (!part.IsEmpty)
                return part;
        }
        return default;
    }

    /// <exception cref="IOException">The connection broke.</exception>
    [AsyncMethodBuilder(typeof(PooledBuilder))]
    public async ValueTask SendAsync(ReadOnlyMemory<byte> bytes)
    {
        try
        {
            while (bytes.Length > 0)
            {
                var sending = SendSomeAsync(bytes);
                _waitsForServer = !sending.IsCompleted;
                bytes = bytes[await sending..];
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or IOException)
        {
            throw Broke(e);
        }
        finally
        {
            _waitsForServer = false;
        }
    }

    /// <summary>Whatever comes, without looking at it; empty when the server ended its sending. Good until the next read.</summary>
    /// <exception cref="IOException">The connection broke.</exception>
    public async ValueTask<ReadOnlyMemory<byte>> ReceiveAsync()
    {
        if (_start == _end)
            await FillAsync();
        var part = _input.AsMemory(_start, _end - _start);
        _start = _end;
        return part;
    }

    /// <summary>Tells the server that nothing more will be sent; it may still answer.</summary>
    /// <exception cref="IOException">The connection broke.</exception>
    public async ValueTask EndSendingAsync()
    {
        try
        {
            if (_secured is System.Net.Security.SslStream secured)
                await secured.ShutdownAsync();
            else if (_polled is not null)
                await _polled.EndSendingAsync();
            else
                _socket.Shutdown(SocketShutdown.Send);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or IOException)
        {
            throw Broke(e);
        }
    }

    public void Dispose()
    {
        _clock.Remove(this);
        _secured?.Dispose();
        Close();
        _parser.Reset();
        Request.Reset();
        ForgetChunks();
    }

    private ValueTask<int> FillAsync()
    {
        if (_receiving is not { } receiving)
            return FillNowAsync();
        _receiving = null;
        return receiving;
    }

    [AsyncMethodBuilder(typeof(PooledBuilder<>))]
    private async ValueTask<int> FillNowAsync()
    {
        if (_end == _input.Length && _input.Length < LargestInput)
            _input = GC.AllocateUninitializedArray<byte>(LargestInput, pinned: true);
        _start = _end = 0;
        try
        {
            int count;
            if (_polled is not null)
                while ((count = _polled.TryReceive(_input)) < 0)
                    await _polled.WaitAsync();
            else if (_secured is not null)
                count = await _secured.ReadAsync(_input.AsMemory());
            else
                count = await _socket.ReceiveAsync(_input.AsMemory(), SocketFlags.None);
            _end = count;
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or IOException)
        {
            throw Broke(e);
        }
        HasAnswered |= _end > 0;
        return _end;
    }

    [AsyncMethodBuilder(typeof(PooledBuilder<>))]
    private async ValueTask<int> SendSomeAsync(ReadOnlyMemory<byte> bytes)
    {
        if (_polled is not null)
        {
            int sent;
            while ((sent = _polled.TrySend(bytes.Span)) == 0)
                await _polled.WaitForRoomAsync();
            return sent;
        }
        if (_secured is null)
            return await _socket.SendAsync(bytes, SocketFlags.None);
        await _secured.WriteAsync(bytes);
        return bytes.Length;
    }

    private void Close()
    {
        if (_polled is not null)
            _polled.Dispose();
        else
            _socket.Dispose();
    }

    private IOException Broke(Exception e)
    {
        IsBroken = true;
        return new IOException("The connection to the server broke.", e);
    }

    private bool IsFit(Exchange exchange, int interim) => _parser.Status switch
    {
        101 => UpgradeField.IsTakenUp(_parser.Fields, exchange.Upgrade),
        < 200 => interim < MostInterim,
        _ => true,
    };

    private async ValueTask PassOnAsync(Exchange exchange)
    {
        if (_parser.Status == 100)
            _continue?.TrySetResult(true);
        else
            await exchange.SendInterimAsync(_parser.Status, _parser.Fields);
        _parser.Reset();
    }

    private ReadOnlyMemory<byte> ReadPlain()
    {
        var length = _end - _start;
        if (_parser.Framing == AnswerFraming.Length)
        {
            length = (int)Math.Min(length, _left);
            _left -= length;
            _isAtEnd = _left == 0;
        }
        var part = _input.AsMemory(_start, length);
        _start += length;
        return part;
    }

    private ReadOnlyMemory<byte> ReadChunks()
    {
        // The content moves over its own framing, which comes before it and is longer than nothing.
        var came = _input.AsMemory(_start, _end - _start);
        if (_chunks!.Read(came.Span, came.Span, out var used, out var written) is not null)
            throw new IOException("The chunks of the server's answer break the rules of HTTP.");
        _start += used;
        _isAtEnd = _chunks.IsAtEnd;
        return came[..written];
    }

    private void ForgetChunks()
    {
        _chunks?.Trailers.Clear();
        _chunks = null;
    }
}
