namespace Mainstay.Routing;

/// <summary>How often something happened in the last window, in ten slices. Not safe for several threads by itself.</summary>
internal sealed class RollingCount(TimeProvider clock, TimeSpan window)
{
    private const int Slices = 10;
    private readonly long _sliceTicks = Math.Max(1, (long)(window.TotalSeconds * clock.TimestampFrequency / Slices));
    private readonly int[] _counts = new int[Slices];
    private long _slice = long.MinValue;
    private int _total;

    public int Count
    {
        get
        {
            Turn();
            return _total;
        }
    }

    public void Add()
    {
        Turn();
        _counts[_slice % Slices]++;
        _total++;
    }

    public void Clear()
    {
        Array.Clear(_counts);
        _total = 0;
    }

    private void Turn()
    {
        var now = clock.GetTimestamp() / _sliceTicks;
        if (now == _slice)
            return;
        if (now - _slice is < 0 or >= Slices)
            Clear();
        else
            for (var slice = _slice + 1; slice <= now; slice++)
            {
                _total -= _counts[slice % Slices];
                _counts[slice % Slices] = 0;
            }
        _slice = now;
    }
}
