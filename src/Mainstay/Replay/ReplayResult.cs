using System.Text.Json;
using System.Text.Json.Serialization;

namespace Mainstay.Replay;

/// <summary>The half, 95 and 99 of 100, in milliseconds; −1: nothing was measured.</summary>
internal sealed record ReplayTimes(double P50, double P95, double P99, double Max)
{
    public static ReplayTimes Of(IEnumerable<double> times)
    {
        var sorted = times.Where(t => t >= 0).Order().ToArray();
        return new(At(0.5), At(0.95), At(0.99), At(1));

        double At(double share) =>
            sorted.Length == 0 ? -1 : Math.Round(sorted[Math.Clamp((int)Math.Ceiling(share * sorted.Length) - 1, 0, sorted.Length - 1)], 2);
    }
}

/// <summary>What was measured of some of the requests.</summary>
/// <param name="Name">A region (the one that began the answers), or what else they have in common.</param>
/// <param name="WentOn">Answers that were cut there and finished elsewhere.</param>
internal sealed record ReplayPart(string Name, int Requests, int Failed, int WentOn, long Tokens, ReplayTimes FirstTokenMs, ReplayTimes TokenMs)
{
    public static ReplayPart Of(string name, IReadOnlyCollection<ReplayRecord> records) => new(
        name, records.Count, records.Count(r => r.Fault.Length > 0), records.Count(r => r.WentOn), records.Sum(r => (long)r.Tokens),
        ReplayTimes.Of(records.Select(r => r.FirstMs)), ReplayTimes.Of(records.Select(r => r.EachMs)));
}

/// <summary>What a replay measured.</summary>
internal sealed record ReplayResult
{
    /// <summary>The time around a fault that figures may leave out: five seconds before it and five after.</summary>
    private static readonly TimeSpan Around = TimeSpan.FromSeconds(5);

    public required double Speed { get; init; }

    public required double Seconds { get; init; }

    public required double TokensPerSecond { get; init; }

    public required int Failed { get; init; }

    /// <summary>Of those, answers that ended without their end.</summary>
    public required int Truncated { get; init; }

    /// <summary>Region that was killed; null: none.</summary>
    public required string? Killed { get; init; }

    /// <summary>Seconds from the start; null: nothing was killed.</summary>
    public required double? KilledAt { get; init; }

    public required ReplayPart All { get; init; }

    /// <summary>All but those that were due in the ten seconds around the fault; null: there was none.</summary>
    public required ReplayPart? Outside { get; init; }

    public required IReadOnlyList<ReplayPart> Regions { get; init; }

    /// <summary>How late this program itself sent.</summary>
    public required ReplayTimes LateMs { get; init; }

    /// <summary>The machine's load average over the last minute at the end, and its processors; −1: unknown.</summary>
    public required double Load { get; init; }

    public required int Processors { get; init; }

    /// <summary>The most frequent faults.</summary>
    public required IReadOnlyList<string> Faults { get; init; }

    public static ReplayResult Of(IReadOnlyList<ReplayRecord> records, double speed, TimeSpan took, string? killed, TimeSpan? at)
    {
        var all = ReplayPart.Of("all", records);
        return new()
        {
            Speed = speed,
            Seconds = Math.Round(took.TotalSeconds, 2),
            TokensPerSecond = Math.Round(all.Tokens / took.TotalSeconds, 1),
            Failed = all.Failed,
            Truncated = records.Count(r => r.Fault.StartsWith("truncated", StringComparison.Ordinal)),
            Killed = killed,
            KilledAt = at is { } time ? Math.Round(time.TotalSeconds, 2) : null,
            All = all,
            Outside = at is { } fault ? ReplayPart.Of("without 10 s around the fault", [.. records.Where(r => (r.Due - fault).Duration() > Around)]) : null,
            Regions = [.. records.GroupBy(r => RegionOf(r.Engine)).OrderBy(g => g.Key, StringComparer.Ordinal).Select(g => ReplayPart.Of(g.Key, [.. g]))],
            LateMs = ReplayTimes.Of(records.Select(r => Math.Max(0, r.LateMs))),
            Load = LoadNow(),
            Processors = Environment.ProcessorCount,
            Faults = [.. records.Where(r => r.Fault.Length > 0).GroupBy(r => r.Fault).OrderByDescending(g => g.Count()).Take(5).Select(g => $"{g.Count()} × {g.Key}")],
        };
    }

    public string ToJson() => JsonSerializer.Serialize(this, ReplayJson.Default.ReplayResult);

    private static string RegionOf(string engine) => engine.Length == 0 ? "(not known)" : engine.Split('/')[0];

    private static double LoadNow() =>
        File.Exists("/proc/loadavg") && double.TryParse(File.ReadAllText("/proc/loadavg").Split(' ')[0], System.Globalization.CultureInfo.InvariantCulture, out var load) ? load : -1;
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(ReplayResult))]
internal sealed partial class ReplayJson : JsonSerializerContext;
