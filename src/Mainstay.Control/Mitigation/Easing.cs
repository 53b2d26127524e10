using System.Globalization;
using Mainstay.Control.Detection;
using Mainstay.Control.Telemetry;

namespace Mainstay.Control.Mitigation;

/// <summary>
/// Brings traffic back to what a remedy drained: 5, 25, then 100 %, each step judged by its own outcomes. A step that
/// fails goes back to 0 and doubles the hold, so that something that flaps is tried ever less often; but the hold stays
/// below a quarter of the time that the trouble has lasted, so that recovery is never late by more than that.
/// </summary>
internal static class Easing
{
    public static readonly TimeSpan FirstHold = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan LongestHold = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan NeverCappedBelow = TimeSpan.FromSeconds(8);
    private const double HoldOfAge = 0.25;
    private static readonly TimeSpan ShortestStep = TimeSpan.FromSeconds(2);

    /// <summary>Ticks come a little early or late; what is due within half of one is due.</summary>
    private static readonly TimeSpan HalfTick = TimeSpan.FromSeconds(0.5);
    private static readonly TimeSpan LongestStep = TimeSpan.FromSeconds(30);
    private static readonly double[] Steps = [0, 0.05, 0.25, 1];
    private const int EnoughAttempts = 20;

    /// <summary>Of ten attempts without any failure as much can be said as of twenty with one.</summary>
    private const int EnoughIfNoneFailed = 10;

    /// <summary>The first answers of a server that was idle are late, and say little of the next.</summary>
    private const int EnoughTimes = 10;
    private const double WellShare = 0.01;
    private const double Significant = 0.001;
    private const double TooSlow = 3;

    /// <summary>The remedy as it stands after this tick; the same one if nothing changes.</summary>
    /// <param name="remedy">A remedy in force.</param>
    /// <param name="step">Attempts on what it drained, since the present step began.</param>
    /// <param name="serversWell">What the health checks say of it.</param>
    /// <param name="usualMs">Usual median time of the region, in milliseconds, times what slows every other region now too; null if unknown.</param>
    /// <param name="usualErrors">Usual share of failures there.</param>
    /// <param name="occurred">When the trouble began.</param>
    /// <param name="now">Time of the tick.</param>
    public static Remedy Advance(
        Remedy remedy, Window step, bool serversWell, double? usualMs, double usualErrors, DateTimeOffset occurred, DateTimeOffset now)
    {
        var elapsed = now - remedy.Since + HalfTick;
        if (remedy.Share == 0)
        {
            // The hold counts from the moment at which the health checks were well again.
            if (serversWell != remedy.WellSince.HasValue)
                remedy = remedy with { WellSince = serversWell ? now : null };
            return remedy.WellSince is { } since && elapsed >= remedy.Hold && now - since + HalfTick >= remedy.Hold
                ? Step(remedy, Steps[1], now, Text($"health checks well for {(now - since).TotalSeconds:0} s"))
                : remedy;
        }
        if ((serversWell ? Trouble(step, usualMs, usualErrors) : "its health checks fail") is { } failure)
        {
            var hold = NextHold(remedy.Hold, now - occurred);
            return remedy with
            {
                Share = 0,
                Since = now,
                Hold = hold,
                Reason = Text($"recovery at {remedy.Share:P0} failed: {failure}; next try after {hold.TotalSeconds:0} s"),
            };
        }
        var enough = step.Failed == 0 ? EnoughIfNoneFailed : EnoughAttempts;
        if (elapsed < ShortestStep || (step.Count < enough && elapsed < LongestStep))
            return remedy;
        var passed = Text($"{step.Count} attempts at {remedy.Share:P0}, {step.Failed} failed");
        return remedy.Share < 1
            ? Step(remedy, Steps[Array.IndexOf(Steps, remedy.Share) + 1], now, passed)
            : remedy with { State = RemedyState.Removed, Since = now, Reason = $"recovered: {passed}" };
    }

    private static TimeSpan NextHold(TimeSpan hold, TimeSpan age)
    {
        var cap = Math.Clamp((age * HoldOfAge).Ticks, NeverCappedBelow.Ticks, LongestHold.Ticks);
        return TimeSpan.FromTicks(Math.Min(hold.Ticks * 2, cap));
    }

    private static Remedy Step(Remedy remedy, double share, DateTimeOffset now, string why) =>
        remedy with { Share = share, Since = now, Reason = Text($"{share:P0} of the traffic comes back: {why}") };

    /// <summary>What speaks against giving these servers more work, in words with units; null while they look well.</summary>
    /// <param name="attempts">What became of the work that they had.</param>
    /// <param name="usualMs">Usual median time there, in milliseconds; null if unknown.</param>
    /// <param name="usualErrors">Usual share of failures there.</param>
    internal static string? Trouble(Window attempts, double? usualMs, double usualErrors)
    {
        if (attempts.Failed > 1 && Evidence.BinomialTail(attempts.Failed, attempts.Count, Math.Max(WellShare, usualErrors)) < Significant)
            return Text($"{attempts.Failed} of {attempts.Count} attempts failed");
        var typical = attempts.FirstByte.QuantileMs(0.5);
        if (usualMs is { } usual && attempts.FirstByte.Count >= EnoughTimes && typical > usual * TooSlow
            && typical > usual + Baseline.UnnoticedMs)
            return Text($"{typical:0.0} ms at the median, usual is {usual:0.0} ms");
        return null;
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
