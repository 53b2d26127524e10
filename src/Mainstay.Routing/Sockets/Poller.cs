using System.Globalization;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Mainstay.Routing.Sockets;

/// <summary>
/// One thread that waits for the sockets of traffic (Linux: epoll(7), edge-triggered) and goes on there and then with what waits
/// for them. What is written meanwhile is sent at the end of each turn: sends one after the other find their receivers
/// awake, and waking a process is the dearest part of a send. Whatever runs on this thread must not block.
/// </summary>
internal sealed class Poller
{
    /// <summary>What is written within a turn waits no longer than it takes to handle so many events.</summary>
    private const int EventsInTurn = 32;
    private const int Interrupted = 4;
    private const int Add = 1;
    private const int Forever = -1;

    /// <summary>How often what was given to <see cref="OnEachBeat"/> is called.</summary>
    public static readonly TimeSpan Beat = TimeSpan.FromMilliseconds(20);

    /// <summary>Programs that this one starts do not get it.</summary>
    private const int CloseOnExec = 0x80000;

    /// <summary>The kernel's struct is packed on x86 alone.</summary>
    private static readonly int EventSize = RuntimeInformation.ProcessArchitecture is Architecture.X64 or Architecture.X86 ? 12 : 16;
    private static readonly Lazy<Poller[]?> All = new(StartAll);
    private static readonly Lock Beating = new();
    private static Action? _eachBeat;
    private static int _next;
    [ThreadStatic]
    private static Poller? _ofThisThread;

    private readonly int _epoll;
    private readonly Lock _lock = new();
    private readonly Stack<int> _free = new();
    private readonly List<PolledSocket> _unsent = [];
    private readonly List<PolledSocket> _unread = [];
    private readonly bool _beats;
    private PolledSocket?[] _sockets = new PolledSocket?[256];
    private long _generation;
    private long _nextBeat;

    /// <param name="beats">True for the one that keeps the beat.</param>
    private Poller(bool beats)
    {
        _beats = beats;
        _epoll = EpollCreate(CloseOnExec);
        if (_epoll < 0)
            throw new SocketException(Marshal.GetLastPInvokeError());
        for (var i = _sockets.Length - 1; i >= 0; i--)
            _free.Push(i);
        new Thread(Run) { IsBackground = true, Name = "Traffic" }.Start();
    }

    /// <summary>The poller whose thread this is; null on any other thread.</summary>
    public static Poller? OfThisThread => _ofThisThread;

    /// <summary>Told of an exception that nobody caught: it costs the socket it came from, and no other.</summary>
    public static Action<Exception> NoteBug { get; set; } = static _ => { };

    /// <summary>Calls it every <see cref="Beat"/> on the thread of one poller, which wakes for that at a tenth of what a timer of
    /// .NET costs; a call that comes later tells that the thread stood still. It must neither block nor throw.</summary>
    public static void OnEachBeat(Action act)
    {
        lock (Beating)
            _eachBeat += act;
    }

    /// <summary>Ends what <see cref="OnEachBeat"/> began; one last call may be under way.</summary>
    public static void EndBeats(Action act)
    {
        lock (Beating)
            _eachBeat -= act;
    }

    /// <summary>Counts the turns. For the thread of this poller alone.</summary>
    public long Turn { get; private set; } = 1;

    /// <summary>True if this system has what is needed; else traffic uses the sockets of .NET as they are.</summary>
    public static bool IsSupported => All.Value is not null;

    /// <summary>For a new socket: that of this thread, so that caller and server are served by one; else each in turn.</summary>
    public static Poller Choose() =>
        _ofThisThread ?? All.Value![(uint)Interlocked.Increment(ref _next) % (uint)All.Value.Length];

    /// <summary>Watches a socket until it is closed.</summary>
    public void Watch(PolledSocket socket, SafeSocketHandle handle)
    {
        long number;
        lock (_lock)
        {
            if (_free.Count == 0)
                Grow();
            var place = _free.Pop();
            number = socket.Number = NumberOf(++_generation, place);
            _sockets[place] = socket;
        }
        Span<byte> item = stackalloc byte[16];
        var events = (uint)(SocketEvents.Readable | SocketEvents.Writable | SocketEvents.PeerEnded | SocketEvents.EdgeTriggered);
        MemoryMarshal.Write(item, events);
        MemoryMarshal.Write(item[(EventSize - sizeof(long))..], number);
        var error = -1;
        try
        {
            // Throws for a socket that was closed meanwhile.
            error = EpollControl(_epoll, Add, handle, ref MemoryMarshal.GetReference(item)) == 0 ? 0 : Marshal.GetLastPInvokeError();
        }
        finally
        {
            if (error != 0)
                Remove(socket);
        }
        if (error != 0)
            throw new SocketException(error);
    }

    /// <summary>Forgets a socket; to be called before it is closed, which ends the kernel's watch.</summary>
    public void Remove(PolledSocket socket)
    {
        lock (_lock)
        {
            if (socket.Number < 0)
                return;
            var place = (int)(uint)socket.Number;
            socket.Number = -1;
            _sockets[place] = null;
            _free.Push(place);
        }
    }

    /// <summary>Sends at the end of the turn what the socket holds. For the thread of this poller alone.</summary>
    public void SendLater(PolledSocket socket) => _unsent.Add(socket);

    /// <summary>Wakes in the next turn whoever waits to receive. For the thread of this poller alone.</summary>
    public void WakeLater(PolledSocket socket) => _unread.Add(socket);

    /// <summary>The lower half is its place, the upper half tells it from who stood there before; never below 0.</summary>
    internal static long NumberOf(long generation, int place) => ((generation & int.MaxValue) << 32) | (uint)place;

    private static Poller[]? StartAll()
    {
        if (!OperatingSystem.IsLinux())
            return null;
        var said = Environment.GetEnvironmentVariable("DOTNET_SYSTEM_NET_SOCKETS_THREAD_COUNT");
        var count = int.TryParse(said, NumberStyles.None, CultureInfo.InvariantCulture, out var wanted) && wanted > 0
            ? wanted
            : Math.Max(1, Environment.ProcessorCount / 2);
        return [.. Enumerable.Range(0, count).Select(i => new Poller(beats: i == 0))];
    }

    private void Grow()
    {
        var former = _sockets.Length;
        Array.Resize(ref _sockets, former * 2);
        for (var i = _sockets.Length - 1; i >= former; i--)
            _free.Push(i);
    }

    private void Run()
    {
        _ofThisThread = this;
        var events = GC.AllocateArray<byte>(EventsInTurn * EventSize, pinned: true);
        while (true)
        {
            var count = EpollWait(_epoll, ref events[0], EventsInTurn, _unread.Count > 0 ? 0 : UntilBeat());
            if (count < 0 && Marshal.GetLastPInvokeError() is not Interrupted and var error)
                throw new SocketException(error);
            var unread = _unread.Count;
            Turn++;
            for (var i = 0; i < count; i++)
            {
                var item = events.AsSpan(i * EventSize, EventSize);
                var number = MemoryMarshal.Read<long>(item[(EventSize - sizeof(long))..]);
                // Its place may stand for another socket by now: what happened to the former is none of that one's business.
                if (Volatile.Read(ref _sockets)[(int)(uint)number] is { } socket && socket.Number == number)
                    Try(socket, static (s, events) => s.Happened(events), (SocketEvents)MemoryMarshal.Read<uint>(item));
            }
            for (var i = 0; i < unread; i++)
                Try(_unread[i], static (s, _) => s.Wake(), SocketEvents.None);
            _unread.RemoveRange(0, unread);
            // Sending may let others go on, who write more.
            for (var i = 0; i < _unsent.Count; i++)
                Try(_unsent[i], static (s, _) => s.SendNow(), SocketEvents.None);
            _unsent.Clear();
            if (_beats)
                BeatIfDue();
        }
    }

    /// <summary>Milliseconds, rounded up, since a wait that ends too early is one more turn.</summary>
    private int UntilBeat() =>
        _beats ? Math.Clamp((int)((_nextBeat - TimeProvider.System.GetTimestamp()) * 1000 / TimeProvider.System.TimestampFrequency) + 1, 0, (int)Beat.TotalMilliseconds) : Forever;

    private void BeatIfDue()
    {
        var now = TimeProvider.System.GetTimestamp();
        if (now < _nextBeat)
            return;
        _nextBeat = now + (long)(Beat.TotalSeconds * TimeProvider.System.TimestampFrequency);
        try
        {
            Volatile.Read(ref _eachBeat)?.Invoke();
        }
        catch (Exception e)
        {
            NoteBug(e);
        }
    }

    /// <summary>A bug must cost one connection, not the thread that serves all of them.</summary>
    private static void Try(PolledSocket socket, Action<PolledSocket, SocketEvents> act, SocketEvents events)
    {
        try
        {
            act(socket, events);
        }
        catch (Exception e)
        {
            NoteBug(e);
            socket.Dispose();
        }
    }

    [DllImport("libc", EntryPoint = "epoll_create1", SetLastError = true), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int EpollCreate(int flags);

    [DllImport("libc", EntryPoint = "epoll_ctl", SetLastError = true), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int EpollControl(int epoll, int operation, SafeSocketHandle socket, ref byte item);

    [DllImport("libc", EntryPoint = "epoll_wait", SetLastError = true), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int EpollWait(int epoll, ref byte events, int most, int milliseconds);
}

/// <summary>What the kernel says of a socket; the values of epoll_ctl(2).</summary>
[Flags]
internal enum SocketEvents : uint
{
    None = 0,
    Readable = 0x1,
    Writable = 0x4,
    Failed = 0x8,
    HungUp = 0x10,
    PeerEnded = 0x2000,
    EdgeTriggered = 0x80000000,
}
