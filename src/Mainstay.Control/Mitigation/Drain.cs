using System.Collections.Immutable;
using System.Text.Json.Serialization;
using Mainstay.Routing;

namespace Mainstay.Control.Mitigation;

/// <summary>Traffic that a person took away from a region or from one server, until they give it back or its time is over. A value.</summary>
public sealed record Drain
{
    /// <summary>Counts from 1 within a state folder; never used again.</summary>
    public required int Number { get; init; }

    /// <summary>The one service it concerns; null: every one.</summary>
    public string? Service { get; init; }

    public required string Region { get; init; }

    /// <summary>The one server; null: the whole region.</summary>
    public string? Server { get; init; }

    /// <summary>Name of the token it was ordered with.</summary>
    public required string Who { get; init; }

    /// <summary>In that person's words; may be empty.</summary>
    public required string Why { get; init; }

    public required DateTimeOffset Since { get; init; }

    /// <summary>When it ends by itself; null: when a person undrains.</summary>
    public DateTimeOffset? Until { get; init; }

    /// <summary>In one line: what is drained.</summary>
    [JsonIgnore]
    public string Title => Service is null ? Server ?? Region : $"{Server ?? Region} of {Service}";

    public static string OverlayId(int number) => FormattableString.Invariant($"drain-{number}");

    public Overlay ToOverlay() => new(OverlayId(Number), Service, Region, Server, 0) { ByHand = true, Until = Until };
}

/// <summary>The drains as the state folder keeps them.</summary>
/// <param name="Last">Highest number that was given.</param>
/// <param name="Drains">Those in force, oldest first.</param>
internal sealed record DrainsKept(int Last, ImmutableArray<Drain> Drains)
{
    public static DrainsKept None { get; } = new(0, []);
}

[JsonSourceGenerationOptions(WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(DrainsKept))]
internal sealed partial class DrainJson : JsonSerializerContext;
