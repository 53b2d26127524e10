using System.Text.Json;
using System.Text.Json.Serialization;
using Mainstay.Control.Incidents;

namespace Mainstay.Demo;

/// <summary>What a demo run measured. Times are milliseconds from the fault, −1 if not reached.</summary>
internal sealed record DemoResult
{
    public required int Requests { get; init; }

    public required int Failed { get; init; }

    public required double P50Ms { get; init; }

    public required double P99Ms { get; init; }

    /// <summary>What the first request rescued elsewhere lost on its failed attempts.</summary>
    public required double FirstFailoverMs { get; init; }

    public required double DetectedMs { get; init; }

    public required double MitigatedMs { get; init; }

    public required double HealedMs { get; init; }

    public required double RecoveredMs { get; init; }

    public required IReadOnlyList<string> Stages { get; init; }

    public required string Fault { get; init; }

    /// <summary>True if nothing failed and, where a fault was injected, the incident went through all four stages and closed;
    /// without a fault, if there was no incident.</summary>
    [JsonIgnore]
    public bool IsGood => Failed == 0 && Requests > 0
        && (Fault == "none" ? Stages.Count == 0 : Stages.Count == Enum.GetValues<Stage>().Length && RecoveredMs >= 0);

    public static DemoResult Of(
        IReadOnlyCollection<RequestRecord> records, FaultKind fault, DateTimeOffset? broken, DateTimeOffset? healed, Incident? incident)
    {
        var latencies = records.Select(r => r.Latency.TotalMilliseconds).Order().ToArray();
        return new()
        {
            Requests = records.Count,
            Failed = records.Count(r => r.Failed),
            P50Ms = Quantile(latencies, 0.5),
            P99Ms = Quantile(latencies, 0.99),
            FirstFailoverMs = Math.Round(incident?.Impact.FirstRescueMs ?? -1, 1),
            DetectedMs = Since(incident?.Detected),
            MitigatedMs = Since(incident?.Mitigated),
            HealedMs = Since(healed),
            RecoveredMs = Since(incident?.Resolved),
            Stages = [.. incident?.Stages.Select(s => s.Stage).Distinct().Select(s => s.ToString()) ?? []],
            Fault = fault.ToString().ToLowerInvariant(),
        };

        double Since(DateTimeOffset? at) =>
            at is { } time && broken is { } start ? Math.Round((time - start).TotalMilliseconds) : -1;
    }

    public string ToJson() => JsonSerializer.Serialize(this, DemoJson.Default.DemoResult);

    private static double Quantile(double[] sorted, double share) =>
        sorted.Length == 0 ? 0 : Math.Round(sorted[Math.Clamp((int)Math.Ceiling(share * sorted.Length) - 1, 0, sorted.Length - 1)], 2);
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(DemoResult))]
[JsonSerializable(typeof(JsonElement))]
[JsonSerializable(typeof(string))]
internal sealed partial class DemoJson : JsonSerializerContext;
