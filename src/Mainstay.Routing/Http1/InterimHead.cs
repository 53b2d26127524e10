using System.Buffers;
using System.Buffers.Text;
using System.Text;
using Microsoft.AspNetCore.WebUtilities;

namespace Mainstay.Routing.Http1;

/// <summary>Writes the heads of answers that precede the final one, or take its place: 1xx (RFC 9110 section 15.2).</summary>
internal static class InterimHead
{
    /// <param name="output">Where to.</param>
    /// <param name="status">100 to 199; 101 takes its Upgrade field along.</param>
    /// <param name="fields">Fields as a server sent them; null: none.</param>
    /// <param name="id">Answered in X-Request-Id; null: not.</param>
    public static void Write(IBufferWriter<byte> output, int status, HeaderFields? fields, string? id = null)
    {
        output.Write("HTTP/1.1 "u8);
        Utf8Formatter.TryFormat(status, output.GetSpan(3), out var digits);
        output.Advance(digits);
        output.Write(" "u8);
        output.Write(Encoding.ASCII.GetBytes(ReasonPhrases.GetReasonPhrase(status) is { Length: > 0 } reason ? reason : status == 103 ? "Early Hints" : "Interim"));
        output.Write("\r\n"u8);
        for (var i = 0; i < (fields?.Count ?? 0); i++)
        {
            var name = fields!.NameAt(i);
            if (status == 101 && fields.KindAt(i) == FieldKind.Upgrade)
                output.Write("Connection: Upgrade\r\n"u8);
            else if (!fields.IsEndToEnd(i) || Ascii.EqualsIgnoreCase(name, "X-Request-Id"u8))
                continue;
            output.Write(name);
            output.Write(": "u8);
            output.Write(fields.ValueAt(i));
            output.Write("\r\n"u8);
        }
        if (id is not null)
            output.Write(Encoding.ASCII.GetBytes($"X-Request-Id: {id}\r\n"));
        output.Write("\r\n"u8);
    }
}
