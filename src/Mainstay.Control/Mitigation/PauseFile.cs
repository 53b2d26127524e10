using System.Text.Json;
using System.Text.Json.Serialization;

namespace Mainstay.Control.Mitigation;

/// <summary>
/// The file <c>paused</c> in the state folder: while it is there, no remedy is in force. A person can make and remove it without
/// the control plane or its database, with <c>mainstay pause</c> or, in need, with <c>touch</c>. Cheap enough to read in every tick.
/// </summary>
/// <param name="stateFolder">The state folder of the instance.</param>
public sealed class PauseFile(string stateFolder)
{
    /// <summary>More than a line that people write; what is longer was not written by Mainstay.</summary>
    private const int MostBytes = 16 * 1024;

    public string Path { get; } = System.IO.Path.Combine(stateFolder, "paused");

    /// <summary>Who paused, or null if there is no such file. A file that cannot be read or understood still pauses: somebody wanted
    /// remedies to stop, and that is the safe side. Never throws.</summary>
    public Pause? Read()
    {
        if (!File.Exists(Path))
            return null;
        try
        {
            using var file = new FileStream(Path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            if (file.Length is > 0 and <= MostBytes && JsonSerializer.Deserialize(file, PauseJson.Default.Pause) is { Who: not null, Why: not null } pause)
                return pause;
        }
        catch (FileNotFoundException)
        {
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            // Falls through: paused by an unknown hand.
        }
        return Pause.Unknown;
    }

    /// <summary>Pauses. The file is replaced whole and is on the disk when this returns. On a full disk it is empty: who and why are
    /// lost then, the pause is not.</summary>
    /// <exception cref="IOException">The folder is missing or not writable.</exception>
    /// <exception cref="UnauthorizedAccessException">This user may not write there.</exception>
    public void Write(Pause pause)
    {
        var next = Path + ".next";
        try
        {
            using (var file = new FileStream(next, FileMode.Create, FileAccess.Write))
            {
                JsonSerializer.Serialize(file, pause, PauseJson.Default.Pause);
                file.WriteByte((byte)'\n');
                file.Flush(flushToDisk: true);
            }
            File.Move(next, Path, overwrite: true);
        }
        catch (IOException) when (IsWrittenEmpty(next))
        {
            // An empty file pauses, too.
        }
    }

    /// <summary>Makes the file without a content, in place of the one that could not be written; false if that fails, too.</summary>
    private bool IsWrittenEmpty(string next)
    {
        try
        {
            File.Delete(next);
            using var empty = new FileStream(Path, FileMode.OpenOrCreate, FileAccess.Write);
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>Ends the pause; false if there was none.</summary>
    /// <exception cref="IOException">The file cannot be removed.</exception>
    /// <exception cref="UnauthorizedAccessException">This user may not remove it.</exception>
    public bool Remove()
    {
        if (!File.Exists(Path))
            return false;
        File.Delete(Path);
        return true;
    }
}

/// <summary>Who stopped all remedies, when and why.</summary>
/// <param name="Why">In the person's words; may be empty.</param>
public sealed record Pause(string Who, DateTimeOffset At, string Why)
{
    /// <summary>The file is there and does not say who made it.</summary>
    public static Pause Unknown { get; } = new("(unknown)", DateTimeOffset.UnixEpoch, "");
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(Pause))]
internal sealed partial class PauseJson : JsonSerializerContext;
