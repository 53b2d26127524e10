using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using System.Xml;
using Mainstay.Control.Config;

namespace Mainstay.Control.Signals;

/// <summary>One trouble of a provider, in its own words.</summary>
/// <param name="Id">The same as long as it lasts.</param>
/// <param name="Region">Where; null: not said.</param>
/// <param name="IsOpen">False: it is over.</param>
public sealed record ProviderEvent(string Id, string Title, string? Region, DateTimeOffset? Since, bool IsOpen)
{
    private const int MostEvents = 200;
    private const int LongestText = 300;

    /// <summary>An entry of an Atom feed does not say when it is over: one that nobody touched for so long is taken to be.</summary>
    private static readonly TimeSpan Forgotten = TimeSpan.FromHours(24);
    private static readonly JsonDocumentOptions Strict = new() { MaxDepth = 32 };
    private static readonly string[] OverWords = ["resolved", "completed", "postmortem", "scheduled", "closed"];

    /// <summary>Reads a feed.</summary>
    /// <returns>Default: it is none of that kind, and <paramref name="wrong"/> says so.</returns>
    public static ImmutableArray<ProviderEvent> Read(FeedKind kind, string text, DateTimeOffset now, out string wrong)
    {
        wrong = "";
        try
        {
            if (kind == FeedKind.Atom)
                return [.. ReadAtom(text, now).Take(MostEvents)];
            using var json = JsonDocument.Parse(text, Strict);
            return [.. (kind == FeedKind.Aws ? ReadAws(json.RootElement) : ReadStatuspage(json.RootElement)).Take(MostEvents)];
        }
        catch (Exception e) when (e is JsonException or XmlException or InvalidOperationException or FormatException)
        {
            wrong = $"it is no feed of the kind {kind.ToString().ToLowerInvariant()}: {e.Message}";
            return default;
        }
    }

    /// <summary>Unresolved incidents of <c>/api/v2/summary.json</c> or <c>/api/v2/incidents/unresolved.json</c>.</summary>
    private static IEnumerable<ProviderEvent> ReadStatuspage(JsonElement root)
    {
        if (Get(root, "incidents") is not { ValueKind: JsonValueKind.Array } incidents)
            throw new FormatException("it has no list of incidents");
        foreach (var incident in incidents.EnumerateArray())
        {
            var components = Items(incident, "components").Select(c => Text(c, "name")).Where(n => n.Length > 0).Take(5);
            var where = string.Join(", ", components);
            yield return new ProviderEvent(
                Text(incident, "id"), Line($"{Text(incident, "name")} ({Text(incident, "impact")}{(where.Length > 0 ? $": {where}" : "")}, {Text(incident, "status")})"), null,
                Time(Get(incident, "started_at") ?? Get(incident, "created_at")), !OverWords.Contains(Text(incident, "status")) && Text(incident, "impact") is not "none" and not "maintenance");
        }
    }

    /// <summary>The answer of DescribeEvents, a list of events, or one event as EventBridge sends it.</summary>
    private static IEnumerable<ProviderEvent> ReadAws(JsonElement root)
    {
        IEnumerable<JsonElement> events = root.ValueKind == JsonValueKind.Array ? root.EnumerateArray()
            : Get(root, "events") is { ValueKind: JsonValueKind.Array } list ? list.EnumerateArray()
            : Get(root, "detail") is { ValueKind: JsonValueKind.Object } detail ? [detail]
            : throw new FormatException("it has neither events nor detail");
        foreach (var one in events)
        {
            var region = Text(one, "region") is { Length: > 0 } plain ? plain : Text(one, "eventRegion");
            var said = Items(one, "eventDescription").Select(d => Text(d, "latestDescription")).FirstOrDefault("");
            var category = Text(one, "eventTypeCategory");
            yield return new ProviderEvent(
                Text(one, "arn") is { Length: > 0 } arn ? arn : Text(one, "eventArn"),
                Line($"{Text(one, "service")}: {Text(one, "eventTypeCode")}{(said.Length > 0 ? $": {said}" : "")}"), region is "" or "global" ? null : region, Time(Get(one, "startTime")),
                Text(one, "statusCode") == "open" && category is "issue" or "");
        }
    }

    private static IEnumerable<ProviderEvent> ReadAtom(string text, DateTimeOffset now)
    {
        // No DTD, so that no entity grows; nothing is fetched.
        using var reader = XmlReader.Create(new StringReader(text), new XmlReaderSettings { DtdProcessing = DtdProcessing.Prohibit, XmlResolver = null, MaxCharactersInDocument = 4 << 20 });
        var document = System.Xml.Linq.XDocument.Load(reader);
        System.Xml.Linq.XNamespace atom = "http://www.w3.org/2005/Atom";
        if (document.Root?.Name != atom + "feed")
            throw new FormatException("it has no feed of Atom");
        foreach (var entry in document.Root.Elements(atom + "entry"))
        {
            var updated = DateTimeOffset.TryParse(entry.Element(atom + "updated")?.Value, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time) ? time : (DateTimeOffset?)null;
            var since = DateTimeOffset.TryParse(entry.Element(atom + "published")?.Value, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out time) ? time : updated;
            var title = entry.Element(atom + "title")?.Value ?? "";
            // Status pages put the newest state first, in bold.
            var content = (entry.Element(atom + "content") ?? entry.Element(atom + "summary"))?.Value ?? "";
            var bold = content.IndexOf("<strong>", StringComparison.OrdinalIgnoreCase);
            var state = bold < 0 ? title : content[(bold + 8)..Math.Min(content.Length, bold + 48)];
            var isOver = OverWords.Any(w => state.Contains(w, StringComparison.OrdinalIgnoreCase));
            yield return new ProviderEvent(entry.Element(atom + "id")?.Value ?? title, Line(title), null, since, !isOver && updated > now - Forgotten);
        }
    }

    private static DateTimeOffset? Time(JsonElement? value) => value switch
    {
        { ValueKind: JsonValueKind.Number } seconds when seconds.GetDouble() is > 0 and < 1e11 and var s => DateTimeOffset.UnixEpoch.AddSeconds(s),
        { ValueKind: JsonValueKind.String } text when DateTimeOffset.TryParse(text.GetString(), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time) => time,
        _ => null,
    };

    private static JsonElement? Get(JsonElement of, string name) => of.ValueKind == JsonValueKind.Object && of.TryGetProperty(name, out var value) ? value : null;

    private static IEnumerable<JsonElement> Items(JsonElement of, string name) => Get(of, name) is { ValueKind: JsonValueKind.Array } list ? list.EnumerateArray() : [];

    private static string Text(JsonElement of, string name) => Get(of, name) is { ValueKind: JsonValueKind.String } text ? text.GetString()! : "";

    private static string Line(string text)
    {
        var line = new string([.. text.Take(LongestText).Select(c => char.IsControl(c) ? ' ' : c)]).Trim();
        return text.Length > LongestText ? line + "…" : line;
    }
}
