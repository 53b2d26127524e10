using System.Net;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Mainstay.Models;

/// <summary>Kestrel and nothing else: no configuration files, no logging, no routing tables, so that it starts fast.</summary>
internal static class ModelHost
{
    // Kestrel counts the frames of a chunked body as body; the endpoint holds the exact bound.
    private const int FramingBytes = 16 * 1024;
    private const int MaxConnections = 10_000;

    public static WebApplication Build(IPEndPoint address, RequestDelegate answer, int maxBodyBytes)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = maxBodyBytes + FramingBytes;
            kestrel.Limits.MaxConcurrentConnections = MaxConnections;
            kestrel.Listen(address, listen => listen.Protocols = HttpProtocols.Http1);
        });
        var app = builder.Build();
        app.Run(answer);
        return app;
    }

    /// <summary>Where a started host listens, with the port that the system chose.</summary>
    public static string UrlOf(WebApplication app) =>
        app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();
}
