using System.Text.Json;
using System.Text.Json.Serialization;

namespace Mainstay.Routing;

/// <summary>
/// The last good table on disk, from which the data plane starts when nothing else can be read. Replaced atomically:
/// a reader sees the old table or the new one, whole.
/// </summary>
public sealed class LastGoodFile(string path)
{
    public string Path { get; } = path;

    /// <summary>Writes the table and waits until the disk has it.</summary>
    /// <exception cref="IOException">The disk is full or not writable; the file keeps the table before.</exception>
    public void Write(RouteTable table) => WholeFile.Write(Path, table, TableJson.Default.RouteTable);

    /// <summary>The table on disk; null if there is none or it cannot be read, and then <paramref name="why"/> says so.</summary>
    public RouteTable? TryRead(out string why)
    {
        try
        {
            using var file = new FileStream(Path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            why = "";
            var table = JsonSerializer.Deserialize(file, TableJson.Default.RouteTable);
            if (table is { Services.IsDefault: false, Overlays.IsDefault: false })
                return table;
            why = $"{Path}: no table in it";
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException or NotSupportedException)
        {
            why = $"{Path}: {e.Message}";
        }
        return null;
    }
}

[JsonSourceGenerationOptions(WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(RouteTable))]
internal sealed partial class TableJson : JsonSerializerContext;
