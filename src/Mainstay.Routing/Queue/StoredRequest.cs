using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Serialization;

namespace Mainstay.Routing.Queue;

/// <summary>A request as it stands in the queue: all that is needed to send it later, and the key to its answer.</summary>
/// <param name="Id">As answered in the X-Request-Id header.</param>
/// <param name="Key">Names the answer to whoever holds it: 128 random bits in hexadecimal.</param>
/// <param name="At">When it was taken in.</param>
/// <param name="Method">As it came.</param>
/// <param name="Target">Path and query as they came.</param>
/// <param name="Host">As it came.</param>
/// <param name="Scheme">"http" or "https".</param>
/// <param name="Caller">Address of the caller; empty: unknown.</param>
/// <param name="ForwardedFor">The X-Forwarded-For field as it came.</param>
/// <param name="Fields">The fields that go on to a server, as lines.</param>
/// <param name="MaySendTwice">What "Sent twice?" says of it.</param>
internal sealed record StoredRequest(
    string Id, string Key, DateTimeOffset At, string Method, string Target, string Host, string Scheme, string Caller, string ForwardedFor,
    byte[] Fields, bool MaySendTwice)
{
    /// <summary>The whole body; not part of the JSON.</summary>
    [JsonIgnore]
    public ReadOnlyMemory<byte> Body { get; init; }

    /// <summary>The Forwarded field as it came.</summary>
    public string Forwarded { get; init; } = "";

    /// <summary>Whether it had a body, be it empty.</summary>
    public bool HasBody { get; init; }

    /// <summary>Takes everything over from a request under way.</summary>
    /// <param name="exchange">The request.</param>
    /// <param name="body">Its whole body.</param>
    /// <param name="maySendTwice">What "Sent twice?" says of it.</param>
    /// <param name="at">Now.</param>
    public static StoredRequest Of(Exchange exchange, ReadOnlyMemory<byte> body, bool maySendTwice, DateTimeOffset at)
    {
        var fields = new ArrayBufferWriter<byte>();
        exchange.WriteFieldsTo(fields);
        var request = new StoredRequest(
            exchange.Id, Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16)), at, exchange.Method, exchange.Target, exchange.Host,
            exchange.Scheme, exchange.Caller?.ToString() ?? "", exchange.FieldText("X-Forwarded-For"),
            fields.WrittenSpan.ToArray(), maySendTwice);
        return request with { Forwarded = exchange.FieldText("Forwarded"), Body = body, HasBody = exchange.RequestBody is not null };
    }

    /// <summary>The fields, one by one.</summary>
    public IEnumerable<KeyValuePair<string, string>> FieldLines() =>
        from line in Encoding.Latin1.GetString(Fields).Split("\r\n", StringSplitOptions.RemoveEmptyEntries)
        let colon = line.IndexOf(':')
        where colon > 0
        select new KeyValuePair<string, string>(line[..colon], line[(colon + 1)..].Trim());
}

/// <summary>What became of a request of the queue.</summary>
/// <param name="At">When it ended.</param>
/// <param name="Status">Status of the server's answer; 0: there is none.</param>
/// <param name="ContentType">Of that answer; empty: none was named.</param>
/// <param name="Why">Empty if a server answered; else why the request ended without.</param>
/// <param name="IsUnknown">True: there is no answer, and a server may have done the request or not.</param>
internal sealed record StoredAnswer(DateTimeOffset At, int Status, string ContentType, string Why, bool IsUnknown = false)
{
    /// <summary>Body of the answer; not part of the JSON.</summary>
    [JsonIgnore]
    public ReadOnlyMemory<byte> Body { get; init; }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(StoredRequest))]
[JsonSerializable(typeof(StoredAnswer))]
internal sealed partial class StoredJson : JsonSerializerContext;
