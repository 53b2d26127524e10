using System.Net.Sockets;
using System.Text;
using Mainstay.Routing.Certificates;

namespace Mainstay.Routing.Upstream;

/// <summary>
/// The HTTP/2 connections to one server, kept by .NET's own client. All streams may share one connection, so a connection
/// that fell silent would fail every request: after a deadline passed in silence, new requests get new connections, and
/// the old ones end with their last stream. Safe for any number of threads.
/// </summary>
internal sealed class Http2Connections : IDisposable
{
    private static readonly HttpRequestOptionsKey<TimeSpan> WithinKey = new("within");
    private static readonly HttpRequestOptionsKey<Action<bool>> ConnectingKey = new("connecting");
    private readonly Lock _lock = new();
    private Shared? _current;
    private bool _closed;

    /// <summary>Says how long a connection opened for the request may take, and who wants to know of it.</summary>
    public static void Prepare(HttpRequestMessage request, TimeSpan within, Action<bool> connecting)
    {
        request.Options.Set(WithinKey, within);
        request.Options.Set(ConnectingKey, connecting);
    }

    /// <summary>The connections for one request; to be returned once.</summary>
    /// <param name="server">Whose they are.</param>
    /// <param name="trust">What the server must prove.</param>
    /// <param name="clock">Its time judges certificates.</param>
    /// <param name="deadlines">Bounds how long opening one may take.</param>
    public Shared Take(Server server, ServerTrust trust, TimeProvider clock, AttemptClock deadlines, HostAddresses addresses)
    {
        lock (_lock)
        {
            if (_current is { } old && old.Trust != trust)
                Retire(old);
            var taken = _current ?? new Shared(Open(server, trust, clock, deadlines, addresses), trust);
            // After Dispose, a request may still come that holds the table of before.
            if (_closed)
                taken.IsRetired = true;
            else
                _current = taken;
            taken.Users++;
            return taken;
        }
    }

    /// <param name="shared">What was taken.</param>
    /// <param name="wasSilent">True if a deadline ended the request: the connection may be dead.</param>
    public void Return(Shared shared, bool wasSilent)
    {
        bool isLast;
        lock (_lock)
        {
            shared.Users--;
            if (wasSilent)
                Retire(shared);
            isLast = shared is { IsRetired: true, Users: 0 };
        }
        if (isLast)
            shared.Client.Dispose();
    }

    /// <summary>Closes the idle ones now and the busy ones with their last stream.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            _closed = true;
            if (_current is { } last)
                Retire(last);
        }
    }

    private void Retire(Shared shared)
    {
        if (_current == shared)
            _current = null;
        if (!shared.IsRetired && shared.Users == 0)
            shared.Client.Dispose();
        shared.IsRetired = true;
    }

    private static HttpMessageInvoker Open(Server server, ServerTrust trust, TimeProvider clock, AttemptClock deadlines, HostAddresses addresses) => new(new SocketsHttpHandler
    {
        AllowAutoRedirect = false,
        UseCookies = false,
        UseProxy = false,
        ActivityHeadersPropagator = null,
        EnableMultipleHttp2Connections = true,
        PooledConnectionIdleTimeout = HttpUpstream.IdleExpires,
        // What fronts take in as UTF-8 goes out so; answers are read as Latin-1, which every byte is.
        RequestHeaderEncodingSelector = (_, _) => Encoding.UTF8,
        ResponseHeaderEncodingSelector = (_, _) => Encoding.Latin1,
        ConnectCallback = async (context, cancel) =>
        {
            var options = context.InitialRequestMessage.Options;
            options.TryGetValue(ConnectingKey, out var connecting);
            options.TryGetValue(WithinKey, out var within);
            connecting?.Invoke(true);
            using var deadline = deadlines.Limit(within);
            var (socket, secured) = await ServerConnector.OpenAsync(server, addresses, trust, isHttp2: true, (within, deadline.Token), clock, cancel, deadline);
            connecting?.Invoke(false);
            return (Stream?)secured ?? new NetworkStream(socket, ownsSocket: true);
        },
    });

    /// <summary>Connections that several requests use.</summary>
    internal sealed class Shared(HttpMessageInvoker client, ServerTrust trust)
    {
        public HttpMessageInvoker Client => client;

        public ServerTrust Trust => trust;

        /// <summary>Requests under way; held under the lock of the whole.</summary>
        public int Users { get; set; }

        /// <summary>True: no new request gets it, and the last one closes it.</summary>
        public bool IsRetired { get; set; }
    }
}
