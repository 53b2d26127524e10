using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using Mainstay.Routing.Certificates;
using Mainstay.Routing.Sockets;

namespace Mainstay.Routing.Upstream;

/// <summary>Opens connections to servers: TCP, and TLS over it where the url is https.</summary>
internal static class ServerConnector
{
    /// <param name="server">Where to.</param>
    /// <param name="addresses">Knows where its name leads.</param>
    /// <param name="trust">What the server must prove.</param>
    /// <param name="isHttp2">True: over TLS the server must agree to HTTP/2 (ALPN).</param>
    /// <param name="within">For TCP and TLS together: the time, and the token that is cancelled when it has passed.</param>
    /// <param name="clock">Its time judges certificates.</param>
    /// <param name="cancel">Ends the try.</param>
    /// <param name="limit">Is told of the socket while it connects; null: nobody is.</param>
    /// <returns>The socket and, for https, the stream that secures it; disposing of either closes both.</returns>
    /// <exception cref="NotReachedException">No connection; says why, for people.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static async Task<(Socket Socket, SslStream? Secured)> OpenAsync(
        Server server, HostAddresses addresses, ServerTrust trust, bool isHttp2, (TimeSpan Time, CancellationToken Late) within, TimeProvider clock, CancellationToken cancel,
        AttemptClock.ConnectLimit? limit = null)
    {
        using var both = CancellationTokenSource.CreateLinkedTokenSource(within.Late, cancel);
        Socket? socket = null;
        string? refused = null;
        try
        {
            socket = Kept(new Socket(SocketType.Stream, ProtocolType.Tcp));
            var isSecured = server.Url.Scheme == Uri.UriSchemeHttps;
            if (isSecured && trust.Refusal is { } unread)
                throw new NotReachedException(unread);
            limit?.Connecting = socket;
            await socket.ConnectAsync(await addresses.OfAsync(server.Url.DnsSafeHost, both.Token), server.Url.Port, both.Token);
            limit?.Connecting = null;
            if (!isSecured)
                return (socket, null);
            var secured = new SslStream(new NetworkStream(socket, ownsSocket: true));
            await secured.AuthenticateAsClientAsync(trust.OptionsFor(server, isHttp2, clock.GetUtcNow(), why => refused = why), both.Token);
            if (isHttp2 && secured.NegotiatedApplicationProtocol != SslApplicationProtocol.Http2)
                throw new NotReachedException("it does not agree to HTTP/2; set services[].protocol to http1");
            return (socket, secured);
        }
        catch (Exception e)
        {
            socket?.Dispose();
            throw Reason(e, server, within, refused, cancel);
        }
    }

    /// <summary>The same for TCP alone, watched by a poller.</summary>
    /// <inheritdoc cref="OpenAsync"/>
    public static async Task<PolledSocket> OpenPolledAsync(
        Server server, HostAddresses addresses, (TimeSpan Time, CancellationToken Late) within, AttemptClock.ConnectLimit limit, CancellationToken cancel)
    {
        using var both = CancellationTokenSource.CreateLinkedTokenSource(within.Late, cancel);
        try
        {
            return await ConnectAsync(await addresses.OfAsync(server.Url.DnsSafeHost, both.Token), server.Url.Port, socket => limit.Connecting = socket, both.Token);
        }
        catch (Exception e)
        {
            throw Reason(e, server, within, refused: null, cancel);
        }
    }

    /// <summary>Connects to the first address that can be reached.</summary>
    /// <param name="connecting">Told of the socket while it connects, of null afterwards.</param>
    /// <exception cref="SocketException">No address can be reached; the last reason.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    private static async Task<PolledSocket> ConnectAsync(IPAddress[] addresses, int port, Action<Socket?> connecting, CancellationToken cancel)
    {
        for (var i = 0; ; i++)
        {
            if (i == addresses.Length)
                throw new SocketException((int)SocketError.HostNotFound);
            var socket = new PolledSocket(Kept(new Socket(addresses[i].AddressFamily, SocketType.Stream, ProtocolType.Tcp)), Poller.Choose());
            try
            {
                connecting(socket.Socket);
                await socket.ConnectAsync(new IPEndPoint(addresses[i], port), cancel);
                connecting(null);
                return socket;
            }
            catch (Exception e)
            {
                socket.Dispose();
                cancel.ThrowIfCancellationRequested();
                if (e is not SocketException || i == addresses.Length - 1)
                    throw;
            }
        }
    }

    /// <exception cref="SocketException">It took one of the last descriptors, which are kept for files.</exception>
    private static Socket Kept(Socket socket)
    {
        if (Descriptors.IsKeptForFiles(socket))
        {
            socket.Dispose();
            throw new SocketException((int)SocketError.TooManyOpenSockets);
        }
        socket.NoDelay = true;
        return socket;
    }

    /// <summary>What people are told of a failure.</summary>
    private static Exception Reason(
        Exception e, Server server, (TimeSpan Time, CancellationToken Late) within, string? refused, CancellationToken cancel)
    {
        if (e is OperationCanceledException && within.Late.IsCancellationRequested && !cancel.IsCancellationRequested)
            return new NotReachedException(FormattableString.Invariant($"no connection within {within.Time.TotalSeconds:0.###} s"), e);
        return e switch
        {
            SocketException { SocketErrorCode: SocketError.ConnectionRefused } => new NotReachedException("it refused the connection", e),
            SocketException { SocketErrorCode: SocketError.HostNotFound or SocketError.NoData or SocketError.TryAgain } =>
                new NotReachedException($"the name {server.Url.DnsSafeHost} leads to no address", e),
            SocketException { SocketErrorCode: SocketError.TooManyOpenSockets or SocketError.NoBufferSpaceAvailable } =>
                new NotReachedException(NotReachedException.OutOfSockets, e) { Result = AttemptResult.OutOfSockets },
            SocketException => new NotReachedException(e.Message, e),
            AuthenticationException => new NotReachedException(refused ?? TlsAlert.Meaning(e) ?? $"the TLS handshake failed: {Innermost(e)}", e),
            IOException and not NotReachedException => new NotReachedException(TlsAlert.Meaning(e) ?? "it broke off the TLS handshake; if it demands a client certificate, set services[].tls.certificate and key", e),
            _ => e,
        };
    }

    private static string Innermost(Exception e)
    {
        while (e.InnerException is { } inner)
            e = inner;
        return e.Message.TrimEnd('.');
    }
}

/// <summary>A server could not be reached; the message says why, for people. The request surely did not get there.</summary>
internal sealed class NotReachedException(string why, Exception? inner = null) : IOException(why, inner)
{
    public const string OutOfSockets =
        "this gateway has no file descriptor left for one more connection; raise its limit (ulimit -n, LimitNOFILE=) or spread the load";

    /// <summary>Whether the server is to blame.</summary>
    public AttemptResult Result { get; init; } = AttemptResult.NotReached;
}
