using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Mainstay.Routing.Upstream;

/// <summary>
/// Where the names of servers lead. A name is looked up once before it is used and then every few seconds beside the traffic; while
/// that fails, what it led to before goes on being used: a name server that is down must not take down the servers that it names. Safe for any number of threads.
/// </summary>
internal sealed class HostAddresses
{
    /// <summary>Cloud providers move names by records that live for as long as this or longer.</summary>
    private static readonly TimeSpan Fresh = TimeSpan.FromSeconds(5);

    /// <summary>Older than this, an address may long be somebody else's.</summary>
    private static readonly TimeSpan Usable = TimeSpan.FromHours(1);

    /// <summary>Callers cannot choose names: as many as stand in a configuration, and those before it.</summary>
    private const int Most = 10_000;
    private readonly ConcurrentDictionary<string, Entry> _known = new(StringComparer.OrdinalIgnoreCase);
    private readonly TimeProvider _clock;
    private readonly Func<string, CancellationToken, Task<IPAddress[]>> _lookUp;

    /// <param name="clock">Ages what is known.</param>
    public HostAddresses(TimeProvider clock)
        : this(clock, Dns.GetHostAddressesAsync)
    {
    }

    /// <param name="clock">Ages what is known.</param>
    /// <param name="lookUp">Asks the system; throws SocketException.</param>
    public HostAddresses(TimeProvider clock, Func<string, CancellationToken, Task<IPAddress[]>> lookUp) => (_clock, _lookUp) = (clock, lookUp);

    /// <summary>The addresses of a name, or the address that the text is; never empty.</summary>
    /// <exception cref="SocketException">The name leads to no address, nor did it lately.</exception>
    /// <exception cref="OperationCanceledException">Cancelled; happens only while nothing is known.</exception>
    public ValueTask<IPAddress[]> OfAsync(string host, CancellationToken cancel)
    {
        if (IPAddress.TryParse(host, out var one))
            return new([one]);
        if (!_known.TryGetValue(host, out var known) || _clock.GetElapsedTime(known.At) >= Usable)
            return new(LookUpAsync(host, cancel));
        // Nobody waits for a name that is known: it is looked up beside.
        if (_clock.GetElapsedTime(Volatile.Read(ref known.AskedAt)) >= Fresh && Interlocked.CompareExchange(ref known.IsAsking, 1, 0) == 0)
            _ = LookUpBesideAsync(host, known);
        return new(known.Addresses);
    }

    private async Task<IPAddress[]> LookUpAsync(string host, CancellationToken cancel)
    {
        var addresses = await _lookUp(host, cancel);
        if (addresses.Length == 0)
            throw new SocketException((int)SocketError.HostNotFound);
        if (_known.Count >= Most)
            _known.Clear();
        _known[host] = new Entry(addresses, _clock.GetTimestamp());
        return addresses;
    }

    private async Task LookUpBesideAsync(string host, Entry known)
    {
        try
        {
            await LookUpAsync(host, CancellationToken.None);
        }
        catch (Exception e) when (e is SocketException or ArgumentException)
        {
            // What is known serves on; it is tried again after the same time.
            Volatile.Write(ref known.AskedAt, _clock.GetTimestamp());
        }
        Volatile.Write(ref known.IsAsking, 0);
    }

    private sealed class Entry(IPAddress[] addresses, long at)
    {
        public readonly IPAddress[] Addresses = addresses;
        public readonly long At = at;
        public long AskedAt = at;
        public int IsAsking;
    }
}
