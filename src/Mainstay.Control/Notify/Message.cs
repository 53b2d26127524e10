using System.Collections.Immutable;
using System.Text.Json.Serialization;
using Mainstay.Control.Config;

namespace Mainstay.Control.Notify;

/// <summary>One message to people by one channel.</summary>
public sealed record Message
{
    /// <summary>Unique for good, and the same for every attempt to deliver it: receivers tell repeats by it.</summary>
    public required string Id { get; init; }

    /// <summary>Name of the channel.</summary>
    public required string Channel { get; init; }

    public required MessageKind Kind { get; init; }

    /// <summary>What it is about: the same for all messages of one trouble, from its begin to its end.</summary>
    public required string Thread { get; init; }

    public required DateTimeOffset At { get; init; }

    public required string Title { get; init; }

    public string Text { get; init; } = "";

    public Severity Severity { get; init; } = Severity.Page;

    /// <summary>Number of the group of alerts; null: it is about none.</summary>
    public int? Alert { get; init; }

    /// <summary>Number of the incident; null: it is about none.</summary>
    public int? Incident { get; init; }

    /// <summary>Where; empty: nowhere in particular.</summary>
    public string Region { get; init; } = "";

    public ImmutableArray<string> Services { get; init; } = [];

    /// <summary>The incident's stage; empty without one.</summary>
    public string Stage { get; init; } = "";

    /// <summary>Of news of an incident what sort they are: detected, cause, remedy and so on; empty for the others.</summary>
    public string News { get; init; } = "";

    /// <summary>When the trouble began; null: it is about none.</summary>
    public DateTimeOffset? Since { get; init; }

    /// <summary>Alerts that it is about.</summary>
    public int Count { get; init; }

    /// <summary>Fingerprints of the first of them; bounded.</summary>
    public ImmutableArray<string> Fingerprints { get; init; } = [];
}

/// <summary>What sort of message it is.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<MessageKind>))]
public enum MessageKind
{
    /// <summary>Trouble begins, as far as this channel is told of it.</summary>
    Opened,

    /// <summary>It got worse, or a person is asked.</summary>
    Updated,

    /// <summary>Nobody has acknowledged it yet.</summary>
    Reminder,

    /// <summary>Somebody takes care of it.</summary>
    Acknowledged,

    /// <summary>It is over.</summary>
    Resolved,

    /// <summary>A line of an incident, or something that people did to the routing.</summary>
    News,

    /// <summary>A person tries the channel.</summary>
    Test,
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, UseStringEnumConverter = true)]
[JsonSerializable(typeof(Message))]
internal sealed partial class MessageJson : JsonSerializerContext;
