using System.Collections.Concurrent;
using System.Text;

namespace Mainstay.Routing.Models;

/// <summary>The keys of servers, out of the environment or files. They are never written anywhere. Safe for any number of threads.</summary>
internal sealed class ServerKeys(TimeProvider clock)
{
    /// <summary>How long a key that was read from a file counts before the file is looked at again.</summary>
    private static readonly TimeSpan LookAgain = TimeSpan.FromSeconds(1);

    private const string Hidden = "(key)";

    private readonly ConcurrentDictionary<string, Entry> _files = new();

    /// <summary>True if <see cref="Of"/> reads a file now.</summary>
    public bool IsRead(ModelServer server) =>
        server is { KeyEnv: null, KeyFile: { } file } && (!_files.TryGetValue(file, out var entry) || clock.GetElapsedTime(entry.At) > LookAgain);

    /// <summary>The key of a server; null: it has none, or what should hold it does not, as <paramref name="trouble"/> says.</summary>
    /// <param name="server">What the table says of it.</param>
    /// <param name="trouble">What is wrong and the cure; null: nothing.</param>
    public string? Of(ModelServer server, out string? trouble)
    {
        trouble = null;
        if (server.KeyEnv is { } variable)
        {
            var value = Environment.GetEnvironmentVariable(variable);
            if (string.IsNullOrWhiteSpace(value))
                trouble = $"the environment variable {variable} (key_env) is not set: set it where Mainstay starts";
            return Usable(value, ref trouble);
        }
        if (server.KeyFile is not { } file)
            return null;
        if (!_files.TryGetValue(file, out var entry) || clock.GetElapsedTime(entry.At) > LookAgain)
            _files[file] = entry = Read(file);
        trouble = entry.Trouble;
        return Usable(entry.Key, ref trouble);
    }

    /// <summary>What a provider said, without the key that it may have repeated.</summary>
    public static string Without(string? key, string text) => key is null ? text : text.Replace(key, Hidden, StringComparison.Ordinal);

    public static byte[] Without(string? key, byte[] text) =>
        key is null || text.AsSpan().IndexOf(Encoding.UTF8.GetBytes(key)) < 0 ? text : Encoding.UTF8.GetBytes(Without(key, Encoding.UTF8.GetString(text)));

    /// <summary>What cannot stand in a header field would break the request, or worse.</summary>
    private static string? Usable(string? key, ref string? trouble)
    {
        key = key?.Trim();
        if (string.IsNullOrEmpty(key))
            return null;
        if (!key.AsSpan().ContainsAnyExceptInRange('!', '~'))
            return key;
        trouble = "its key holds spaces or other characters that no key has: write the key alone, on one line";
        return null;
    }

    private Entry Read(string file)
    {
        try
        {
            var key = File.ReadAllText(file);
            return new(key, clock.GetTimestamp(), string.IsNullOrWhiteSpace(key) ? $"{file} (key_file) is empty: write the key into it" : null);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return new(null, clock.GetTimestamp(), $"{file} (key_file) cannot be read: {e.Message}");
        }
    }

    private sealed record Entry(string? Key, long At, string? Trouble);
}
