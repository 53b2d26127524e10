using Mainstay.Bench.Load;

namespace Mainstay.Bench.Soak;

/// <summary>Whether a process grows: samples of its resident memory, those of the warm-up left out.</summary>
internal sealed class MemoryTrend
{
    private readonly List<(TimeSpan At, double Megabytes)> _samples = [];

    public void Add(TimeSpan at, long bytes) => _samples.Add((at, bytes / 1048576.0));

    public double Last => _samples.Count == 0 ? 0 : _samples[^1].Megabytes;

    /// <summary>Median of the last quarter over the median of the first; NaN with fewer than eight samples.</summary>
    public double Growth => _samples.Count < 8
        ? double.NaN
        : Numbers.Median(_samples.TakeLast(_samples.Count / 4).Select(s => s.Megabytes))
            / Numbers.Median(_samples.Take(_samples.Count / 4).Select(s => s.Megabytes));

    /// <summary>Least-squares slope, in MiB a minute.</summary>
    public double SlopePerMinute
    {
        get
        {
            if (_samples.Count < 2)
                return 0;
            var (x, y) = (_samples.Average(s => s.At.TotalMinutes), _samples.Average(s => s.Megabytes));
            var spread = _samples.Sum(s => Math.Pow(s.At.TotalMinutes - x, 2));
            return spread > 0 ? _samples.Sum(s => (s.At.TotalMinutes - x) * (s.Megabytes - y)) / spread : 0;
        }
    }
}
