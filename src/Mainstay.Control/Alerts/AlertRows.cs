using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace Mainstay.Control.Alerts;

/// <summary>The state of the alert book as rows of key and value, and those of them that changed.</summary>
internal sealed class AlertRows
{
    private readonly Dictionary<string, string?> _changed = [];

    public const string Alerts = "alert/";
    public const string Groups = "group/";
    public const string Silences = "silence/";
    public const string Beats = "beat/";
    public const string NumbersKey = "numbers";

    /// <summary>What changed since the last call; null: the row goes.</summary>
    public IReadOnlyDictionary<string, string?> Take()
    {
        var changed = new Dictionary<string, string?>(_changed);
        _changed.Clear();
        return changed;
    }

    public void Put(Alert alert) => Put(Alerts + alert.Fingerprint, alert, AlertJson.Default.Alert);

    public void Put(AlertGroup group) => Put(KeyOf(group), group, AlertJson.Default.AlertGroup);

    public void Put(Silence silence) => Put(FormattableString.Invariant($"{Silences}{silence.Number}"), silence, AlertJson.Default.Silence);

    public void Put(string name, Beat beat) => Put(Beats + name, beat, AlertJson.Default.Beat);

    public void Put(Numbers numbers) => Put(NumbersKey, numbers, AlertJson.Default.Numbers);

    public void Drop(Alert alert) => _changed[Alerts + alert.Fingerprint] = null;

    public void Drop(AlertGroup group) => _changed[KeyOf(group)] = null;

    public void Drop(Silence silence) => _changed[FormattableString.Invariant($"{Silences}{silence.Number}")] = null;

    public void DropBeat(string name) => _changed[Beats + name] = null;

    /// <summary>Every row with this beginning of its key that can be read.</summary>
    public static IEnumerable<T> Read<T>(IReadOnlyDictionary<string, string> kept, string start, JsonTypeInfo<T> type) where T : class =>
        kept.Where(k => k.Key.StartsWith(start, StringComparison.Ordinal)).Select(k => TryParse(k.Value, type)).OfType<T>();

    public static T? TryParse<T>(string? text, JsonTypeInfo<T> type) where T : class
    {
        try
        {
            return text is null ? null : JsonSerializer.Deserialize(text, type);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static string KeyOf(AlertGroup group) => FormattableString.Invariant($"{Groups}{group.Number}");

    private void Put<T>(string key, T value, JsonTypeInfo<T> type) => _changed[key] = JsonSerializer.Serialize(value, type);
}

/// <summary>When a job reported last, and since when reports are expected of it.</summary>
internal sealed record Beat(DateTimeOffset Since, DateTimeOffset? Last);

/// <summary>The last numbers given out.</summary>
internal sealed record Numbers(int Group, int Silence);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, UseStringEnumConverter = true, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(Alert))]
[JsonSerializable(typeof(AlertGroup))]
[JsonSerializable(typeof(Silence))]
[JsonSerializable(typeof(Beat))]
[JsonSerializable(typeof(Numbers))]
internal sealed partial class AlertJson : JsonSerializerContext;
