namespace Mainstay.Routing.Models;

/// <summary>
/// How quickly one stream brings its tokens, and whether it has begun to drip: its latest gaps are many times as long
/// as its first ones were. A server that dies slowly would otherwise keep its caller waiting just below the idle deadline
/// for ever. Times are in seconds. One thread at a time.
/// </summary>
internal sealed class TokenPace
{
    /// <summary>Gaps that tell what is usual for the stream.</summary>
    private const int Learned = 16;

    /// <summary>From so many on a gap may be told to be long; long ones are not learned from.</summary>
    private const int Enough = 6;

    /// <summary>Gaps in a row that must be long: a scheduler's pause is one long gap.</summary>
    private const int InARow = 4;

    /// <summary>How many times the usual gap is long; and no gap below this is, whatever is usual.</summary>
    private const double TimesLonger = 20;
    private const double NeverBelow = 0.3;

    private double _usual;
    private int _known;
    private int _long;

    /// <summary>Notes the time since the token before, or since the request's sending for the first.</summary>
    /// <returns>True if the stream drips.</returns>
    public bool Drips(double gap)
    {
        if (_known >= Enough && gap > Math.Max(NeverBelow, TimesLonger * _usual))
            return ++_long >= InARow;
        _long = 0;
        // The mean of the first gaps; several tokens in one packet make gaps of zero, and the mean is right of them too.
        if (_known < Learned)
            _usual += (gap - _usual) / ++_known;
        return false;
    }
}
