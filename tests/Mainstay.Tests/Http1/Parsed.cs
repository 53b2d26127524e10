using System.Text;
using Mainstay.Routing.Http1;

namespace Mainstay.Tests.Http1;

/// <summary>What the parser makes of one request that comes in pieces, body included.</summary>
/// <param name="Refusal">Why it was refused; null if it was not.</param>
/// <param name="Used">Bytes that were read.</param>
/// <param name="Whole">True if head and body were whole.</param>
/// <param name="Head">Method, target, host and fields.</param>
/// <param name="Body">Content.</param>
internal sealed record Parsed(Refusal? Refusal, long Used, bool Whole, string Head, string Body)
{
    /// <param name="bytes">What is sent.</param>
    /// <param name="pieces">Lengths in which it comes.</param>
    /// <param name="room">Room for content on each reading of a chunked body.</param>
    public static Parsed Of(byte[] bytes, IEnumerable<int> pieces, int room = 1 << 16)
    {
        var parser = new RequestParser(new Http1Limits());
        var chunks = new ChunkedReader(new Http1Limits());
        var body = new StringBuilder();
        var content = new byte[room];
        var step = HeadStep.More;
        Refusal? refusal = null;
        int start = 0, used = 0;
        long left = -1;
        foreach (var piece in pieces)
        {
            var input = bytes.AsSpan(start, Math.Min(piece, bytes.Length - start));
            start += input.Length;
            if (step == HeadStep.More)
            {
                step = parser.Read(input, out var part);
                Assert.InRange(part, 0, input.Length);
                if (step == HeadStep.More)
                    Assert.Equal(input.Length, part);
                used += part;
                input = input[part..];
                refusal = parser.Refusal;
                left = parser.Head.Body.Length;
            }
            if (step != HeadStep.Complete || refusal is not null)
                continue;
            if (parser.Head.Body.Kind == BodyKind.Length)
            {
                var part = (int)Math.Min(left, input.Length);
                body.Append(Encoding.Latin1.GetString(input[..part]));
                left -= part;
                used += part;
            }
            while (parser.Head.Body.Kind == BodyKind.Chunked && !input.IsEmpty && !chunks.IsAtEnd && refusal is null)
            {
                refusal = chunks.Read(input, content, out var part, out var written);
                Assert.InRange(part, refusal is null ? 1 : 0, input.Length);
                Assert.InRange(written, 0, part);
                body.Append(Encoding.Latin1.GetString(content, 0, written));
                used += part;
                input = input[part..];
            }
        }
        var whole = step == HeadStep.Complete && refusal is null
            && (parser.Head.Body.Kind == BodyKind.Chunked ? chunks.IsAtEnd : left == 0);
        // How far a refused request was read, and what was kept of it, may depend on the pieces.
        return refusal is null
            ? new Parsed(null, used, whole, whole ? Describe(parser.Head) : "", body.ToString())
            : new Parsed(refusal, 0, false, "", "");
    }

    private static string Describe(RequestHead head)
    {
        var text = new StringBuilder();
        text.Append(Encoding.Latin1.GetString(head.Method)).Append(' ').Append(Encoding.Latin1.GetString(head.Target)).Append(' ')
            .Append(Encoding.Latin1.GetString(head.Host)).Append('\n');
        for (var i = 0; i < head.Fields.Count; i++)
            text.Append(Encoding.Latin1.GetString(head.Fields.NameAt(i))).Append(": ")
                .Append(Encoding.Latin1.GetString(head.Fields.ValueAt(i))).Append('\n');
        return text.ToString();
    }
}
