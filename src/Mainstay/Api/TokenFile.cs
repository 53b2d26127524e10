using System.Security.Cryptography;

namespace Mainstay.Api;

/// <summary>The token of an instance, in <c>state/token</c>: made on first start, readable by its owner alone, never logged.</summary>
internal static class TokenFile
{
    private const int Bytes = 32;

    /// <summary>43 characters hold 32 bytes; a token of fewer than 32 characters was not made here and may be guessed.</summary>
    private const int FewestCharacters = 32;

    public static string PathIn(string stateFolder) => Path.Combine(stateFolder, "token");

    /// <summary>The token of this state folder, made now if there is none. Null: it cannot be had, and <paramref name="why"/> names the cure.</summary>
    public static string? ReadOrMake(string stateFolder, out string why)
    {
        var path = PathIn(stateFolder);
        try
        {
            if (!File.Exists(path))
            {
                Directory.CreateDirectory(stateFolder);
                Make(path);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            why = $"{path}: the control token cannot be made: {e.Message} Give this user the right to write to the state folder.";
            return null;
        }
        return Read(path, out why);
    }

    /// <summary>The token in a file. Null: it cannot be read or is none, and <paramref name="why"/> names the cure.</summary>
    public static string? Read(string path, out string why)
    {
        try
        {
            using var reader = new StreamReader(path);
            var token = reader.ReadLine()?.Trim() ?? "";
            if (token.Length >= FewestCharacters)
            {
                why = "";
                return token;
            }
            why = $"{path}: holds no token of at least {FewestCharacters} characters. Remove it and restart mainstay serve, which makes a new one.";
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            why = $"{path}: no such token file. Name it with --token-file, or put the token into MAINSTAY_TOKEN; "
                + "a running mainstay keeps its own in the file token of its state folder.";
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            why = $"{path}: the token cannot be read: {e.Message} Run as the user that mainstay runs as, or name another --token-file.";
        }
        return null;
    }

    /// <summary>Written beside and moved into place, so that a crash leaves no half token; whoever comes first wins.</summary>
    private static void Make(string path)
    {
        var token = System.Buffers.Text.Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(Bytes));
        var next = path + ".next";
        File.Delete(next);
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        using (var file = new FileStream(next, options))
        {
            file.Write(System.Text.Encoding.ASCII.GetBytes(token + "\n"));
            file.Flush(flushToDisk: true);
        }
        File.Move(next, path, overwrite: false);
    }
}
