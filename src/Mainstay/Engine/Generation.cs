using System.Threading.Channels;

namespace Mainstay.Engine;

/// <summary>
/// One answer in the making. The engine's loop counts tokens up, the request's own task writes them; a signal that holds at most one
/// message lies between them, so that a slow caller never makes the engine wait.
/// </summary>
/// <param name="promptTokens">What must be read before the first token; at least 1.</param>
/// <param name="answerTokens">How many tokens to make; may be 0.</param>
internal sealed class Generation(int promptTokens, int answerTokens)
{
    private readonly Channel<bool> _signal = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite, SingleReader = true });

    private volatile int _produced;
    private volatile bool _isCancelled;

    public int PromptTokens => promptTokens;

    public int AnswerTokens => answerTokens;

    /// <summary>Tokens of the prompt that have been read. Of the engine's loop alone.</summary>
    public int Prefilled { get; set; }

    /// <summary>Tokens of the answer that are made.</summary>
    public int Produced => _produced;

    public bool IsFinished => _produced >= answerTokens;

    public bool IsPrefilled => Prefilled >= promptTokens;

    /// <summary>True once nobody waits for it: the engine drops it before its next step.</summary>
    public bool IsCancelled => _isCancelled;

    /// <summary>One more token is made. Of the engine's loop alone.</summary>
    public void Produce()
    {
        if (_produced < answerTokens)
            _produced++;
        _signal.Writer.TryWrite(true);
    }

    public void Cancel() => _isCancelled = true;

    /// <summary>Waits until there are more tokens than the caller has seen.</summary>
    public async ValueTask ProgressAsync(CancellationToken cancel)
    {
        await _signal.Reader.WaitToReadAsync(cancel);
        _signal.Reader.TryRead(out _);
    }
}
