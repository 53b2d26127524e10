using System.Buffers;
using System.Text;
using System.Text.Json.Nodes;
using Mainstay.Routing;
using Mainstay.Routing.Upstream.Protocols;
using StreamReader = Mainstay.Routing.Upstream.Protocols.StreamReader;

namespace Mainstay.Tests.Routing.Upstream.Protocols;

/// <summary>What the tests of AWS's protocols share.</summary>
internal static class AwsScene
{
    public static Server Server(ModelApi api, ModelApi body = ModelApi.Http, string? endpoint = null, string? model = null) => new()
    {
        Url = new Uri("https://runtime.test"),
        Region = "us-west-2",
        Ai = new ModelServer { Api = api, Body = body, Endpoint = endpoint, Model = model, AwsRegion = "us-west-2" },
    };

    /// <summary>A chat request of openai.</summary>
    public static ModelRequest Chat(string json) => OpenAi("/chat/completions", json);

    public static ModelRequest OpenAi(string path, string json) =>
        new OpenAi().Read("POST", path, Encoding.UTF8.GetBytes(json), out var fault) ?? throw new InvalidOperationException(fault!.Message);

    public static ModelRequest Read(Protocol protocol, string path, string body) =>
        protocol.Read("POST", path, Encoding.UTF8.GetBytes(body), out var fault) ?? throw new InvalidOperationException(fault!.Message);

    public static byte[] Event(string type, string json)
    {
        var output = new ArrayBufferWriter<byte>();
        EventStreamWriter.WriteEvent(output, type, "application/json", Encoding.UTF8.GetBytes(json));
        return output.WrittenSpan.ToArray();
    }

    public static byte[] Exception(string type, string json)
    {
        var output = new ArrayBufferWriter<byte>();
        EventStreamWriter.WriteException(output, type, Encoding.UTF8.GetBytes(json));
        return output.WrittenSpan.ToArray();
    }

    /// <summary>All parts of a stream that comes in pieces of a size and ends cleanly; their bytes are copied.</summary>
    public static List<AnswerPart> Parts(StreamReader reader, byte[] bytes, int size = int.MaxValue)
    {
        var parts = new List<AnswerPart>();
        for (var at = 0; at < bytes.Length; at += Math.Min(size, bytes.Length - at))
        {
            reader.Feed(bytes.AsSpan(at, Math.Min(size, bytes.Length - at)));
            Take();
        }
        reader.Finish();
        Take();
        return parts;

        void Take()
        {
            while (reader.TryRead(out var part))
                parts.Add(part with { Bytes = part.Bytes.ToArray() });
        }
    }

    public static string Written(Protocol protocol, IEnumerable<AnswerPart> parts, ModelRequest request) => Encoding.UTF8.GetString(Bytes(protocol, parts, request));

    public static byte[] Bytes(Protocol protocol, IEnumerable<AnswerPart> parts, ModelRequest request)
    {
        var output = new ArrayBufferWriter<byte>();
        var names = new StreamNames { Id = "1", Model = "m" };
        foreach (var part in parts)
            protocol.WriteEvent(output, part, request, names);
        return output.WrittenSpan.ToArray();
    }

    /// <summary>The same JSON, however it is written.</summary>
    public static void AssertJson(string expected, ReadOnlyMemory<byte> actual) =>
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(expected), JsonNode.Parse(actual.Span)), Encoding.UTF8.GetString(actual.Span));
}
