using System.Buffers;
using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Mainstay.Routing;
using Mainstay.Routing.Http;
using Mainstay.Routing.Http1;
using Mainstay.Routing.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Mainstay.Tests.Http1;

/// <summary>The front on a real Kestrel and a free port, with a clock that the test moves and a gateway that the test writes.</summary>
internal sealed class FrontHouse : IAsyncDisposable
{
    private readonly WebApplication _app;

    private FrontHouse(WebApplication app, Http1Front front)
    {
        _app = app;
        Front = front;
    }

    public Http1Front Front { get; }

    public required ManualTime Clock { get; init; }

    /// <summary>What <see cref="EchoAsync"/> served: method, target, host and body.</summary>
    public required ConcurrentQueue<string> Served { get; init; }

    public int Port => new Uri(_app.Urls.First()).Port;

    public static async Task<FrontHouse> StartAsync(
        Func<Exchange, Task>? gateway = null, Http1Limits? limits = null, X509Certificate2? certificate = null)
    {
        var served = new ConcurrentQueue<string>();
        var clock = new ManualTime();
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration();
        PolledListeners.Use(builder.Services);
        var front = new Http1Front(e => new ValueTask(gateway is null ? EchoAsync(e, served) : gateway(e)), "t", clock, NullLogger<Http1Front>.Instance, limits);
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            KestrelFront.Configure(kestrel);
            kestrel.Listen(IPAddress.Loopback, 0, listen =>
            {
                if (certificate is not null)
                    listen.UseHttps(certificate);
                front.Use(listen, certificate is not null);
            });
        });
        var app = builder.Build();
        app.Run(http => EchoAsync(new KestrelExchange(http, "h2"), served));
        await app.StartAsync().Patiently();
        return new FrontHouse(app, front) { Clock = clock, Served = served };
    }

    /// <summary>Reads the whole body, notes the request, and answers with its body; a broken body gets its status.</summary>
    public static async Task EchoAsync(Exchange exchange, ConcurrentQueue<string> served)
    {
        try
        {
            var body = await ReadBodyAsync(exchange);
            served.Enqueue($"{exchange.Method} {exchange.Target} {exchange.Host} {body}".TrimEnd());
            exchange.AnswerHeaders.ContentLength = Encoding.UTF8.GetByteCount(body);
            await exchange.AnswerBody.WriteAsync(Encoding.UTF8.GetBytes(body));
        }
        catch (BadHttpRequestException e)
        {
            exchange.AnswerStatus = e.StatusCode;
            exchange.AnswerHeaders.ContentLength = 0;
            await exchange.StartAnswerAsync(CancellationToken.None);
        }
    }

    public static async Task<string> ReadBodyAsync(Exchange exchange)
    {
        var body = new StringBuilder();
        while (exchange.RequestBody is { } reader)
        {
            var read = await reader.ReadAsync();
            body.Append(Encoding.UTF8.GetString(read.Buffer));
            reader.AdvanceTo(read.Buffer.End);
            if (read.IsCompleted)
                break;
        }
        return body.ToString();
    }

    public async Task<RawCaller> ConnectAsync()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(IPAddress.Loopback, Port);
        return new RawCaller(socket);
    }

    /// <summary>Sends bytes on a connection of their own and gives all that comes back until it ends.</summary>
    public async Task<string> AskAsync(string raw)
    {
        using var caller = await ConnectAsync();
        await caller.SendAsync(raw);
        return await caller.ReadToEndAsync();
    }

    public Task StopAsync() => _app.StopAsync();

    public async ValueTask DisposeAsync()
    {
        using var now = new CancellationTokenSource();
        await now.CancelAsync();
        await _app.StopAsync(now.Token);
        await _app.DisposeAsync();
        Front.Dispose();
    }
}

/// <summary>A caller that writes its own bytes, Latin-1.</summary>
internal sealed class RawCaller(Socket socket) : IDisposable
{
    private readonly byte[] _buffer = new byte[16 * 1024];
    private string _read = "";

    public Task SendAsync(string raw) => SendAsync(Encoding.Latin1.GetBytes(raw));

    public async Task SendAsync(ReadOnlyMemory<byte> raw)
    {
        while (!raw.IsEmpty)
            raw = raw[await socket.SendAsync(raw).Patiently()..];
    }

    /// <summary>Reads until the text ends so; gives it all, and begins anew.</summary>
    public async Task<string> ReadUntilAsync(string end)
    {
        int at;
        while ((at = _read.IndexOf(end, StringComparison.Ordinal)) < 0)
            if (!await FillAsync())
                throw new IOException($"The other side closed after: {_read}");
        var text = _read[..(at + end.Length)];
        _read = _read[(at + end.Length)..];
        return text;
    }

    /// <summary>Reads until the other side closes in order; throws a SocketException if it resets.</summary>
    public async Task<string> ReadToEndAsync()
    {
        while (await FillAsync())
            continue;
        return _read;
    }

    /// <summary>Reads until the other side closes or resets.</summary>
    public async Task<(string Text, bool WasReset)> ReadToEndOrResetAsync()
    {
        try
        {
            return (await ReadToEndAsync(), false);
        }
        catch (SocketException)
        {
            return (_read, true);
        }
    }

    public void EndSending() => socket.Shutdown(SocketShutdown.Send);

    public void Reset()
    {
        socket.LingerState = new LingerOption(enable: true, 0);
        socket.Close();
    }

    public void Dispose() => socket.Dispose();

    private async Task<bool> FillAsync()
    {
        var length = await socket.ReceiveAsync(_buffer).Patiently();
        _read += Encoding.Latin1.GetString(_buffer, 0, length);
        return length > 0;
    }
}
