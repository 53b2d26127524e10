using System.Net;
using System.Security.Cryptography.X509Certificates;
using Mainstay.Routing;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;

namespace Mainstay.Tests.Routing;

/// <summary>A real server behind the gateway: Kestrel on a free port, with TLS and HTTP/2 as a test wants.</summary>
internal sealed class KestrelServer : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly bool _isSecured;
    private int _received;

    private KestrelServer(WebApplication app, bool isSecured) => (_app, _isSecured) = (app, isSecured);

    /// <summary>Requests that arrived.</summary>
    public int Received => Volatile.Read(ref _received);

    public int Port => new Uri(_app.Urls.First()).Port;

    /// <param name="serve">Answers requests.</param>
    /// <param name="protocols">What it speaks.</param>
    /// <param name="certificate">Its certificate; null: no TLS.</param>
    /// <param name="client">Judges the callers' certificates; null: it asks for none.</param>
    public static async Task<KestrelServer> StartAsync(
        RequestDelegate serve, HttpProtocols protocols = HttpProtocols.Http1, X509Certificate2? certificate = null,
        Func<X509Certificate2, bool>? client = null)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen =>
        {
            listen.Protocols = protocols;
            if (certificate is null)
                return;
            listen.UseHttps(certificate, https =>
            {
                https.ClientCertificateMode = client is null ? ClientCertificateMode.NoCertificate : ClientCertificateMode.RequireCertificate;
                https.ClientCertificateValidation = (shown, _, _) => client!(shown);
            });
        }));
        var app = builder.Build();
        var server = new KestrelServer(app, certificate is not null);
        app.Run(http =>
        {
            Interlocked.Increment(ref server._received);
            return serve(http);
        });
        await app.StartAsync().Patiently();
        return server;
    }

    public Server In(string region) => new()
    {
        Url = new Uri($"{(_isSecured ? "https" : "http")}://127.0.0.1:{Port}"),
        Region = region,
    };

    public async ValueTask DisposeAsync()
    {
        using var now = new CancellationTokenSource();
        await now.CancelAsync();
        await _app.StopAsync(now.Token);
        await _app.DisposeAsync();
    }
}
