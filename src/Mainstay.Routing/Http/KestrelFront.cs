using Microsoft.AspNetCore.Http;

namespace Mainstay.Routing.Http;

/// <summary>Hands what Kestrel received to the gateway.</summary>
public static class KestrelFront
{
    /// <param name="gateway">Serves the requests.</param>
    /// <param name="idPrefix">Starts every request id; tells this process from others and from its former lives.</param>
    public static RequestDelegate For(Gateway gateway, string idPrefix) =>
        http => gateway.HandleAsync(new KestrelExchange(http, idPrefix));
}
