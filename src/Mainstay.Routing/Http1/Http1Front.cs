using System.Buffers;
using System.IO.Pipelines;
using Mainstay.Routing.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Microsoft.Extensions.Logging;

namespace Mainstay.Routing.Http1;

/// <summary>
/// Serves HTTP/1.1 on Kestrel's connections with a parser of its own, because Kestrel's lets shapes through that a gateway
/// must refuse. HTTP/2, told by ALPN or by its preface, is handed on to Kestrel on the same port.
/// </summary>
/// <param name="serve">Serves one request, such as <see cref="Gateway.HandleAsync"/>.</param>
/// <param name="idPrefix">Starts every request id; tells this process from others and from its former lives.</param>
/// <param name="clock">For deadlines and the Date field.</param>
/// <param name="log">Told of bugs alone.</param>
/// <param name="limits">Bounds of a connection; null: the usual ones.</param>
public sealed partial class Http1Front(
    Func<Exchange, ValueTask> serve, string idPrefix, TimeProvider clock, ILogger<Http1Front> log, Http1Limits? limits = null) : IDisposable
{
    private static readonly byte[] Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8.ToArray();

    /// <summary>Connections of HTTP/1.1 that are open.</summary>
    public int Connections => Clock.Count;

    internal Http1Limits Limits { get; } = limits ?? new Http1Limits();

    internal ConnectionClock Clock { get; } = new(clock);

    internal TimeProvider Time => clock;

    /// <summary>Puts this front on a listener. To be called after UseHttps, if that is called.</summary>
    /// <param name="listen">The listener.</param>
    /// <param name="isTls">True if it speaks TLS.</param>
    public void Use(ListenOptions listen, bool isTls = false)
    {
        Poller.NoteBug = NoteBug;
        // What is handed on is HTTP/2 and nothing else; with TLS both are offered, and ALPN decides.
        listen.Protocols = isTls ? HttpProtocols.Http1AndHttp2 : HttpProtocols.Http2;
        listen.Use(next => connection => AcceptAsync(connection, next));
    }

    /// <summary>Stops watching deadlines; for after the listener stopped.</summary>
    public void Dispose() => Clock.Dispose();

    internal ValueTask ServeAsync(Http1Connection connection, RequestHead head, RequestBody? body)
    {
        var id = Exchange.NewId(idPrefix);
        connection.Answer.Head.Clear(id);
        return serve(new Http1Exchange(connection, head, body, id));
    }

    internal void NoteBug(Exception exception) => LogBug(exception);

    private async Task AcceptAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        var alpn = connection.Features.Get<ITlsApplicationProtocolFeature>()?.ApplicationProtocol ?? default;
        bool? isHttp2 = alpn.IsEmpty ? await IsHttp2Async(connection) : alpn.Span.SequenceEqual("h2"u8);
        if (isHttp2 == true)
            await next(connection);
        else if (isHttp2 == false)
            await new Http1Connection(connection, this).RunAsync();
    }

    /// <summary>
    /// Looks at the first bytes and leaves them where they are. Null if the connection ends here: too few came in time, it
    /// broke, or the program stops.
    /// </summary>
    private async ValueTask<bool?> IsHttp2Async(ConnectionContext connection)
    {
        var stopping = connection.Features.Get<IConnectionLifetimeNotificationFeature>()?.ConnectionClosedRequested ?? default;
        using var late = new CancellationTokenSource(Limits.Head, clock);
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(late.Token, stopping);
        var input = connection.Transport.Input;
        try
        {
            while (true)
            {
                var read = await input.ReadAsync(ends.Token);
                var isPreface = StartsPreface(read.Buffer, out var isSure);
                isSure |= read.IsCompleted;
                isPreface &= !read.IsCompleted;
                input.AdvanceTo(read.Buffer.Start, isSure ? read.Buffer.Start : read.Buffer.End);
                if (isSure)
                    return isPreface;
            }
        }
        catch (Exception e) when (e is OperationCanceledException or IOException)
        {
            return null;
        }
    }

    /// <param name="start">What came so far.</param>
    /// <param name="isSure">False if more bytes may change the answer.</param>
    private static bool StartsPreface(ReadOnlySequence<byte> start, out bool isSure)
    {
        Span<byte> first = stackalloc byte[Preface.Length];
        var length = (int)Math.Min(start.Length, first.Length);
        start.Slice(0, length).CopyTo(first);
        var isPreface = first[..length].SequenceEqual(Preface.AsSpan(0, length));
        isSure = !isPreface || length == Preface.Length;
        return isPreface;
    }

    [LoggerMessage(LogLevel.Error, "A bug failed a request; others go on.")]
    private partial void LogBug(Exception exception);
}
