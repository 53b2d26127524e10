using System.Globalization;
using System.Text.Json.Nodes;
using Mainstay.Control.Config;

namespace Mainstay.Control.Notify;

/// <summary>What is sent to each kind of channel.</summary>
internal static class Bodies
{
    private const int LinesOfDigest = 20;
    private const int MostOfSlack = 3500;
    private const int MostOfTeams = 12_000;
    private const int MostOfSummary = 1024;

    /// <summary>Title and text of what goes out by one delivery, in the channel's own words where it has such.</summary>
    public static (string Title, string Text) Words(ChannelConfig channel, Parcel parcel)
    {
        var messages = parcel.Messages;
        if (messages is [var one])
            return (channel.Title?.Fill(place => Place(one, place)) ?? one.Title, channel.Text?.Fill(place => Place(one, place)) ?? one.Text);
        var kinds = string.Join(", ", messages.GroupBy(Word).Select(g => $"{g.Count()} {g.Key}"));
        var lines = messages.Take(LinesOfDigest).Select(m => $"{m.At.UtcDateTime:HH:mm:ss} {Word(m)}: {channel.Title?.Fill(place => Place(m, place)) ?? m.Title}");
        var more = messages.Length > LinesOfDigest ? $"\nand {messages.Length - LinesOfDigest} more" : "";
        return ($"{messages.Length} messages: {kinds}", string.Join('\n', lines) + more);
    }

    /// <summary>What stands for a place of a template.</summary>
    public static string Place(Message message, string place) => place switch
    {
        "title" => message.Title,
        "text" => message.Text,
        "kind" => Word(message),
        "severity" => message.Severity.ToString().ToLowerInvariant(),
        "service" => string.Join(", ", message.Services),
        "region" => message.Region,
        "incident" => message.Incident?.ToString(CultureInfo.InvariantCulture) ?? "",
        "alert" => message.Alert?.ToString(CultureInfo.InvariantCulture) ?? "",
        "count" => message.Count.ToString(CultureInfo.InvariantCulture),
        "since" => message.Since is { } since ? Time(since) : "",
        "at" => Time(message.At),
        "id" => message.Id,
        _ => "",
    };

    public static string Webhook(Parcel parcel)
    {
        if (parcel.Messages is [var one])
            return Note(one).ToJsonString();
        var (title, text) = Words(new ChannelConfig { Name = "", Kind = ChannelKind.Webhook }, parcel);
        return new JsonObject
        {
            ["id"] = parcel.Id,
            ["kind"] = "digest",
            ["title"] = title,
            ["text"] = text,
            ["count"] = parcel.Items.Length,
            ["items"] = new JsonArray([.. parcel.Messages.Select(m => (JsonNode)Note(m))]),
        }.ToJsonString();
    }

    public static string Slack(ChannelConfig channel, Parcel parcel)
    {
        var (title, text) = Words(channel, parcel);
        // Slack's own escapes; nothing of a message may become a mention or a link.
        static string Escape(string s) => s.Replace("&", "&amp;", StringComparison.Ordinal).Replace("<", "&lt;", StringComparison.Ordinal).Replace(">", "&gt;", StringComparison.Ordinal);
        return new JsonObject { ["text"] = Cut($"{Sign(parcel)}*{Escape(title).Replace('*', ' ')}*\n{Escape(text)}", MostOfSlack) }.ToJsonString();
    }

    public static string Teams(ChannelConfig channel, Parcel parcel)
    {
        var (title, text) = Words(channel, parcel);
        var messages = parcel.Messages;
        var color = messages.All(m => m.Kind == MessageKind.Resolved) ? "Good" : messages.Any(m => m.Severity == Severity.Page) ? "Attention" : "Warning";
        // An adaptive card reads Markdown: a new line needs an empty one before it.
        return new JsonObject
        {
            ["type"] = "message",
            ["attachments"] = new JsonArray(new JsonObject
            {
                ["contentType"] = "application/vnd.microsoft.card.adaptive",
                ["content"] = new JsonObject
                {
                    ["$schema"] = "http://adaptivecards.io/schemas/adaptive-card.json",
                    ["type"] = "AdaptiveCard",
                    ["version"] = "1.4",
                    ["body"] = new JsonArray(
                        new JsonObject { ["type"] = "TextBlock", ["text"] = Cut(title, 500), ["weight"] = "Bolder", ["size"] = "Medium", ["color"] = color, ["wrap"] = true },
                        new JsonObject { ["type"] = "TextBlock", ["text"] = Cut(text, MostOfTeams).Replace("\n", "\n\n", StringComparison.Ordinal), ["wrap"] = true }),
                },
            }),
        }.ToJsonString();
    }

    /// <summary>Events API v2: what belongs to one trouble has one dedup_key.</summary>
    public static string PagerDuty(ChannelConfig channel, Message message, string key)
    {
        var (title, text) = Words(channel, new Parcel(message.Id, [new Waiting(message)]));
        var action = message.Kind switch { MessageKind.Resolved => "resolve", MessageKind.Acknowledged => "acknowledge", _ => "trigger" };
        var body = new JsonObject { ["routing_key"] = key, ["event_action"] = action, ["dedup_key"] = Cut(message.Thread, 255), ["client"] = "Mainstay" };
        if (action == "trigger")
        {
            body["payload"] = new JsonObject
            {
                ["summary"] = Cut(title, MostOfSummary),
                ["source"] = message.Region.Length > 0 ? message.Region : message.Services.FirstOrDefault() ?? "mainstay",
                ["severity"] = message.Kind == MessageKind.Test ? "info" : message.Severity == Severity.Page ? "critical" : "warning",
                ["timestamp"] = message.At.ToString("O", CultureInfo.InvariantCulture),
                ["component"] = string.Join(", ", message.Services),
                ["group"] = message.Region,
                ["custom_details"] = new JsonObject
                {
                    ["text"] = text,
                    ["id"] = message.Id,
                    ["alert"] = message.Alert,
                    ["incident"] = message.Incident,
                    ["alerts"] = message.Count,
                    ["since"] = message.Since?.ToString("O", CultureInfo.InvariantCulture),
                },
            };
        }
        return body.ToJsonString();
    }

    /// <summary>One word for what sort of message it is.</summary>
    public static string Word(Message message) => message.Kind == MessageKind.News ? message.News : message.Kind.ToString().ToLowerInvariant();

    private static JsonObject Note(Message m) => new()
    {
        ["id"] = m.Id,
        ["kind"] = Word(m),
        ["thread"] = m.Thread,
        ["severity"] = m.Severity.ToString().ToLowerInvariant(),
        ["title"] = m.Title,
        ["text"] = m.Text,
        ["at"] = m.At,
        ["since"] = m.Since,
        ["region"] = m.Region,
        ["services"] = new JsonArray([.. m.Services.Select(s => (JsonNode)s)]),
        ["incident"] = m.Incident,
        ["stage"] = m.Stage,
        ["alert"] = m.Alert,
        ["count"] = m.Count,
        ["fingerprints"] = new JsonArray([.. m.Fingerprints.Select(f => (JsonNode)f)]),
    };

    private static string Sign(Parcel parcel) =>
        parcel.Messages.All(m => m.Kind == MessageKind.Resolved) ? ":white_check_mark: "
        : parcel.Messages.Any(m => m is { Severity: Severity.Page, Kind: not (MessageKind.News or MessageKind.Test) }) ? ":rotating_light: " : "";

    private static string Time(DateTimeOffset at) => at.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture) + " UTC";

    public static string Cut(string text, int most) => text.Length <= most ? text : text[..(most - 1)] + "…";
}
