using System.Collections.Immutable;

namespace Mainstay.Control.Config;

/// <summary>One key of mainstay.yaml, as messages and the documentation describe it.</summary>
/// <param name="Path">From the root, such as <c>services[].servers[].url</c>; <c>[]</c> stands for each item of a list.</param>
/// <param name="Unit">What may be written.</param>
/// <param name="Default">What counts if the key is not written: a value of the unit, or words in parentheses.</param>
/// <param name="Meaning">A sentence for the person who writes the file.</param>
public sealed record ConfigKey(string Path, ConfigUnit Unit, string Default, string Meaning)
{
    /// <summary>The default of a key that must be written.</summary>
    public const string Required = "(required)";

    /// <summary>True: a name that the format keeps for later. This version refuses it.</summary>
    public bool IsReserved => Unit == ConfigUnit.Later;

    /// <summary>The last word of the path.</summary>
    public string Name => Path[(Path.LastIndexOf('.') + 1)..].Replace("[]", "").Replace("{}", "");

    /// <summary>The path of the mapping it stands in; empty for the root.</summary>
    public string Parent => Path.LastIndexOf('.') is var dot and >= 0 ? Path[..dot] : "";
}

/// <summary>What may be written behind a key.</summary>
/// <param name="Text">In words, with the range; the same in messages and documentation.</param>
/// <param name="Min">Smallest value of a quantity, in its base unit (seconds, per second, share, bytes).</param>
/// <param name="Max">Largest value, likewise.</param>
public sealed record ConfigUnit(string Text, double Min = 0, double Max = 0)
{
    /// <summary>The words to choose from; empty if it is no choice.</summary>
    public ImmutableArray<string> Words { get; private init; } = [];

    /// <summary>Keys below it.</summary>
    public static ConfigUnit Mapping { get; } = new("mapping");

    /// <summary>Not built yet.</summary>
    public static ConfigUnit Later { get; } = new("reserved");

    /// <summary>A name that stands in metrics, addresses and messages.</summary>
    public static ConfigUnit Name { get; } = new("name: letters, digits, `.`, `_`, `-`; up to 63");

    public static ConfigUnit Flag { get; } = OneOf("true", "false");

    public static ConfigUnit Of(string text) => new(text);

    public static ConfigUnit OneOf(params ImmutableArray<string> words) =>
        new(string.Join(" or ", words.Select(w => $"`{w}`"))) { Words = words };

    public static ConfigUnit Duration(string min, string max) =>
        Units.TryDuration(min, out var from, out _) && Units.TryDuration(max, out var to, out _)
            ? new($"duration, {min} to {max}", from.TotalSeconds, to.TotalSeconds)
            : throw new FormatException($"{min} to {max} is no range of durations");

    public static ConfigUnit DurationOr(string min, string max, string words) =>
        Duration(min, max) is var duration ? duration with { Text = $"{duration.Text}, or {words}" } : throw new FormatException();

    public static ConfigUnit Percent(string min, string max) =>
        Units.TryPercent(min, out var from, out _) && Units.TryPercent(max, out var to, out _)
            ? new($"percentage, {min} to {max}", from, to)
            : throw new FormatException($"{min} to {max} is no range of percentages");

    public static ConfigUnit Size(string min, string max) =>
        Units.TrySize(min, out var from, out _) && Units.TrySize(max, out var to, out _)
            ? new($"size, {min} to {max}", from, to)
            : throw new FormatException($"{min} to {max} is no range of sizes");

    public static ConfigUnit Rate(string min, string max) =>
        Units.TryRate(min, out var from, out _) && Units.TryRate(max, out var to, out _)
            ? new($"rate, {min} to {max}", from, to)
            : throw new FormatException($"{min} to {max} is no range of rates");

    public static ConfigUnit Whole(int min, int max) => new($"whole number, {min} to {max}", min, max);

    public static ConfigUnit Number(double min, double max) => new($"number, {min} to {max}", min, max);

    public static ConfigUnit WholeOr(int min, int max, string words) => new($"whole number, {min} to {max}, or {words}", min, max);

    public static ConfigUnit NumberOrOff(double min, double max) => new($"number, {min} to {max}, or `off`", min, max);
}
