using System.Text;

namespace Mainstay.Control.Config;

/// <summary>A text file that people write, read whole.</summary>
internal static class SmallFile
{
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>The text, or null and what is wrong with the file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="maxBytes">A larger file is refused.</param>
    public static (string? Text, (string Wrong, string Cure) Trouble) Read(string path, int maxBytes)
    {
        try
        {
            if (Directory.Exists(path))
                return (null, ("a folder, not a file", "name the file in it"));
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            // Read to one byte beyond the bound, whatever length is claimed: a pipe claims none.
            var bytes = new byte[maxBytes + 1];
            var length = file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
            if (length > maxBytes)
                return (null, ($"larger than {maxBytes / 1024} KiB", "make it smaller"));
            var text = bytes.AsSpan(0, length);
            return (Strict.GetString(text.StartsWith("\uFEFF"u8) ? text[3..] : text), default);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return (null, ("no such file", "check its name"));
        }
        catch (UnauthorizedAccessException)
        {
            return (null, ("may not be read by this user", "change its mode or owner"));
        }
        catch (DecoderFallbackException)
        {
            return (null, ("not UTF-8 text", "save it as UTF-8"));
        }
        catch (Exception e) when (e is IOException or ArgumentException or NotSupportedException)
        {
            return (null, ("cannot be read: " + Findings.Shown(e.Message, longest: 200), "check the path and the disk"));
        }
    }
}
