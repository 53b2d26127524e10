using System.Text;
using Mainstay.Routing.Http1;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Mainstay.Routing.Http;

/// <summary>Hands what Kestrel received to the gateway.</summary>
public static class KestrelFront
{
    /// <summary>Makes a Kestrel pass on what servers answer as it is. To be called for every listener of callers.</summary>
    public static void Configure(KestrelServerOptions options)
    {
        // Answers are read as Latin-1, which every byte is; without this a server's "José" would fail the answer.
        options.ResponseHeaderEncodingSelector = _ => Encoding.Latin1;
        // The gateway streams bodies and keeps a bounded part of them; how large they may be is the service's business.
        options.Limits.MaxRequestBodySize = null;
        options.AddServerHeader = false;
    }

    /// <param name="gateway">Serves the requests.</param>
    /// <param name="idPrefix">Starts every request id; tells this process from others and from its former lives.</param>
    public static RequestDelegate For(Gateway gateway, string idPrefix) =>
        http => Http2Request.Check(http) is { } refusal
            ? RefuseAsync(http, refusal)
            : gateway.HandleAsync(new KestrelExchange(http, idPrefix)).AsTask();

    private static Task RefuseAsync(HttpContext http, Refusal refusal)
    {
        http.Response.StatusCode = refusal.Status;
        http.Response.ContentType = "application/json";
        return http.Response.WriteAsync($$$"""{"error":{"status":{{{refusal.Status}}},"message":"{{{refusal.Why}}}"}}""");
    }
}
