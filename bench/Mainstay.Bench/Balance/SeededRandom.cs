namespace Mainstay.Bench.Balance;

/// <summary>splitmix64 (Steele, Lea, Flood 2014): a few operations a number, one stream for each purpose.</summary>
internal struct SeededRandom(ulong seed)
{
    private ulong _state = seed;

    public ulong Next()
    {
        var x = _state += 0x9E3779B97F4A7C15;
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
        x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
        return x ^ (x >> 31);
    }

    /// <summary>Uniform in [0, 1).</summary>
    public double NextDouble() => (Next() >> 11) * (1.0 / (1UL << 53));

    /// <summary>Uniform from 0 to below <paramref name="n"/>.</summary>
    public int Next(int n) => (int)((Next() >> 32) * (ulong)n >> 32);

    public double Exponential(double mean) => -mean * Math.Log(1 - NextDouble());

    /// <summary>Lognormal with this mean and standard deviation of its logarithm (Box and Muller).</summary>
    public double Lognormal(double mean, double sigma)
    {
        var normal = Math.Sqrt(-2 * Math.Log(1 - NextDouble())) * Math.Cos(2 * Math.PI * NextDouble());
        return mean * Math.Exp((sigma * normal) - (sigma * sigma / 2));
    }
}
