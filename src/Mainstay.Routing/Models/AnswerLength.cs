namespace Mainstay.Routing.Models;

/// <summary>How many tokens the answers of a model have lately: a mean that forgets (one in 32 counts). Safe for any number of threads;
/// of two that note at once one may be lost, which does no harm.</summary>
internal sealed class AnswerLength
{
    /// <summary>What an answer is thought to have before any was seen.</summary>
    private const double Unknown = 256;

    private const double Weight = 1.0 / 32;

    private double _mean = Unknown;

    /// <summary>Tokens that an answer is expected to have, from 1.</summary>
    /// <param name="most">As the caller bounds it; null: it does not.</param>
    public long Expected(int? most) => Math.Max(1, Math.Min((long)Volatile.Read(ref _mean), most ?? long.MaxValue));

    public void Note(long tokens)
    {
        var mean = Volatile.Read(ref _mean);
        Volatile.Write(ref _mean, mean + (Weight * (tokens - mean)));
    }
}
