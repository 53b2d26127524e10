using System.Globalization;
using CsvHelper;
using CsvHelper.Configuration;
using Mainstay.Commands;

namespace Mainstay.Demo;

/// <summary>When requests arrive, whatever becomes of the ones before (an open loop): from a recorded trace or a bursty process.</summary>
internal static class Arrivals
{
    private const int MostTraceRows = 2_000_000;

    /// <summary>The trace's arrival times, stretched to the wanted rate and repeated for ever.</summary>
    /// <param name="file">CSV with a TIMESTAMP column, such as the Azure LLM inference traces.</param>
    /// <param name="rate">Mean requests per second.</param>
    /// <exception cref="CommandException">The file cannot be used; the message says why.</exception>
    public static IEnumerable<TimeSpan> FromTrace(string file, double rate)
    {
        var times = ReadTrace(file);
        var first = times[0];
        // One mean gap behind the last arrival, so that the end joins the beginning.
        var span = (times[^1] - first) * times.Count / (times.Count - 1);
        var scale = times.Count / rate / span.TotalSeconds;
        return Repeat(times.ConvertAll(t => (t - first) * scale), span * scale);
    }

    /// <summary>A Poisson process that switches between calm (0.75 × the rate) and bursts (2 × the rate), a fifth of the
    /// time each a second or two long: a Markov-modulated Poisson process.</summary>
    public static IEnumerable<TimeSpan> Bursty(double rate, Random random)
    {
        var (now, burst) = (0.0, false);
        var switches = Exponential(4, random);
        while (true)
        {
            var gap = Exponential(1 / (rate * (burst ? 2 : 0.75)), random);
            if (now + gap < switches)
            {
                now += gap;
                yield return TimeSpan.FromSeconds(now);
                continue;
            }
            now = switches;
            burst = !burst;
            switches = now + Exponential(burst ? 1 : 4, random);
        }
    }

    private static IEnumerable<TimeSpan> Repeat(List<TimeSpan> times, TimeSpan period)
    {
        for (var round = 0; ; round++)
            foreach (var time in times)
                yield return time + (period * round);
    }

    private static double Exponential(double mean, Random random) => -mean * Math.Log(1 - random.NextDouble());

    private static List<DateTime> ReadTrace(string file)
    {
        try
        {
            using var reader = new StreamReader(file);
            using var csv = new CsvReader(reader, new CsvConfiguration(CultureInfo.InvariantCulture));
            var times = new List<DateTime>();
            csv.Read();
            csv.ReadHeader();
            while (csv.Read() && times.Count < MostTraceRows)
            {
                var field = csv.GetField("TIMESTAMP");
                if (!DateTime.TryParse(field, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var time))
                    throw new CommandException($"--trace {file}, line {csv.Parser.Row}: \"{field}\" is no time. Write it like 2023-11-16 18:17:03.97.");
                times.Add(time);
            }
            times.Sort();
            return times.Count >= 2 && times[^1] > times[0]
                ? times
                : throw new CommandException($"--trace {file}: needs at least two rows at different times.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CsvHelperException)
        {
            var first = e.Message.Split('\n')[0].Trim();
            throw new CommandException($"--trace {file}: {first} It must be a CSV file with a column TIMESTAMP.", e);
        }
    }
}
