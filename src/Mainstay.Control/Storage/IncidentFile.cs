using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using Mainstay.Control.Incidents;
using Mainstay.Routing;

namespace Mainstay.Control.Storage;

/// <summary>The incidents on disk, so that a control plane that starts again goes on where it was. Replaced atomically.</summary>
internal sealed class IncidentFile(string path)
{
    /// <exception cref="IOException">The disk is full or not writable; the file keeps what it had.</exception>
    public void Write(ImmutableArray<Incident> incidents) => WholeFile.Write(path, incidents, IncidentJson.Default.ImmutableArrayIncident);

    /// <summary>What was written last; none if there is no file. A file that cannot be read is kept aside and said.</summary>
    public ImmutableArray<Incident> Read(out string? trouble)
    {
        trouble = null;
        if (!File.Exists(path))
            return [];
        try
        {
            using var file = File.OpenRead(path);
            var read = JsonSerializer.Deserialize(file, IncidentJson.Default.ImmutableArrayIncident);
            return !read.IsDefault && read.All(i => i is { Region: not null, Stages.IsDefaultOrEmpty: false })
                ? read
                : throw new JsonException("an incident without region or stage");
        }
        catch (Exception e) when (e is JsonException or NotSupportedException)
        {
            var aside = path + ".unreadable";
            File.Move(path, aside, overwrite: true);
            trouble = $"{path} could not be read ({e.Message}); it is kept as {aside}, and incidents start anew";
            return [];
        }
    }
}

[JsonSourceGenerationOptions(WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(ImmutableArray<Incident>))]
internal sealed partial class IncidentJson : JsonSerializerContext;
