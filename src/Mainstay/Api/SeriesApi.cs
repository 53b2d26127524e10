using System.Collections.Immutable;
using System.IO.Compression;
using System.Text;
using Mainstay.Control;
using Mainstay.Control.Signals;

namespace Mainstay.Api;

/// <summary>GET /api/series and /api/series/{name}?from=&amp;to=&amp;step=&amp;label.NAME=; GET /api/signals, what each source sent; POST /api/push, points as JSON lines; POST
/// /v1/metrics, OTLP/HTTP as protobuf or JSON; POST /api/feeds/{name}, what a provider says of its health.</summary>
internal static class SeriesApi
{
    /// <summary>A batch of a collector; unpacked it may be four times as much.</summary>
    public const long MostBodyBytes = 4 << 20;

    private const int MostUnpacked = 16 << 20;
    private const string Protobuf = "application/x-protobuf";

    /// <summary>True for what may be larger than an order of a person.</summary>
    public static bool TakesMuch(PathString path) => path.Value is "/api/push" or "/v1/metrics" || path.StartsWithSegments("/api/feeds", StringComparison.Ordinal);

    /// <param name="hear">Takes what a provider sends of its health, by the feed's name; answers what is wrong, or nothing; null: no such feed.</param>
    public static void Map(WebApplication app, SeriesStore store, Func<string, string, string?> hear, TimeProvider clock)
    {
        app.MapPost("/api/feeds/{name}", http => HearAsync(http, hear));
        app.MapGet("/api/series", http => TellAsync(http, () => store.List(http.Request.Query["name"].ToString() is { Length: > 0 } name ? name : null)));
        app.MapGet("/api/series/{**name}", http => ReadAsync(http, store, clock));
        app.MapGet("/api/signals", http => ApiJson.WriteAsync(http, new SourceList(store.Sources())));
        app.MapPost("/api/push", http => PushAsync(http, store, clock));
        app.MapPost("/v1/metrics", http => OtlpAsync(http, store, clock));
    }

    private static async Task TellAsync<T>(HttpContext http, Func<T> read)
    {
        try
        {
            await ApiJson.WriteAsync(http, await Task.Run(read, http.RequestAborted));
        }
        catch (IOException e)
        {
            await ApiJson.WriteErrorAsync(http, StatusCodes.Status503ServiceUnavailable, e.Message);
        }
    }

    private static Task ReadAsync(HttpContext http, SeriesStore store, TimeProvider clock)
    {
        var asked = http.Request.Query;
        var labels = asked.Where(q => q.Key.StartsWith("label.", StringComparison.Ordinal)).ToImmutableDictionary(q => q.Key["label.".Length..], q => q.Value.ToString());
        return SeriesQuery.TryRead((string)http.Request.RouteValues["name"]!, asked["from"], asked["to"], asked["step"], labels, clock.GetUtcNow(), out var why) is { } query
            ? TellAsync(http, () => store.Read(query))
            : ApiJson.WriteErrorAsync(http, StatusCodes.Status400BadRequest, why);
    }

    private static async Task PushAsync(HttpContext http, SeriesStore store, TimeProvider clock)
    {
        if (await BodyAsync(http) is not { } body)
            return;
        var read = PushLines.Read(Encoding.UTF8.GetString(body), clock.GetUtcNow());
        var source = $"{(http.Request.Query["source"] == "import" ? "import" : "push")} by {RemediesApi.WhoOf(http)}";
        foreach (var error in read.Errors)
            store.Refuse(source, Refusal.Unreadable, error);
        var taken = store.Take(source, read.Points);
        if (read.Points.Count == 0 && read.Wrong > 0)
            await ApiJson.WriteErrorAsync(http, StatusCodes.Status400BadRequest, $"{string.Join("; ", read.Errors.Take(3))}. {PushLines.Cure}");
        else
            await ApiJson.WriteAsync(http, new PushAnswer(taken, read.Points.Count - taken + read.Wrong, read.Errors));
    }

    private static async Task HearAsync(HttpContext http, Func<string, string, string?> hear)
    {
        if (await BodyAsync(http) is not { } body)
            return;
        var name = (string)http.Request.RouteValues["name"]!;
        await (hear(name, Encoding.UTF8.GetString(body)) switch
        {
            null => ApiJson.WriteErrorAsync(http, StatusCodes.Status404NotFound, $"No feed is called {name}: write it under feeds of mainstay.yaml."),
            "" => ApiJson.WriteAsync(http, new OrderResult(true, $"{name} was heard.")),
            var wrong => ApiJson.WriteErrorAsync(http, StatusCodes.Status400BadRequest, $"{wrong}."),
        });
    }

    private static async Task OtlpAsync(HttpContext http, SeriesStore store, TimeProvider clock)
    {
        const string source = "otlp";
        var isJson = http.Request.ContentType?.StartsWith("application/json", StringComparison.OrdinalIgnoreCase) == true;
        if (!isJson && http.Request.ContentType?.StartsWith(Protobuf, StringComparison.OrdinalIgnoreCase) != true)
        {
            await ApiJson.WriteErrorAsync(http, StatusCodes.Status415UnsupportedMediaType, $"Send {Protobuf} or application/json, as OTLP over HTTP does.");
            return;
        }
        if (await BodyAsync(http) is not { } body)
            return;
        var read = OtlpRead(body, isJson, clock.GetUtcNow(), out var wrong);
        if (read is null)
        {
            store.Refuse(source, Refusal.Unreadable, wrong);
            await ApiJson.WriteErrorAsync(http, StatusCodes.Status400BadRequest, $"{wrong} Send what an OpenTelemetry exporter sends to /v1/metrics.");
            return;
        }
        foreach (var error in read.Errors)
            store.Refuse(source, Refusal.BadName, error);
        var refused = read.Wrong + read.Points.Count - store.Take(source, read.Points);
        http.Response.ContentType = isJson ? "application/json" : Protobuf;
        if (isJson)
            await http.Response.WriteAsync(refused == 0 ? "{}" : $"{{\"partialSuccess\":{{\"rejectedDataPoints\":\"{refused}\",\"errorMessage\":\"{Partial}\"}}}}", http.RequestAborted);
        else if (refused > 0)
            await http.Response.BodyWriter.WriteAsync(SignalBytes.PartialSuccess(refused, Partial), http.RequestAborted);
    }

    private const string Partial = "GET /api/signals of Mainstay says why, and the cure";

    private static PointsRead? OtlpRead(byte[] body, bool isJson, DateTimeOffset now, out string wrong) =>
        isJson ? SignalBytes.ReadOtlpJson(body, now, out wrong) : SignalBytes.ReadOtlp(body, now, out wrong);

    /// <summary>The body, unpacked; null: it is none, and the caller has been answered.</summary>
    private static async Task<byte[]?> BodyAsync(HttpContext http)
    {
        var encoding = http.Request.Headers.ContentEncoding.ToString();
        if (encoding is not ("" or "identity" or "gzip"))
        {
            await ApiJson.WriteErrorAsync(http, StatusCodes.Status415UnsupportedMediaType, "Send it plain or with Content-Encoding: gzip.");
            return null;
        }
        try
        {
            await using var body = encoding == "gzip" ? new GZipStream(http.Request.Body, CompressionMode.Decompress) : http.Request.Body;
            using var bytes = new MemoryStream();
            var buffer = new byte[64 * 1024];
            while (await body.ReadAsync(buffer, http.RequestAborted) is > 0 and var read)
            {
                if (bytes.Length + read > MostUnpacked)
                {
                    await ApiJson.WriteErrorAsync(http, StatusCodes.Status413PayloadTooLarge, $"More than {MostUnpacked >> 20} MiB unpacked: send it in several calls.");
                    return null;
                }
                bytes.Write(buffer, 0, read);
            }
            return bytes.ToArray();
        }
        catch (InvalidDataException)
        {
            await ApiJson.WriteErrorAsync(http, StatusCodes.Status400BadRequest, "The body is not gzip, as Content-Encoding says.");
            return null;
        }
    }
}

/// <param name="Taken">Points.</param>
/// <param name="Refused">Points and lines that were not taken; GET /api/signals says why.</param>
/// <param name="Errors">The first of the lines that are none.</param>
internal sealed record PushAnswer(int Taken, int Refused, ImmutableArray<string> Errors);

/// <summary>What GET /api/signals answers.</summary>
internal sealed record SourceList(ImmutableArray<SourceStatus> Sources);
