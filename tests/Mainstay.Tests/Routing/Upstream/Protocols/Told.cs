using System.Buffers;
using System.Text;
using Mainstay.Routing;
using Mainstay.Routing.Upstream.Protocols;

namespace Mainstay.Tests.Routing.Upstream.Protocols;

/// <summary>What protocols read and write, as text.</summary>
internal static class Told
{
    public static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    public static string Text(ReadOnlyMemory<byte> bytes) => Encoding.UTF8.GetString(bytes.Span);

    public static Server Server(ModelServer? ai = null, string url = "http://10.0.0.1:8000/v1") =>
        new() { Url = new Uri(url), Region = "a", Ai = ai };

    /// <summary>A request that must be good.</summary>
    public static ModelRequest Read(this Protocol protocol, string path, string body)
    {
        var request = protocol.Read("POST", path, Bytes(body), out var fault);
        Assert.Null(fault);
        return request!;
    }

    /// <summary>What is wrong with a request.</summary>
    public static ModelFault Refused(this Protocol protocol, string path, string body)
    {
        Assert.Null(protocol.Read("POST", path, Bytes(body), out var fault));
        return fault!;
    }

    /// <summary>The parts of a stream, with their bytes kept.</summary>
    public static List<AnswerPart> Parts(Mainstay.Routing.Upstream.Protocols.StreamReader reader, string stream, int piece = int.MaxValue)
    {
        var bytes = Bytes(stream);
        var parts = new List<AnswerPart>();
        for (var at = 0; at < bytes.Length; at += Math.Min(piece, bytes.Length))
        {
            reader.Feed(bytes.AsSpan(at, Math.Min(piece, bytes.Length - at)));
            while (reader.TryRead(out var part))
                parts.Add(part with { Bytes = part.Bytes.ToArray() });
        }
        reader.Finish();
        while (reader.TryRead(out var part))
            parts.Add(part with { Bytes = part.Bytes.ToArray() });
        return parts;
    }

    /// <summary>A stream written to a caller.</summary>
    public static string Written(Protocol protocol, IEnumerable<AnswerPart> parts, ModelRequest request, StreamNames names)
    {
        var output = new ArrayBufferWriter<byte>();
        foreach (var part in parts)
            protocol.WriteEvent(output, part, request, names);
        return Text(output.WrittenMemory);
    }
}
