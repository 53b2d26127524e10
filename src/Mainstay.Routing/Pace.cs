namespace Mainstay.Routing;

/// <summary>
/// How long one server lately takes to begin an answer: the geometric mean of what was seen, each moment fading with a time
/// constant of two seconds. While requests wait and nothing comes back, it is at least as long as that silence, so that a
/// server that hangs is left before its first deadline; while nothing is asked of it, it is thought quicker again, so that
/// a server that was slow gets a try. Times are timestamps of one clock. Safe for any number of threads: two that note at
/// once may lose one of both, which changes nothing that matters.
/// </summary>
internal sealed class Pace(long frequency)
{
    private const double FadeSeconds = 2;
    private const double ForgetSeconds = 10;
    private const long Never = long.MinValue;

    private readonly double _fade = FadeSeconds * frequency;
    private readonly double _forget = ForgetSeconds * frequency;
    private double _lately;
    private long _notedAt;
    private long _heardAt = Never;
    private int _waiting;

    /// <summary>Lately, apart from silence and idleness; 0: nothing is known yet.</summary>
    public double Lately => Volatile.Read(ref _lately);

    /// <summary>A request goes to the server. Each needs one <see cref="End"/>.</summary>
    public void Begin(long now)
    {
        if (Interlocked.Increment(ref _waiting) == 1)
            Volatile.Write(ref _heardAt, now);
    }

    /// <summary>The wait of one request is over.</summary>
    /// <param name="now">Timestamp.</param>
    /// <param name="took">How long it waited.</param>
    /// <param name="answered">True: the server began a good answer. What failed shows nothing but that it would have taken at
    /// least so long: a server that fails at once is not quick.</param>
    public void End(long now, long took, bool answered)
    {
        Interlocked.Decrement(ref _waiting);
        Volatile.Write(ref _heardAt, now);
        var lately = Lately;
        if (took <= 0 || (!answered && took <= lately))
            return;
        var weight = lately == 0 ? 1 : 1 - Math.Exp((Volatile.Read(ref _notedAt) - now) / _fade);
        Volatile.Write(ref _lately, lately == 0 ? took : lately * Math.Pow(took / lately, weight));
        Volatile.Write(ref _notedAt, now);
    }

    /// <summary>What to reckon with now.</summary>
    /// <param name="now">Timestamp.</param>
    /// <param name="unknown">What a server that has not answered yet is thought to take.</param>
    /// <param name="most">No server is thought slower: chance must not look like a difference in kind.</param>
    public double At(long now, double unknown, double most)
    {
        var (lately, heard) = (Lately, Volatile.Read(ref _heardAt));
        // Who was never asked has not been idle since the clock began, and others may keep it busy: it counts from the first look at it.
        if (heard == Never)
            heard = Interlocked.CompareExchange(ref _heardAt, now, Never) is var first and not Never ? first : now;
        lately = lately == 0 ? unknown : lately;
        var quiet = now - heard;
        return Volatile.Read(ref _waiting) > 0
            ? Math.Min(Math.Max(lately, quiet), most)
            : Math.Min(lately, most) * (_forget / (_forget + quiet));
    }
}
