using System.Buffers;
using System.Net;
using System.Net.Sockets;

namespace Mainstay.Routing.Sockets;

/// <summary>
/// A connected TCP socket watched by a <see cref="Poller"/>. Reading asks the kernel only when something has come; what is written
/// is collected and sent at the end of the poller's turn, or at once from any other thread. One reader and one writer at a time.
/// </summary>
internal sealed class PolledSocket : IDisposable
{
    /// <summary>More than this is sent at once, and not copied together.</summary>
    private const int Together = 16 * 1024;
    private const int OutputSize = 2048;

    /// <summary>Receives within one turn of the poller; whoever has more to say goes on in the next.</summary>
    private const int ReceivesInTurn = 32;

    /// <summary>How long the other side may take for the last that it is sent, less than <see cref="Together"/>.</summary>
    private static readonly TimeSpan EndsWithin = TimeSpan.FromSeconds(30);
    private readonly Socket _socket;
    private readonly Poller _poller;
    private readonly Readiness _readable = new();
    private readonly Readiness _drained = new();
    private readonly Lock _lock = new();
    private byte[] _output = [];
    private int _sent;
    private int _flushed;
    private int _written;
    private bool _isLent;
    private bool _isSentLater;
    private bool _isStuck;
    private volatile bool _isClosed;
    private long _turn;
    private int _received;
    private volatile bool _hasPeerEnded;

    /// <param name="socket">Connected, or connecting without blocking; owned from now on.</param>
    /// <param name="poller">Watches it from <see cref="Start"/> on.</param>
    public PolledSocket(Socket socket, Poller poller)
    {
        (_socket, _poller) = (socket, poller);
        socket.Blocking = false;
    }

    public Socket Socket => _socket;

    /// <summary>What the poller knows it by; below 0 while it is not watched. For the poller alone.</summary>
    public long Number { get; set; } = -1;

    /// <summary>Called by the poller, once or more, when the other side ended its sending or the connection broke.</summary>
    public Action? PeerEnded { get; init; }

    /// <summary>True once nothing can be sent any more.</summary>
    public bool IsBroken { get; private set; }

    /// <summary>Bytes written that nobody has asked to be sent.</summary>
    public int Unflushed => _written - _flushed;

    /// <summary>From now on it is watched.</summary>
    /// <exception cref="SocketException">The system has no room for it.</exception>
    /// <exception cref="ObjectDisposedException">It was closed here.</exception>
    public void Start()
    {
        // Under the lock, so that it is not closed between the kernel's watch and the poller's note of it.
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_isClosed, this);
            _poller.Watch(this, _socket.SafeHandle);
        }
    }

    /// <summary>Connects it, and watches it from then on.</summary>
    /// <exception cref="SocketException">It cannot be reached.</exception>
    /// <exception cref="ObjectDisposedException">Cancelled, or closed meanwhile.</exception>
    public async ValueTask ConnectAsync(IPEndPoint to, CancellationToken cancel)
    {
        using var cancelled = cancel.UnsafeRegister(static s => ((PolledSocket)s!).Dispose(), this);
        _isStuck = true;
        try
        {
            _socket.Connect(to);
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.WouldBlock or SocketError.InProgress)
        {
            // As asked for: the poller tells when it is decided.
        }
        Start();
        await WaitForRoomAsync();
        var error = (int)_socket.GetSocketOption(SocketOptionLevel.Socket, SocketOptionName.Error)!;
        if (error != 0)
            throw new SocketException(error);
    }

    /// <summary>Takes what has come.</summary>
    /// <returns>How many bytes; 0: the other side ended its sending; below 0: nothing has come, see <see cref="WaitAsync"/>.</returns>
    /// <exception cref="SocketException">The connection broke.</exception>
    /// <exception cref="ObjectDisposedException">It was closed here.</exception>
    public int TryReceive(Span<byte> into)
    {
        // However often it is asked.
        ObjectDisposedException.ThrowIf(_isClosed, this);
        if (!_readable.Take() || HadItsTurn())
            return -1;
        var count = _socket.Receive(into, SocketFlags.None, out var error);
        if (error == SocketError.WouldBlock)
            return -1;
        // Less than asked for is all there was (epoll(7)), unless the end has come, too, which is told only once.
        if (error != SocketError.Success || count is 0 || count == into.Length || _hasPeerEnded)
            _readable.Set();
        return error == SocketError.Success ? count : throw new SocketException((int)error);
    }

    /// <summary>Done when receiving is worth a try, or after <see cref="Wake"/>.</summary>
    public ValueTask WaitAsync() => _readable.WaitAsync();

    /// <summary>Lets the one who waits to receive look at the world.</summary>
    public void Wake() => _readable.Set();

    /// <summary>Lets the one who waits for a flush look at the world.</summary>
    public void WakeFlush() => _drained.Set();

    /// <summary>Room for output, which counts after <see cref="Advance"/>.</summary>
    public Memory<byte> GetMemory(int size)
    {
        lock (_lock)
        {
            size = Math.Max(size, 1);
            if (_output.Length - _written < size)
                MakeRoom(size);
            _isLent = true;
            return _output.AsMemory(_written);
        }
    }

    public void Advance(int count)
    {
        lock (_lock)
        {
            _isLent = false;
            if (!_isClosed)
                _written += count;
        }
    }

    /// <summary>Sends what was written, now or at the end of the poller's turn.</summary>
    /// <returns>False if that cannot be done now, as the other side takes nothing: then <see cref="WaitForRoomAsync"/>.</returns>
    public bool Flush()
    {
        lock (_lock)
        {
            _flushed = _written;
            if (!_isStuck && _sent < _flushed && !IsSentLater())
                SendSome();
            return !AwaitsRoom();
        }
    }

    /// <summary>Done when there was room, or a <see cref="WakeFlush"/>, since sending was last tried in vain.</summary>
    public ValueTask WaitForRoomAsync() => _drained.WaitAsync();

    /// <summary>Sends bytes that are not copied, after what was written before.</summary>
    /// <returns>How many; fewer than given, maybe none: then <see cref="WaitForRoomAsync"/>.</returns>
    /// <exception cref="SocketException">The connection broke.</exception>
    /// <exception cref="ObjectDisposedException">It was closed here.</exception>
    public int TrySend(ReadOnlySpan<byte> bytes)
    {
        lock (_lock)
        {
            if (bytes.Length <= OutputSize && Poller.OfThisThread is not null && !_isStuck && _written - _sent < Together)
            {
                if (_output.Length - _written < bytes.Length)
                    MakeRoom(bytes.Length);
                bytes.CopyTo(_output.AsSpan(_written));
                _flushed = _written += bytes.Length;
                IsSentLater();
                return bytes.Length;
            }
            _flushed = _written;
            if (!_isStuck)
                SendSome();
            if (IsBroken)
                throw new SocketException((int)SocketError.ConnectionReset);
            var sent = _isStuck ? 0 : SendTo(bytes);
            if (sent == 0)
                AwaitsRoom();
            return sent;
        }
    }

    /// <summary>What the poller saw. For its thread alone.</summary>
    public void Happened(SocketEvents events)
    {
        if ((events & (SocketEvents.Failed | SocketEvents.HungUp | SocketEvents.PeerEnded)) != SocketEvents.None)
        {
            _hasPeerEnded = true;
            PeerEnded?.Invoke();
        }
        if ((events & ~SocketEvents.Readable) != SocketEvents.None)
        {
            bool isFree;
            lock (_lock)
            {
                isFree = _isStuck;
                _isStuck = false;
                if (isFree)
                    SendSome();
                isFree &= !_isStuck;
            }
            if (isFree)
                _drained.Set();
        }
        if ((events & ~SocketEvents.Writable) != SocketEvents.None)
            _readable.Set();
    }

    /// <summary>The poller's turn has ended.</summary>
    public void SendNow()
    {
        lock (_lock)
        {
            _isSentLater = false;
            if (!_isStuck)
                SendSome();
        }
    }

    /// <summary>Tells the other side that nothing more will be sent.</summary>
    /// <exception cref="SocketException">The connection broke.</exception>
    /// <exception cref="ObjectDisposedException">It was closed here.</exception>
    public async ValueTask EndSendingAsync()
    {
        SendNow();
        while (IsLeft())
            await WaitForRoomAsync();
        _socket.Shutdown(SocketShutdown.Send);
    }

    /// <summary>Closes it: what was flushed is sent first, as far as the other side takes it in half a minute.</summary>
    public async ValueTask EndAsync(TimeProvider clock)
    {
        SendNow();
        // A writer that still waits has given up what it sent.
        if (IsLeft() && !_drained.IsAwaited)
        {
            using var late = new CancellationTokenSource(EndsWithin, clock);
            using var resetting = late.Token.UnsafeRegister(static s => ((PolledSocket)s!).Reset(), this);
            do
                await WaitForRoomAsync();
            while (IsLeft());
        }
        try
        {
            _socket.Shutdown(SocketShutdown.Send);
            await Lingering.DropUnreadAsync(this, clock);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The other side was quicker, or too slow.
        }
        Dispose();
    }

    /// <summary>Closes it with a reset, after what was flushed, as far as the other side takes that at once.</summary>
    public void Reset()
    {
        SendNow();
        Close(static socket => socket.Close(timeout: 0));
    }

    /// <summary>Closes it; what is not sent is lost. Whoever waits goes on in the thread pool and finds it closed.</summary>
    public void Dispose() => Close(static socket => socket.Dispose());

    private void Close(Action<Socket> how)
    {
        lock (_lock)
        {
            if (_isClosed)
                return;
            _isClosed = IsBroken = true;
            _poller.Remove(this);
            Free();
        }
        how(_socket);
        _readable.SetElsewhere();
        _drained.SetElsewhere();
    }

    /// <summary>True if something flushed could not be sent yet: then <see cref="WaitForRoomAsync"/>.</summary>
    private bool IsLeft()
    {
        lock (_lock)
            return AwaitsRoom();
    }

    /// <summary>Before one waits for room: from here on it shows itself in <see cref="_drained"/>, as does whoever wakes the one who waits.</summary>
    private bool AwaitsRoom()
    {
        if (!_isStuck || IsBroken)
            return false;
        _drained.Take();
        return true;
    }

    /// <summary>True if others who are served by this thread come first.</summary>
    private bool HadItsTurn()
    {
        if (Poller.OfThisThread is not { } here)
            return false;
        if (_turn != here.Turn)
            (_turn, _received) = (here.Turn, 0);
        if (++_received <= ReceivesInTurn)
            return false;
        here.WakeLater(this);
        return true;
    }

    private bool IsSentLater()
    {
        if (_isSentLater)
            return _written - _sent < Together;
        if (_written - _sent >= Together || Poller.OfThisThread is not { } here)
            return false;
        _isSentLater = true;
        here.SendLater(this);
        return true;
    }

    private void SendSome()
    {
        if (IsBroken)
            return;
        try
        {
            _sent += SendTo(_output.AsSpan(_sent, _flushed - _sent));
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The reader hears of it from the socket.
            IsBroken = true;
            _sent = _flushed;
        }
        if (_sent == _written && !_isLent)
            Free();
    }

    private int SendTo(ReadOnlySpan<byte> bytes)
    {
        var sent = 0;
        while (sent < bytes.Length)
        {
            sent += _socket.Send(bytes[sent..], SocketFlags.None, out var error);
            if (error == SocketError.WouldBlock)
            {
                _isStuck = true;
                break;
            }
            if (error != SocketError.Success)
                throw new SocketException((int)error);
        }
        return sent;
    }

    private void MakeRoom(int size)
    {
        var pending = _written - _sent;
        var larger = ArrayPool<byte>.Shared.Rent(Math.Max(OutputSize, pending + size));
        _output.AsSpan(_sent, pending).CopyTo(larger);
        if (_output.Length > 0)
            ArrayPool<byte>.Shared.Return(_output);
        _output = larger;
        _flushed -= _sent;
        _written = pending;
        _sent = 0;
    }

    private void Free()
    {
        // A writer that still has the room keeps it; the collector takes it then.
        if (_output.Length > 0 && !_isLent)
            ArrayPool<byte>.Shared.Return(_output);
        _output = [];
        _sent = _flushed = _written = 0;
    }
}
