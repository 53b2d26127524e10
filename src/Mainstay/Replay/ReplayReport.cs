using System.Globalization;

namespace Mainstay.Replay;

/// <summary>A replay's result for people.</summary>
internal static class ReplayReport
{
    public static void Write(TextWriter output, ReplayResult result)
    {
        output.WriteLine();
        output.WriteLine(Text($"{"",-30}{"requests",9}{"failed",8}{"went on",9}  {"first token ms",-26}{"each further token ms",-24}"));
        output.WriteLine(Text($"{"",-30}{"",9}{"",8}{"elsewhere",9}  {"p50",8}{"p95",8}{"p99",8}  {"p50",8}{"p95",8}{"p99",8}"));
        foreach (var part in result.Regions.Append(result.All).Concat(result.Outside is { } outside ? [outside] : []))
            output.WriteLine(Text($"{part.Name,-30}{part.Requests,9}{part.Failed,8}{part.WentOn,9}  {Times(part.FirstTokenMs)}  {Times(part.TokenMs)}"));
        output.WriteLine();
        output.WriteLine(Text($"{result.All.Tokens} tokens in {result.Seconds:0.0} s: {result.TokensPerSecond:0}/s. {result.Failed} failed, {result.Truncated} of them truncated."));
        output.WriteLine(Text($"This program sent late by {result.LateMs.P50:0.0} ms at the median, {result.LateMs.P99:0.0} at p99, {result.LateMs.Max:0.0} at most, which the times include. Load {result.Load:0.0} on {result.Processors} processors."));
        foreach (var fault in result.Faults)
            output.WriteLine("  " + fault);
    }

    private static string Times(ReplayTimes times) => Text($"{times.P50,8:0.0}{times.P95,8:0.0}{times.P99,8:0.0}");

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
