using System.Text;
using System.Text.Json;

namespace Mainstay.Scenarios;

/// <summary>A request as a fake provider got it, and what became of it.</summary>
internal sealed class ProviderRequest
{
    private readonly TaskCompletionSource _abandoned = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private JsonElement? _json;

    /// <summary>From 1, at its provider; probes are not counted.</summary>
    public int Number { get; set; }

    public required string Method { get; init; }

    /// <summary>With its query.</summary>
    public required string Target { get; init; }

    /// <summary>By name; case does not count.</summary>
    public required IReadOnlyDictionary<string, string> Headers { get; init; }

    public byte[] Body { get; set; } = [];

    /// <summary>Of <see cref="Patience.Clock"/>, once all of it was there.</summary>
    public long ArrivedAt { get; init; } = Patience.Clock.GetTimestamp();

    public string Path => Target.Split('?')[0];

    /// <summary>Asked by nobody but a health check: costs nothing.</summary>
    public bool IsProbe => Method is "GET" or "HEAD";

    /// <summary>Its body; Undefined if that is no JSON.</summary>
    public JsonElement Json => _json ??= Parse();

    /// <summary>True once the answer was written to its end.</summary>
    public bool IsServed { get; set; }

    /// <summary>Ends when the gateway left before the answer was written to its end.</summary>
    public Task Abandoned => _abandoned.Task;

    /// <summary>Of <see cref="Patience.Clock"/>; only once <see cref="Abandoned"/> has ended.</summary>
    public long AbandonedAt { get; private set; }

    /// <summary>As the container behind an endpoint sees it.</summary>
    public ProviderRequest Inside() =>
        new() { Number = Number, Method = Method, Target = "/v1/chat/completions", Headers = Headers, Body = Body };

    public DateTimeOffset AbandonedOn { get; private set; }

    public void Abandon()
    {
        AbandonedOn = Patience.Clock.GetUtcNow();
        AbandonedAt = Patience.Clock.GetTimestamp();
        _abandoned.TrySetResult();
    }

    public override string ToString() =>
        $"#{Number} {Method} {Target} {string.Join("; ", Headers.Select(h => $"{h.Key}: {h.Value}"))}\n{Encoding.UTF8.GetString(Body)}";

    private JsonElement Parse()
    {
        try
        {
            return JsonSerializer.Deserialize<JsonElement>(Body);
        }
        catch (JsonException)
        {
            return default;
        }
    }
}
