using System.Text.Json;

namespace Mainstay.Routing.Upstream.Protocols;

/// <summary>Where a value stands that a reader is at, and what type it says to be.</summary>
internal static class JsonPlace
{
    /// <summary>The single value that the reader is at, in bytes of the body.</summary>
    public static Stretch Here(ref Utf8JsonReader reader) =>
        new((int)reader.TokenStartIndex, (int)(reader.BytesConsumed - reader.TokenStartIndex));

    /// <summary>Reads a value to its end. True if it is an object whose "type" is the wanted one; a string may stand for the object.</summary>
    public static bool TypeIs(ref Utf8JsonReader reader, ReadOnlySpan<byte> wanted)
    {
        var found = false;
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            found = reader.TokenType == JsonTokenType.String && reader.ValueTextEquals(wanted);
            reader.Skip();
            return found;
        }
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isType = reader.ValueTextEquals("type"u8);
            reader.Read();
            if (isType)
                found = reader.TokenType == JsonTokenType.String && reader.ValueTextEquals(wanted);
            reader.Skip();
        }
        return found;
    }
}
