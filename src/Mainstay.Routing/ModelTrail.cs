namespace Mainstay.Routing;

/// <summary>What telemetry tells of a request to a model, beside its outcome. Never a word of prompt or answer.</summary>
public sealed record ModelTrail
{
    /// <summary>What was asked, by the words of OpenTelemetry: <c>chat</c>, <c>text_completion</c>, <c>embeddings</c>, …</summary>
    public required string Operation { get; init; }

    /// <summary>The API of the server that was asked last.</summary>
    public ModelApi Api { get; init; }

    /// <summary>The model as its caller named it; up to 100 characters.</summary>
    public required string Asked { get; init; }

    /// <summary>True if the table names that model; false: callers may write what they like.</summary>
    public bool IsNamed { get; init; }

    /// <summary>The model that answered, if the table names it; null: it does not, or none answered.</summary>
    public string? Answered { get; init; }

    /// <summary>Host of the server that was asked last; empty: none was.</summary>
    public string Host { get; init; } = "";

    public int Port { get; init; }

    /// <summary>True if its answer was a stream: the first byte of the outcome is then the first token.</summary>
    public bool IsStream { get; init; }

    /// <summary>Why the answer ended, by the words of OpenTelemetry: <c>stop</c>, <c>length</c>, <c>tool_calls</c>, <c>content_filter</c>; null: it did not say.</summary>
    public string? Finish { get; init; }

    /// <summary>Times that the answer was cut and went on elsewhere.</summary>
    public int Continued { get; init; }

    /// <summary>Events of servers that were none of their API, and were dropped.</summary>
    public int Malformed { get; init; }

    /// <summary>The caller's traceparent, if it began a trace; else null.</summary>
    public string? TraceParent { get; init; }

    /// <summary>The trace that began here, 32 hexadecimal digits; null: the caller's goes on.</summary>
    public string? TraceId { get; init; }
}
