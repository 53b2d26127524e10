using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using Mainstay.Routing;
using Mainstay.Routing.Certificates;
using Mainstay.Routing.Http;
using Mainstay.Routing.Http1;
using Mainstay.Routing.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Mainstay.Tests.Routing;

/// <summary>A gateway behind a real Kestrel on a free port, with a clock that the test moves, and a caller for it.</summary>
internal sealed class GatewayHouse : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly LiveRoutes _routes;
    private readonly OutcomeFeed _feed;
    private readonly Http1Front _front;

    private GatewayHouse(WebApplication app, LiveRoutes routes, OutcomeFeed feed, Http1Front front, Gateway gateway)
    {
        Gateway = gateway;
        _app = app;
        _routes = routes;
        _feed = feed;
        _front = front;
    }

    public required ManualTime Clock { get; init; }

    public HttpClient Caller { get; } = new(new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false }) { Timeout = Patience.Generous };

    public Uri Url => new(_app.Urls.First());

    /// <summary>Places taken on all servers.</summary>
    public int Outstanding => _routes.Current.Services.Sum(s => s.Servers.Sum(server => server.Outstanding));

    public Gateway Gateway { get; }

    public LiveService Service => _routes.Current.Services[0];

    public static Task<GatewayHouse> StartAsync(params ImmutableArray<Server> servers) => StartAsync(Tables.Service(servers));

    /// <param name="service">The one service.</param>
    /// <param name="tls">TLS towards callers; null: none.</param>
    public static async Task<GatewayHouse> StartAsync(Service service, ListenerCertificate? tls = null)
    {
        Http1Front? front = null;
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        PolledListeners.Use(builder.Services);
        builder.WebHost.UseKestrel(o =>
        {
            KestrelFront.Configure(o);
            o.Listen(IPAddress.Loopback, 0, listen =>
            {
                tls?.Use(listen);
                front!.Use(listen, isTls: tls is not null);
            });
        });
        var clock = new ManualTime();
        var routes = new LiveRoutes(clock);
        routes.Swap(new RouteTable(118, [service], []));
        var feed = new OutcomeFeed();
        var gateway = new Gateway(routes, new Picker(seed: 1), feed, clock, new Random(1), NullLogger<Gateway>.Instance);
        // Its deadlines are not what is tried here, and its timer must not be among those that a test waits for.
        front = new Http1Front(gateway.HandleAsync, "t", TimeProvider.System, NullLogger<Http1Front>.Instance);
        var app = builder.Build();
        var house = new GatewayHouse(app, routes, feed, front, gateway) { Clock = clock };
        app.Run(KestrelFront.For(gateway, "t"));
        await app.StartAsync().Patiently();
        return house;
    }

    /// <summary>Puts another table in force.</summary>
    public void Use(RouteTable table) => _routes.Swap(table);

    /// <summary>The record of the next request to end.</summary>
    public async Task<Outcome> OutcomeAsync()
    {
        while (true)
            if (await _feed.Reader.ReadAsync().Patiently() is Outcome outcome)
                return outcome;
    }

    /// <summary>A request whose answer is handed over as soon as its head is here.</summary>
    public Task<HttpResponseMessage> SendAsync(
        HttpMethod method, string target = "/predict", HttpContent? content = null, CancellationToken cancel = default,
        params (string Name, string Value)[] headers)
    {
        var request = new HttpRequestMessage(method, new Uri(Url, target)) { Content = content };
        foreach (var (name, value) in headers)
            request.Headers.TryAddWithoutValidation(name, value);
        return Caller.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancel).Patiently();
    }

    public async Task<(int Status, string Body)> AskAsync(
        HttpMethod method, string target = "/predict", string? body = null, params (string Name, string Value)[] headers)
    {
        using var content = body is null ? null : new StringContent(body);
        using var answer = await SendAsync(method, target, content, default, headers);
        return ((int)answer.StatusCode, await answer.Content.ReadAsStringAsync().Patiently());
    }

    /// <summary>A caller that writes its own bytes.</summary>
    public async Task<(Socket Socket, Connection Connection)> ConnectAsync()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(IPAddress.Loopback, Url.Port);
        return (socket, new Connection(socket, CancellationToken.None));
    }

    /// <summary>Asks it to stop in order; ends when its last connection has ended.</summary>
    public Task StopAsync() => _app.StopAsync();

    /// <summary>Moves the clock in small steps until something has happened.</summary>
    public async Task<T> WhileTimePassesAsync<T>(Task<T> happens)
    {
        var start = TimeProvider.System.GetTimestamp();
        while (!happens.IsCompleted && TimeProvider.System.GetElapsedTime(start) < Patience.Generous)
        {
            Clock.Advance(TimeSpan.FromMilliseconds(20));
            await Task.WhenAny(happens, Task.Run(Thread.Yield));
        }
        return await happens.Patiently();
    }

    public async ValueTask DisposeAsync()
    {
        Caller.Dispose();
        using var now = new CancellationTokenSource();
        await now.CancelAsync();
        await _app.StopAsync(now.Token);
        await _app.DisposeAsync();
        _front.Dispose();
    }
}
