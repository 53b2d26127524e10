using System.Globalization;
using System.Text.RegularExpressions;

namespace Mainstay.Bench.Proxy;

/// <summary>What wrk measured in one run.</summary>
internal sealed partial record Wrk(long Requests, double P50Us, double Seconds)
{
    /// <summary>Runs wrk with one thread and connections kept alive.</summary>
    /// <exception cref="InvalidOperationException">A request failed: figures of such a run say nothing.</exception>
    public static async Task<Wrk> RunAsync(Children children, string url, int connections, int seconds, CancellationToken cancel)
    {
        var said = await children.RunAsync(
            Children.Find("wrk")!, ["-t1", $"-c{connections}", $"-d{seconds}s", "--latency", url], cancel);
        if (said.Contains("Non-2xx", StringComparison.Ordinal) || said.Contains("Socket errors", StringComparison.Ordinal))
            throw new InvalidOperationException($"Requests to {url} failed:\n{said}");
        var total = Total().Match(said);
        var half = Half().Match(said);
        return new Wrk(
            long.Parse(total.Groups["requests"].ValueSpan, CultureInfo.InvariantCulture),
            double.Parse(half.Groups["time"].ValueSpan, CultureInfo.InvariantCulture) * (half.Groups["unit"].Value switch { "us" => 1, "ms" => 1e3, _ => 1e6 }),
            double.Parse(total.Groups["seconds"].ValueSpan, CultureInfo.InvariantCulture));
    }

    [GeneratedRegex(@"(?<requests>\d+) requests in (?<seconds>[\d.]+)s", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Total();

    [GeneratedRegex(@"50%\s+(?<time>[\d.]+)(?<unit>us|ms|s)", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Half();
}
