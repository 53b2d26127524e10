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

    /// <summary>Gaps in a row that must be long: a scheduler's pause is one long gap.</summary>
    private const int InARow = 4;

    /// <summary>How many times the usual gap is long; and no gap below a second is, whatever is usual.</summary>
    private const double TimesLonger = 20;
    private const double NeverBelow = 1;

    private double _usual;
    private int _known;
    private int _long;

    /// <summary>Notes the time since the token before, or since the request's sending for the first.</summary>
    /// <returns>True if the stream drips.</returns>
    public bool Drips(double gap)
    {
        if (_known < Learned)
        {
            // The mean of the first gaps; several tokens in one packet make gaps of zero, and the mean is right of them too.
            _usual += (gap - _usual) / ++_known;
            return false;
        }
        _long = gap > Math.Max(NeverBelow, TimesLonger * _usual) ? _long + 1 : 0;
        return _long >= InARow;
    }
}
