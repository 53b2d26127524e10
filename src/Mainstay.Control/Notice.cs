using Mainstay.Control.Incidents;
using Mainstay.Control.Storage;

namespace Mainstay.Control;

/// <summary>Something that a person or a schedule did to the routing: a fact for the journal, and news to people.</summary>
/// <param name="Kind">drain, undrain or practice.</param>
/// <param name="Who">Whose doing it is; "mainstay" for what it did by itself.</param>
/// <param name="Service">The one service it concerns; null: every one in the region.</param>
internal sealed record Notice(DateTimeOffset At, string Kind, string Who, string Region, string? Service, string Text)
{
    public FactDraft ToFact() => new(At, Kind, null, Who, Text);

    /// <param name="place">Among the notices of one tick, so that each has an id of its own.</param>
    public News ToNews(int place) => new(
        FormattableString.Invariant($"{Kind}-{At.ToUnixTimeMilliseconds()}-{place}"), null, Kind, Region,
        Service is null ? [] : [Service], "", At, $"{Who}: {Text}");
}
