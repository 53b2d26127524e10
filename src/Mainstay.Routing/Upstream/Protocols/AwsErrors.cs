using System.Buffers;
using System.Text;
using System.Text.Json;

namespace Mainstay.Routing.Upstream.Protocols;

/// <summary>What an error of AWS's APIs says of server, credentials and caller, by the name that it has in a field of the answer, in its body or in
/// an event of a stream, else by its status.</summary>
internal static class AwsErrors
{
    private const int LongestReason = 600;

    /// <summary>Names the error of an answer, and is written into ours.</summary>
    public const string TypeField = "x-amzn-ErrorType";

    public static IReadOnlyList<string> Fields { get; } = [TypeField];

    // Names without "Exception" at their end.
    private static readonly Dictionary<string, ProviderSignal> Signals = new(StringComparer.OrdinalIgnoreCase)
    {
        ["Throttling"] = ProviderSignal.Limited,
        ["ThrottledException"] = ProviderSignal.Limited,
        ["TooManyRequests"] = ProviderSignal.Limited,
        ["RequestLimitExceeded"] = ProviderSignal.Limited,
        ["ServiceQuotaExceeded"] = ProviderSignal.QuotaSpent,
        ["ModelNotReady"] = ProviderSignal.Busy,
        ["ModelTimeout"] = ProviderSignal.Busy,
        ["ServiceUnavailable"] = ProviderSignal.Busy,
        ["ResourceNotReady"] = ProviderSignal.Busy,
        ["ResourceConflict"] = ProviderSignal.Busy,
        ["Conflict"] = ProviderSignal.Busy,
        ["EC2Throttled"] = ProviderSignal.Busy,
        ["SnapStartNotReady"] = ProviderSignal.Busy,
        ["ModelError"] = ProviderSignal.Failed,
        ["ModelStreamError"] = ProviderSignal.Failed,
        ["InternalStreamFailure"] = ProviderSignal.Failed,
        ["InternalServer"] = ProviderSignal.Failed,
        ["InternalFailure"] = ProviderSignal.Failed,
        ["InternalDependency"] = ProviderSignal.Failed,
        ["Service"] = ProviderSignal.Failed,
        // The function failed, handled or not.
        ["Handled"] = ProviderSignal.Failed,
        ["Unhandled"] = ProviderSignal.Failed,
        ["AccessDenied"] = ProviderSignal.KeyRefused,
        ["UnrecognizedClient"] = ProviderSignal.KeyRefused,
        ["InvalidClientTokenId"] = ProviderSignal.KeyRefused,
        ["InvalidSignature"] = ProviderSignal.KeyRefused,
        ["SignatureDoesNotMatch"] = ProviderSignal.KeyRefused,
        ["IncompleteSignature"] = ProviderSignal.KeyRefused,
        ["MissingAuthenticationToken"] = ProviderSignal.KeyRefused,
        ["ExpiredToken"] = ProviderSignal.KeyRefused,
        ["RequestExpired"] = ProviderSignal.KeyRefused,
        ["NotAuthorized"] = ProviderSignal.KeyRefused,
        ["OptInRequired"] = ProviderSignal.KeyRefused,
        ["ResourceNotFound"] = ProviderSignal.ModelUnknown,
        ["UnknownOperation"] = ProviderSignal.ModelUnknown,
        // More than Lambda carries: another server may.
        ["RequestTooLarge"] = ProviderSignal.TooLong,
        ["RequestEntityTooLarge"] = ProviderSignal.TooLong,
        ["Validation"] = ProviderSignal.CallerError,
        ["ValidationError"] = ProviderSignal.CallerError,
        ["InvalidRequestContent"] = ProviderSignal.CallerError,
        ["InvalidParameterValue"] = ProviderSignal.CallerError,
        ["UnsupportedMediaType"] = ProviderSignal.CallerError,
        ["Serialization"] = ProviderSignal.CallerError,
        ["RecursiveInvocation"] = ProviderSignal.CallerError,
    };

    private static readonly string[] LengthWords =
    [
        "input is too long", "prompt is too long", "too many input tokens", "maximum context length", "context window", "input length and", "exceeds the maximum",
        "exceeds the model limit", "token limit", "maximum length",
    ];

    private static readonly string[] ModelWords =
    [
        "model identifier is invalid", "on-demand throughput isn", "not found", "could not resolve the foundation model", "end of its life", "marked by provider as legacy",
    ];

    private static readonly string[] PrefillWords = ["prefill", "end with a user message", "last turn", "final assistant", "last message", "assistant message", "trailing whitespace"];

    /// <param name="status">Of the answer; of an event of a stream: 200.</param>
    /// <param name="name">What a field of the answer or of an event calls the error; null: none does.</param>
    /// <param name="body">As far as it was read; may be empty or anything.</param>
    public static ProviderVerdict Judge(int status, string? name, ReadOnlySpan<byte> body)
    {
        var json = Parse(body);
        var code = Bare(name ?? Text(json, "__type") ?? Text(json, "code") ?? Text(json, "Code") ?? "");
        var reason = Reason(Text(json, "message") ?? Text(json, "Message") ?? Text(json, "errorMessage") ?? "");
        if (Original(json) is { } original)
            return OfContainer(original, Text(json, "OriginalMessage") ?? Text(json, "originalMessage"), reason) with { Code = code };
        var signal = Signals.TryGetValue(code, out var known) || Signals.TryGetValue(WithoutSuffix(code), out known) ? known : OfStatus(status);
        return new(Refine(signal, reason), reason) { Code = code.Length > 0 ? code : null };
    }

    /// <summary>What a message of an event stream says of an error; null: it is none.</summary>
    public static ProviderVerdict? InMessage(in EventMessage message)
    {
        var type = message.TextOf(":message-type"u8);
        if (type.SequenceEqual("exception"u8))
            return Judge(200, Encoding.UTF8.GetString(message.TextOf(":exception-type"u8)), message.Payload.Span);
        if (!type.SequenceEqual("error"u8))
            return null;
        var verdict = Judge(200, Encoding.UTF8.GetString(message.TextOf(":error-code"u8)), message.Payload.Span);
        return verdict.Reason.Length > 0 ? verdict : verdict with { Reason = Reason(Encoding.UTF8.GetString(message.TextOf(":error-message"u8))) };
    }

    /// <summary>The body of an error as AWS's clients read it.</summary>
    /// <param name="type">Its name.</param>
    /// <param name="member">What the API calls the text: <c>message</c> or <c>Message</c>.</param>
    /// <param name="fault">What went wrong.</param>
    /// <param name="more">Other members.</param>
    public static byte[] Write(string type, string member, ModelFault fault, params ReadOnlySpan<(string Name, string Value)> more)
    {
        var output = new ArrayBufferWriter<byte>(256);
        using (var json = new Utf8JsonWriter(output))
        {
            json.WriteStartObject();
            json.WriteString("__type", type);
            json.WriteString(member, fault.Message);
            foreach (var (name, value) in more)
                json.WriteString(name, value);
            json.WriteEndObject();
        }
        return output.WrittenSpan.ToArray();
    }

    // Some carry a namespace before or an address behind: "com.amazonaws#ThrottlingException", "ThrottlingException:http://internal...".
    private static string Bare(string name)
    {
        name = name[(name.LastIndexOf('#') + 1)..];
        var colon = name.IndexOf(':', StringComparison.Ordinal);
        return (colon < 0 ? name : name[..colon]).Trim();
    }

    private static string WithoutSuffix(string name) => name.EndsWith("Exception", StringComparison.OrdinalIgnoreCase) ? name[..^"Exception".Length] : name;

    // Where a signature is wrong AWS repeats what should have been signed, the session token in it.
    private static string Reason(string text)
    {
        var canonical = text.IndexOf("The Canonical String", StringComparison.Ordinal);
        text = (canonical < 0 ? text : text[..canonical]).Trim();
        return text.Length <= LongestReason ? text : text[..LongestReason] + "...";
    }

    private static ProviderSignal Refine(ProviderSignal signal, string reason) => signal switch
    {
        // "Too many tokens per day, please wait before trying again."
        ProviderSignal.Limited when Says(reason, ["per day", "daily"]) => ProviderSignal.QuotaSpent,
        ProviderSignal.CallerError when Says(reason, ["content filtering policy", "content policy", "blocked by guardrail"]) => ProviderSignal.Filtered,
        ProviderSignal.CallerError when Says(reason, LengthWords) => ProviderSignal.TooLong,
        ProviderSignal.CallerError when Says(reason, PrefillWords) => ProviderSignal.PrefillRefused,
        ProviderSignal.CallerError when Says(reason, ModelWords) => ProviderSignal.ModelUnknown,
        _ => signal,
    };

    // ModelError: what the model's own container answered, with its own words where they are here.
    private static ProviderVerdict OfContainer(int status, string? message, string reason)
    {
        if (message is not null && Verdicts.Judge(status, ErrorBody.Read(Encoding.UTF8.GetBytes(message))) is { Reason.Length: > 0 } verdict)
            return verdict;
        return new(status switch
        {
            429 => ProviderSignal.Limited,
            408 or 425 or 503 or 529 => ProviderSignal.Busy,
            >= 400 and < 500 and not (401 or 403 or 404) => Refine(ProviderSignal.CallerError, reason),
            _ => ProviderSignal.Failed,
        }, reason);
    }

    private static ProviderSignal OfStatus(int status) => status switch
    {
        401 or 403 => ProviderSignal.KeyRefused,
        402 => ProviderSignal.QuotaSpent,
        404 => ProviderSignal.ModelUnknown,
        413 => ProviderSignal.TooLong,
        429 => ProviderSignal.Limited,
        408 or 409 or 425 or 503 or 529 => ProviderSignal.Busy,
        424 => ProviderSignal.Failed,
        >= 400 and < 500 => ProviderSignal.CallerError,
        _ => ProviderSignal.Failed,
    };

    private static bool Says(string reason, ReadOnlySpan<string> words)
    {
        foreach (var word in words)
            if (reason.Contains(word, StringComparison.OrdinalIgnoreCase))
                return true;
        return false;
    }

    private static int? Original(JsonElement json)
    {
        foreach (var name in (ReadOnlySpan<string>)["OriginalStatusCode", "originalStatusCode"])
            if (json.ValueKind == JsonValueKind.Object && json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var status))
                return status;
        return null;
    }

    private static string? Text(JsonElement json, string name) =>
        json.ValueKind == JsonValueKind.Object && json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static JsonElement Parse(ReadOnlySpan<byte> body)
    {
        var reader = new Utf8JsonReader(body);
        try
        {
            return JsonElement.TryParseValue(ref reader, out var json) ? json.Value : default;
        }
        catch (JsonException)
        {
            return default;
        }
    }
}
