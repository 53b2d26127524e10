using System.Globalization;
using Mainstay.Control;
using Mainstay.Control.Incidents;
using Spectre.Console;

namespace Mainstay.Demo;

/// <summary>Shows a running demo: a table that renews itself on a terminal, a line every few seconds elsewhere.</summary>
internal sealed class DemoScreen(DemoOptions options, TimeProvider clock, TextWriter output)
{
    private static readonly TimeSpan LiveEvery = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan LineEvery = TimeSpan.FromSeconds(2);

    /// <summary>Shows views until the demo is over.</summary>
    public async Task ShowAsync(Func<DemoView> view, Task demo, CancellationToken cancel)
    {
        if (options.Live)
            await AnsiConsole.Live(Table(view())).StartAsync(live => RepeatAsync(LiveEvery, demo, () => live.UpdateTarget(Table(view())), cancel));
        else
            await RepeatAsync(LineEvery, demo, () => WriteLine(view()), cancel);
        await demo;
    }

    public static void WriteSummary(
        TextWriter output, DemoResult result, IReadOnlyCollection<RequestRecord> records, Incident? incident, string stateFolder)
    {
        output.WriteLine();
        output.WriteLine(Text($"{result.Requests} requests, {result.Failed} failed; {result.P50Ms} ms at the median, {result.P99Ms} ms at p99"));
        foreach (var trouble in records.Where(r => r.Failed).GroupBy(r => r.Trouble).OrderByDescending(g => g.Count()).Take(3))
            output.WriteLine($"  {trouble.Count()} × {trouble.Key}");
        if (incident is null)
        {
            output.WriteLine(result.Fault == "none" ? "no incident, as it should be" : "no incident was opened");
            return;
        }
        output.WriteLine($"incident {incident.Number}: {incident.Title}");
        foreach (var (what, ms) in ((string, double)[])[("detected", result.DetectedMs), ("mitigated", result.MitigatedMs), ("healed", result.HealedMs), ("recovered", result.RecoveredMs)])
            output.WriteLine(ms < 0 ? $"  {what,-10} not reached" : Text($"  {what,-10} {ms / 1000:0.0} s after the fault"));
        output.WriteLine(Text($"  {incident.Impact.Rescued} requests were rescued elsewhere, the first after {result.FirstFailoverMs:0.#} ms; {incident.Impact.Slow} were slow"));
        if (incident.Review is { } review)
            output.WriteLine($"review      {Path.Combine(stateFolder, "reviews", review)}");
    }

    private async Task RepeatAsync(TimeSpan every, Task demo, Action show, CancellationToken cancel)
    {
        while (!demo.IsCompleted && !cancel.IsCancellationRequested)
        {
            await Task.WhenAny(demo, Task.Delay(every, clock, cancel));
            show();
        }
    }

    private static Table Table(DemoView view)
    {
        var table = new Table().RoundedBorder().Title($"[bold]{Markup.Escape(view.Phase)}[/]")
            .Caption(Text($"[grey]{view.Records.Count} requests so far; rates, errors and times are of the last 10 s[/]\n") + Markup.Escape(Shorten(IncidentLine(view.Snapshot))));
        table.AddColumns("region", "state", "requests/s", "errors", "p50 ms", "p99 ms", "may get");
        foreach (var region in view.Snapshot.Services.SelectMany(s => s.Regions))
        {
            var colour = region.State switch { "well" => "green", "unwell" => "red", _ => "yellow" };
            table.AddRow(
                [Markup.Escape(region.Name), $"[{colour}]{region.State}[/]", .. Numbers(region.Traffic), Text($"{region.Share:P0}")]);
        }
        var callers = view.Snapshot.Services.FirstOrDefault()?.Traffic ?? TrafficStatus.None;
        var failed = view.Records.Count(r => r.Failed);
        table.AddRow(
            ["[bold]callers[/]", failed > 0 ? Text($"[red]{failed} failed[/]") : "[green]none failed[/]", .. Numbers(callers), ""]);
        return table;
    }

    /// <summary>Where nothing was sent there is nothing to say, rather than a time of 0.</summary>
    private static string[] Numbers(TrafficStatus traffic) => traffic.Rate > 0
        ? [Text($"{traffic.Rate:0.0}"), Text($"{traffic.ErrorShare:P1}"), Text($"{traffic.P50Ms:0.0}"), Text($"{traffic.P99Ms:0.0}")]
        : ["–", "–", "–", "–"];

    private void WriteLine(DemoView view)
    {
        var callers = view.Snapshot.Services.FirstOrDefault()?.Traffic ?? TrafficStatus.None;
        var regions = view.Snapshot.Services.SelectMany(s => s.Regions).Select(r => Text($"{r.Name} {r.Traffic.Rate:0}/s{(r.State == "well" ? "" : " " + r.State)}"));
        output.WriteLine(Text($"{clock.GetUtcNow():HH:mm:ss} {view.Records.Count} requests, {view.Records.Count(r => r.Failed)} failed, p99 {callers.P99Ms:0.0} ms | {string.Join(", ", regions)} | {IncidentLine(view.Snapshot)}"));
    }

    private static string IncidentLine(Snapshot snapshot) =>
        snapshot.Incidents.FirstOrDefault() is not { } incident ? "no incident"
        : incident.IsOpen ? $"incident {incident.Number}, {incident.Stage}: {Without($"{incident.Stage}: ", incident.Timeline[^1].Text)}"
        : $"incident {incident.Number} resolved";

    private static string Without(string start, string text) => text.StartsWith(start, StringComparison.Ordinal) ? text[start.Length..] : text;

    /// <summary>Two lines under the table, so that the screen does not jump.</summary>
    private static string Shorten(string text) => text.Length > 150 ? text[..149] + "…" : text;

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}

/// <summary>What there is to see at one moment.</summary>
internal sealed record DemoView(Snapshot Snapshot, IReadOnlyCollection<RequestRecord> Records, string Phase);
