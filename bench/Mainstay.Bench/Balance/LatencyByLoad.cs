namespace Mainstay.Bench.Balance;

/// <summary>
/// What a server of Prequal tells a probe: the median latency of recent requests that came while as many were in flight as
/// are now, or nearly as many.
/// </summary>
internal sealed class LatencyByLoad
{
    private const int Kept = 16;
    private const int Loads = 512;
    private readonly float[] _ring = new float[Loads * Kept];
    private readonly int[] _count = new int[Loads];
    private readonly float[] _sorted = new float[Kept];

    public void Add(int load, double latency)
    {
        load = Math.Min(load, Loads - 1);
        _ring[(load * Kept) + (_count[load]++ % Kept)] = (float)latency;
    }

    /// <returns>Seconds; 0 while nothing is known.</returns>
    public double At(int load)
    {
        load = Math.Min(load, Loads - 1);
        for (var away = 0; away < Loads; away++)
        {
            if (load - away >= 0 && _count[load - away] > 0)
                return Median(load - away);
            if (load + away < Loads && _count[load + away] > 0)
                return Median(load + away);
        }
        return 0;
    }

    private double Median(int load)
    {
        var count = Math.Min(Kept, _count[load]);
        Array.Copy(_ring, load * Kept, _sorted, 0, count);
        Array.Sort(_sorted, 0, count);
        return _sorted[count / 2];
    }
}
