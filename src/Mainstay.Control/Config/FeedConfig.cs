namespace Mainstay.Control.Config;

/// <summary>What a provider says of its own health.</summary>
/// <param name="Name">Stands in alerts as <c>feed NAME</c>.</param>
public sealed record FeedConfig(string Name, FeedKind Kind)
{
    /// <summary>Where it is read; null: the provider sends it.</summary>
    public Uri? Url { get; init; }

    public TimeSpan Every { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>What it concerns; null: as the events say, or nothing.</summary>
    public string? Service { get; init; }

    /// <summary>The region that the provider's trouble is of; null: as the events say, or none.</summary>
    public string? Region { get; init; }

    public bool MayReachLinkLocal { get; init; }
}

/// <summary>The form of a feed.</summary>
public enum FeedKind
{
    /// <summary>AWS Health events as JSON.</summary>
    Aws,

    /// <summary>Atlassian Statuspage, API v2.</summary>
    Statuspage,

    /// <summary>Atom (RFC 4287).</summary>
    Atom,
}
