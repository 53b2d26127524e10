using System.Globalization;
using System.Text.Json;
using Mainstay.Control.Detection;

namespace Mainstay.Bench.Detect;

/// <summary>What judging costs: points a second on this one thread, over many live series in turn, and the memory they take.</summary>
internal static class DetectSpeed
{
    private const int Series = 100_000;
    private const int Rounds = 120;

    public static int Run(TimeProvider clock)
    {
        var before = GC.GetTotalMemory(forceFullCollection: true);
        var detectors = new SeriesDetector[Series];
        for (var i = 0; i < Series; i++)
            detectors[i] = new SeriesDetector();
        var bytes = (GC.GetTotalMemory(forceFullCollection: true) - before) / (double)Series;
        var random = new Random(7);
        var start = new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
        var noise = new double[4096];
        for (var i = 0; i < noise.Length; i++)
            noise[i] = 100 + (10 * Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()));
        // Series by series warms the code up; then as a live system does it, a point of every series in turn.
        for (var i = 0; i < 300_000; i++)
            detectors[0].Judge(start.AddMinutes(i), noise[i & 4095]);
        var one = Rate(clock, 3_000_000, i => detectors[1].Judge(start.AddMinutes(i), noise[i & 4095]));
        var many = Rate(clock, Series * Rounds, i => detectors[i % Series].Judge(start.AddMinutes(i / Series), noise[(i + (i / Series)) & 4095]));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"one series {one:F0} points/s, {Series} series in turn {many:F0} points/s, {bytes:F0} bytes/series"));
        Console.WriteLine(JsonSerializer.Serialize(
            new { benchmark = "detect-speed", points_per_s = many, points_per_s_one_series = one, bytes_per_series = bytes },
            JsonSerializerOptions.Web));
        GC.KeepAlive(detectors);
        return 0;
    }

    private static double Rate(TimeProvider clock, int points, Func<int, SeriesScore> judge)
    {
        var start = clock.GetTimestamp();
        for (var i = 0; i < points; i++)
            judge(i);
        return points / clock.GetElapsedTime(start).TotalSeconds;
    }
}
