using System.Text;

namespace Mainstay.Routing.Http1;

/// <summary>
/// The protocols that a caller would rather speak on its connection (RFC 9110 section 7.8), such as websocket. They are
/// passed on only where caller and server cannot disagree on what follows the head.
/// </summary>
internal static class UpgradeField
{
    /// <summary>The field's value as it may be sent on; empty if the request is to be served as if it had none.</summary>
    public static ReadOnlySpan<byte> Of(RequestHead head)
    {
        var fields = head.Fields;
        var index = fields.Find(FieldKind.Upgrade);
        // With a body nobody could be sure where the other protocol begins.
        if (index < 0 || head.IsHttp10 || head.Body.Kind != BodyKind.None
            || fields.CountOf(FieldKind.Upgrade) > 1 || !fields.HasConnectionOption("upgrade"u8))
            return [];
        var value = fields.ValueAt(index);
        foreach (var range in value.Split((byte)','))
            if (!MayGoOn(value[range].Trim(" \t"u8)))
                return [];
        return value;
    }

    /// <summary>True if a server's 101 takes up what the caller asked for, and says so as it must.</summary>
    /// <param name="answer">Fields of the answer.</param>
    /// <param name="asked">What was sent to the server; empty if nothing.</param>
    public static bool IsTakenUp(HeaderFields answer, ReadOnlySpan<char> asked)
    {
        var index = answer.Find(FieldKind.Upgrade);
        if (asked.IsEmpty || index < 0 || answer.CountOf(FieldKind.Upgrade) > 1 || !answer.HasConnectionOption("upgrade"u8)
            || answer.Find(FieldKind.TransferEncoding) >= 0 || answer.Find(FieldKind.ContentLength) >= 0)
            return false;
        var taken = answer.ValueAt(index);
        foreach (var range in asked.Split(','))
            if (Ascii.EqualsIgnoreCase(taken, asked[range].Trim()))
                return true;
        return false;
    }

    /// <summary>HTTP itself is never upgraded to on a server's connection: requests could be hidden in it (h2c smuggling).</summary>
    private static bool MayGoOn(ReadOnlySpan<byte> protocol)
    {
        var slash = protocol.IndexOf((byte)'/');
        var name = slash < 0 ? protocol : protocol[..slash];
        var version = slash < 0 ? [] : protocol[(slash + 1)..];
        return !name.IsEmpty && !name.ContainsAnyExcept(FieldSection.Token) && !version.ContainsAnyExcept(FieldSection.Token)
            && !Ascii.EqualsIgnoreCase(name, "h2c"u8) && !Ascii.EqualsIgnoreCase(name, "h2"u8) && !Ascii.EqualsIgnoreCase(name, "HTTP"u8);
    }
}
