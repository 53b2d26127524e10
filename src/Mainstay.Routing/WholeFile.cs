using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Mainstay.Routing;

/// <summary>A small file that is replaced whole: a reader, or a start after a crash, finds the old value or the new one.</summary>
public static class WholeFile
{
    /// <summary>Writes the value as JSON and waits until the disk has it.</summary>
    /// <exception cref="IOException">The disk is full or not writable; the file keeps what it had.</exception>
    public static void Write<T>(string path, T value, JsonTypeInfo<T> type)
    {
        var next = path + ".next";
        try
        {
            using (var file = new FileStream(next, FileMode.Create, FileAccess.Write))
            {
                JsonSerializer.Serialize(file, value, type);
                file.Flush(flushToDisk: true);
            }
            File.Move(next, path, overwrite: true);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new IOException(e.Message, e);
        }
    }
}
