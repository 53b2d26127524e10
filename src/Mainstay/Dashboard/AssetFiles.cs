using System.Collections.Frozen;
using System.Security.Cryptography;

namespace Mainstay.Dashboard;

/// <summary>Stylesheet, script and icon, from inside the assembly. A page names them with the hash of their content, so a browser may
/// keep them for ever and never shows an old one.</summary>
internal static class AssetFiles
{
    private static readonly FrozenDictionary<string, Asset> Files = new[]
    {
        Load("site.css", "text/css; charset=utf-8"),
        Load("live.js", "text/javascript; charset=utf-8"),
        Load("icon.svg", "image/svg+xml"),
    }.ToFrozenDictionary(a => a.Name, StringComparer.Ordinal);

    /// <summary>The address of an asset, such as "/assets/site.css?v=1f3a…".</summary>
    public static string Address(string name) => $"/assets/{name}?v={Files[name].Hash}";

    public static void Map(WebApplication app) => app.MapGet("/assets/{name}", SendAsync);

    private static Task SendAsync(HttpContext http)
    {
        if (!Files.TryGetValue((string)http.Request.RouteValues["name"]!, out var asset))
        {
            http.Response.StatusCode = StatusCodes.Status404NotFound;
            return Task.CompletedTask;
        }
        var tag = $"\"{asset.Hash}\"";
        http.Response.Headers.ETag = tag;
        http.Response.Headers.CacheControl = http.Request.Query["v"] == asset.Hash ? "public, max-age=31536000, immutable" : "no-cache";
        if (http.Request.Headers.IfNoneMatch.ToString().Contains(tag, StringComparison.Ordinal))
        {
            http.Response.StatusCode = StatusCodes.Status304NotModified;
            return Task.CompletedTask;
        }
        http.Response.ContentType = asset.ContentType;
        http.Response.ContentLength = asset.Content.Length;
        return http.Response.Body.WriteAsync(asset.Content, http.RequestAborted).AsTask();
    }

    private static Asset Load(string name, string contentType)
    {
        using var stream = typeof(AssetFiles).Assembly.GetManifestResourceStream($"assets/{name}")
            ?? throw new InvalidOperationException($"The assembly was built without assets/{name}.");
        var content = new byte[stream.Length];
        stream.ReadExactly(content);
        return new Asset(name, contentType, content, Convert.ToHexStringLower(SHA256.HashData(content))[..16]);
    }

    private sealed record Asset(string Name, string ContentType, byte[] Content, string Hash);
}
