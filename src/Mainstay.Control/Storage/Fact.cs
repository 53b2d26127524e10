using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Serialization;

namespace Mainstay.Control.Storage;

/// <summary>
/// Something that happened, in its place in the order of all. Each carries the hash of the one before, so that nothing can
/// be changed or taken out unseen.
/// </summary>
/// <param name="Sequence">Counts from 1 without gaps.</param>
/// <param name="At">When it happened.</param>
/// <param name="Kind">What sort of event: detected, cause, stage, remedy, resolved, order, drain, undrain, practice, alert, config, decision, start, stop, note.</param>
/// <param name="Incident">The incident it belongs to; null: none.</param>
/// <param name="Who">Who did it; "mainstay" for what it did by itself.</param>
/// <param name="Text">In words.</param>
/// <param name="Previous">Hash of the fact before; empty for the first.</param>
/// <param name="Hash">SHA-256 over all of the above, 64 hexadecimal digits.</param>
public sealed record Fact(
    long Sequence, DateTimeOffset At, string Kind, int? Incident, string Who, string Text, string Previous, string Hash)
{
    /// <summary>True if the hash belongs to what the fact says.</summary>
    [JsonIgnore]
    public bool IsGenuine => Hash == ComputeHash(Sequence, At, Kind, Incident, Who, Text, Previous);

    internal static Fact After(Fact? before, DateTimeOffset at, string kind, int? incident, string who, string text)
    {
        var sequence = (before?.Sequence ?? 0) + 1;
        var previous = before?.Hash ?? "";
        return new(sequence, at, kind, incident, who, text, previous, ComputeHash(sequence, at, kind, incident, who, text, previous));
    }

    private static string ComputeHash(long sequence, DateTimeOffset at, string kind, int? incident, string who, string text, string previous)
    {
        // Lengths before the parts, so that no two facts give the same bytes.
        var bytes = Encoding.UTF8.GetBytes(string.Create(
            CultureInfo.InvariantCulture,
            $"{sequence}|{at.UtcTicks}|{incident}|{kind.Length}|{kind}|{who.Length}|{who}|{text.Length}|{text}|{previous}"));
        return Convert.ToHexStringLower(SHA256.HashData(bytes));
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(Fact))]
internal sealed partial class FactJson : JsonSerializerContext;
