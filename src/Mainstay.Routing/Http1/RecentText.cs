using System.Text;

namespace Mainstay.Routing.Http1;

/// <summary>
/// Short texts of the last request of a connection by their place. Callers repeat themselves from request to request, and
/// then no string is made anew. Bounded: 32 places of at most 64 characters.
/// </summary>
internal sealed class RecentText
{
    private const int Longest = 64;
    private readonly string[] _texts = new string[32];

    /// <summary>The bytes, which are UTF-8, as text.</summary>
    public string Get(int place, ReadOnlySpan<byte> bytes)
    {
        if (bytes.IsEmpty)
            return "";
        if (bytes.Length > Longest || place >= _texts.Length)
            return Encoding.UTF8.GetString(bytes);
        // Equals is false for anything beyond ASCII, so that never comes from here.
        if (_texts[place] is { } text && Ascii.Equals(bytes, text))
            return text;
        return _texts[place] = Encoding.UTF8.GetString(bytes);
    }

    public static string Method(ReadOnlySpan<byte> bytes) => bytes switch
    {
        _ when bytes.SequenceEqual("GET"u8) => "GET",
        _ when bytes.SequenceEqual("POST"u8) => "POST",
        _ when bytes.SequenceEqual("HEAD"u8) => "HEAD",
        _ when bytes.SequenceEqual("PUT"u8) => "PUT",
        _ when bytes.SequenceEqual("DELETE"u8) => "DELETE",
        _ when bytes.SequenceEqual("OPTIONS"u8) => "OPTIONS",
        _ => Encoding.ASCII.GetString(bytes),
    };
}
