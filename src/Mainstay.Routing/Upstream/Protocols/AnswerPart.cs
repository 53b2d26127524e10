namespace Mainstay.Routing.Upstream.Protocols;

/// <summary>One event of a streamed answer: its bytes as they came, and what it means.</summary>
internal readonly record struct AnswerPart(PartKind Kind)
{
    /// <summary>The event as it came, its frame left out (SSE: the data; several lines joined by line feeds). Good until the next one is read.</summary>
    public ReadOnlyMemory<byte> Bytes { get; init; }

    /// <summary>The API that the bytes are of.</summary>
    public ModelApi Api { get; init; }

    /// <summary>SSE: its name; null: none.</summary>
    public string? Event { get; init; }

    /// <summary>Text of the answer that it brings; empty: none.</summary>
    public string Text { get; init; } = "";

    /// <summary>True if it belongs to the beginning of an answer and brings nothing of it (role, message_start, content_block_start): left out
    /// where an answer goes on that has begun elsewhere.</summary>
    public bool IsFrame { get; init; }

    /// <summary>anthropic: the content block it belongs to, from 0.</summary>
    public int Block { get; init; }

    /// <summary>Of <see cref="PartKind.Tool"/>: which of the answer's tool calls, from 0; -1: none, but another thing that is no plain text.</summary>
    public int ToolIndex { get; init; }

    /// <summary>Of the first part of a tool call: its id; else null.</summary>
    public string? ToolId { get; init; }

    /// <summary>Of the first part of a tool call: the name of the tool; else null.</summary>
    public string? ToolName { get; init; }

    /// <summary>Why the answer ends; None while it goes on. May stand beside text.</summary>
    public FinishReason Finish { get; init; }

    /// <summary>Tokens, where it tells them; else null.</summary>
    public TokenUsage? Usage { get; init; }

    /// <summary>True if it tells the usage and nothing else: not passed on to a caller who did not ask for it.</summary>
    public bool IsUsageAlone { get; init; }

    /// <summary>Of <see cref="PartKind.Error"/>: what it says of the server.</summary>
    public ProviderVerdict? Verdict { get; init; }

    /// <summary>The same with other text, to be written anew: where an answer goes on that repeats its beginning, only the rest is passed on.</summary>
    public AnswerPart WithText(string text) => this with { Text = text, Bytes = default, Event = null };
}

/// <summary>What an event of a stream is.</summary>
internal enum PartKind
{
    /// <summary>It brings no token: role only, ping, empty, the frame of a block. Goes on to the caller of the same API.</summary>
    Empty,

    /// <summary>Text of the answer.</summary>
    Text,

    /// <summary>Part of a tool call, in <see cref="AnswerPart.Text"/> its arguments; or of another thing that is no plain text, such as a refusal.
    /// An answer that brought one is not gone on from.</summary>
    Tool,

    /// <summary>Thought before the answer (reasoning), in <see cref="AnswerPart.Text"/>. A token for every deadline, but no part of the answer: one that
    /// goes on elsewhere goes on from its text alone.</summary>
    Thought,

    /// <summary>Says why the answer ends, or what it used; more such may follow.</summary>
    End,

    /// <summary>Nothing follows: <c>[DONE]</c>, <c>message_stop</c>.</summary>
    Done,

    /// <summary>An error of the provider instead of an answer, or of the rest of it.</summary>
    Error,

    /// <summary>No event of this API: dropped and counted.</summary>
    Malformed,
}

/// <summary>Why an answer ends.</summary>
internal enum FinishReason
{
    None,
    Stop,
    Length,
    Tools,

    /// <summary>The provider's filter ended it.</summary>
    Filter,
}

/// <summary>Tokens of a request, as its server counted them.</summary>
/// <param name="Prompt">Those of the prompt, cached ones included.</param>
/// <param name="Answer">Those of the answer.</param>
internal readonly record struct TokenUsage(long Prompt, long Answer);

/// <summary>What a stream says of itself at its beginning.</summary>
internal sealed class StreamNames
{
    public string Id { get; set; } = "";

    /// <summary>The model as its server names it.</summary>
    public string Model { get; set; } = "";

    /// <summary>Seconds since 1970.</summary>
    public long Created { get; set; }

    /// <summary>True once a caller of another API has been sent the part that names the role.</summary>
    public bool HasBegun { get; set; }
}

/// <summary>A whole answer, by what it means.</summary>
/// <param name="Text">Empty: none.</param>
/// <param name="Finish">Why it ended.</param>
/// <param name="Usage">Tokens; null: not told.</param>
internal sealed record WholeAnswer(string Text, FinishReason Finish, TokenUsage? Usage)
{
    public string Id { get; init; } = "";

    /// <summary>The model as its server names it.</summary>
    public string Model { get; init; } = "";

    /// <summary>Seconds since 1970; 0: it does not say.</summary>
    public long Created { get; init; }

    /// <summary>Its tool calls: id, name, arguments as JSON.</summary>
    public IReadOnlyList<(string Id, string Name, string Arguments)> Tools { get; init; } = [];

    /// <summary>An error of the provider instead of an answer, though the status was 2xx; else null.</summary>
    public ProviderVerdict? Verdict { get; init; }
}
