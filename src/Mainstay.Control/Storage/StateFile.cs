using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Mainstay.Routing;

namespace Mainstay.Control.Storage;

/// <summary>One value on disk as JSON, so that a control plane that starts again goes on with it. Replaced atomically.</summary>
/// <param name="path">Where.</param>
/// <param name="type">How it is written.</param>
/// <param name="isWhole">False for what was read and lacks a part that it must have.</param>
internal sealed class StateFile<T>(string path, JsonTypeInfo<T> type, Func<T, bool> isWhole) where T : class
{
    /// <exception cref="IOException">The disk is full or not writable; the file keeps what it had.</exception>
    public void Write(T value) => WholeFile.Write(path, value, type);

    /// <summary>What was written last; null if there is no file. One that cannot be read is kept aside and said.</summary>
    public T? Read(out string? trouble)
    {
        trouble = null;
        if (!File.Exists(path))
            return null;
        try
        {
            using var file = File.OpenRead(path);
            return JsonSerializer.Deserialize(file, type) is { } read && isWhole(read) ? read : throw new JsonException("a part of it is missing");
        }
        catch (Exception e) when (e is JsonException or NotSupportedException)
        {
            var aside = path + ".unreadable";
            File.Move(path, aside, overwrite: true);
            trouble = $"{path} could not be read ({e.Message}); it is kept as {aside}, and what stood in it is not in force";
            return null;
        }
    }
}
