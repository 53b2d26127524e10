namespace Mainstay.Routing;

/// <summary>
/// Whether a server got as many requests as it is declared to carry. What one second may bring can come at once, and then
/// each request as its turn comes (GCRA, ITU-T I.371): what is beyond goes elsewhere, and no more than that. Requests that
/// come all the same are made up for, within a second. Safe for any number of threads.
/// </summary>
/// <param name="frequency">Units of a timestamp in a second.</param>
internal sealed class DeclaredRate(long frequency)
{
    private long _nextTurn = long.MinValue;

    /// <param name="now">Timestamp.</param>
    /// <param name="rate">Requests a second; greater than 0.</param>
    public bool IsFull(long now, double rate) => Volatile.Read(ref _nextTurn) > now + Ahead(rate);

    /// <summary>A request came.</summary>
    public void Note(long now, double rate)
    {
        while (true)
        {
            var turn = Volatile.Read(ref _nextTurn);
            var next = Math.Min(Math.Max(turn, now) + Interval(rate), now + Ahead(rate) + Interval(rate) + frequency);
            if (Interlocked.CompareExchange(ref _nextTurn, next, turn) == turn)
                return;
        }
    }

    private long Interval(double rate) => (long)(frequency / rate);

    /// <summary>How far requests may come before their turn.</summary>
    private long Ahead(double rate) => Math.Max(0, frequency - Interval(rate));
}
