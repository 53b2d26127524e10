using System.CommandLine;
using System.Text.Json;
using Mainstay.Api;
using Mainstay.Control;
using Mainstay.Control.Incidents;
using Mainstay.Control.Mitigation;
using Mainstay.Dashboard;
using Spectre.Console;

namespace Mainstay.Commands;

/// <summary><c>mainstay status</c>: services, regions, servers and incidents of a running instance.</summary>
internal static class StatusCommand
{
    public static Command Build(TimeProvider clock)
    {
        var json = new Option<bool>("--json") { Description = "Print the answer of /api/status as it is." };
        var control = new ControlOptions();
        var command = new Command("status", "Show services, regions, servers and incidents of a running instance.") { Options = { json } };
        control.AddTo(command);
        command.SetAction(async (parsed, cancel) =>
        {
            var output = parsed.InvocationConfiguration.Output;
            var error = parsed.InvocationConfiguration.Error;
            using var client = control.Connect(parsed, null, "state", needsToken: false, out var why);
            if (client is null)
            {
                await error.WriteLineAsync(why);
                return 2;
            }
            var answer = await client.GetAsync(parsed.GetValue(json) ? "/api/status" : "/api/status?history=none", cancel);
            if (!answer.IsGood)
            {
                await error.WriteLineAsync(answer.Problem);
                return answer.ExitCode;
            }
            if (parsed.GetValue(json))
                await output.WriteLineAsync(answer.Body);
            else if (Read(answer.Body) is { } snapshot)
                new StatusText(output, IsTerminal(output), clock.GetUtcNow()).Write(snapshot);
            else
            {
                await error.WriteLineAsync("The instance answered in a shape that this version does not know. Use the mainstay of the same version, or --json.");
                return 2;
            }
            return 0;
        });
        return command;
    }

    /// <summary>True: tables with lines and colour; false: plain words, a line each, for pipes and logs.</summary>
    public static bool IsTerminal(TextWriter output) => !Console.IsOutputRedirected && ReferenceEquals(output, Console.Out);

    private static Snapshot? Read(string body)
    {
        try
        {
            var snapshot = JsonSerializer.Deserialize<Snapshot>(body, ApiJson.Options);
            return snapshot is { Services.IsDefault: false, Incidents.IsDefault: false, Troubles.IsDefault: false } ? snapshot : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}

/// <summary>A snapshot as text: tables for a terminal, aligned words elsewhere.</summary>
internal sealed class StatusText(TextWriter output, bool terminal, DateTimeOffset now)
{
    public void Write(Snapshot snapshot)
    {
        output.WriteLine($"As of {Words.When(snapshot.At, now)} UTC, {Words.Ago(snapshot.At, now)}. Route table v{snapshot.TableVersion}. "
            + $"Remedies {(snapshot.Paused ? "are paused" : Words.Of(snapshot.Mode))}.");
        if (StatusApi.StandsStill(snapshot, now))
            output.WriteLine("The control loop stands still, so this is old; traffic flows on.");
        WriteDrains(snapshot.Drains);
        foreach (var trouble in snapshot.Troubles)
            output.WriteLine($"Trouble: {Clean(trouble)}");
        var rows = new List<string[]>();
        foreach (var service in snapshot.Services)
        {
            var condition = Conditions.Of(service, snapshot.Incidents);
            rows.Add([service.Name, condition.ToString().ToLowerInvariant(), .. Figures(service.Traffic)]);
            foreach (var region in service.Regions)
            {
                var state = region.Share < 1 ? $"{region.State}, gets {Words.Percent(region.Share)}" : region.State;
                rows.Add([$"  {region.Name}", state, .. Figures(region.Traffic)]);
                foreach (var server in region.Servers)
                {
                    var health = (server.Well ? "well" : "unwell") + (server.BreakerOpen ? ", breaker open" : "") + (server.IsDrained ? ", drained" : "")
                        + (server.Limit is null ? "" : $", limit {Words.Limit(server)}");
                    rows.Add([$"    {server.Name}", health, .. Figures(server.Traffic)]);
                }
            }
        }
        var engines = new List<string>();
        foreach (var (service, server) in snapshot.Services.SelectMany(s => s.Regions.SelectMany(r => r.Servers.Select(server => (s, server)))))
            if (Words.Engine(server) is { Length: > 0 } engine)
                engines.Add(Clean($"{server.Name} of {service.Name}: {engine}"));
        foreach (var service in snapshot.Services)
            if (Words.Overload(service) is { Length: > 0 } overload)
                output.WriteLine(Clean($"{service.Name}: {overload}"));
        Table(["service, region, server", "state", "rate", "errors", "p50", "p99"], rows);
        engines.ForEach(output.WriteLine);
        WriteIncidents(snapshot.Incidents);
    }

    public void WriteIncidents(IReadOnlyCollection<Incident> incidents)
    {
        if (incidents.Count == 0)
        {
            output.WriteLine("No incident is known.");
            return;
        }
        Table(["incident", "stage", "failed", "slow", "rescued", "first sign (UTC)", "what"], [.. incidents.Select(i => new[]
        {
            i.Number.ToString(System.Globalization.CultureInfo.InvariantCulture), i.IsOpen ? i.Stage.ToString() : "resolved", Words.Count(i.Impact.Failed),
            Words.Count(i.Impact.Slow), Words.Count(i.Impact.Rescued), Words.When(i.Occurred, now), i.Title,
        })]);
        foreach (var remedy in incidents.SelectMany(i => i.Remedies).Where(r => r.State is Control.Mitigation.RemedyState.Proposed))
            output.WriteLine($"Waits for approval: {Clean(remedy.Title)}. mainstay incident approve {remedy.Id}");
    }

    /// <summary>What people have drained by hand, a line each.</summary>
    public void WriteDrains(IEnumerable<Drain> drains)
    {
        foreach (var drain in drains)
        {
            var until = drain.Until is { } end ? $" until {Words.When(end, now)} UTC" : "";
            var where = drain.Server is null ? "" : $" in {drain.Region}";
            output.WriteLine(Clean($"Drain {drain.Number}: {drain.Title}{where}, by {drain.Who} since {Words.When(drain.Since, now)} UTC{until}{(drain.Why.Length > 0 ? $": {drain.Why}" : "")}"));
        }
    }

    public void Table(string[] heads, IReadOnlyList<string[]> rows)
    {
        if (terminal)
        {
            var table = new Table().Border(TableBorder.Rounded);
            foreach (var head in heads)
                table.AddColumn(new TableColumn(new Text(head)));
            foreach (var row in rows)
                table.AddRow(row.Select(cell => new Text(Clean(cell), StyleOf(cell))));
            AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(output) }).Write(table);
            return;
        }
        var widths = heads.Select((head, column) => rows.Select(r => Clean(r[column]).Length).Append(head.Length).Max()).ToArray();
        foreach (var row in rows.Prepend(heads))
            output.WriteLine(string.Join("  ", row.Select((cell, column) => Clean(cell).PadRight(widths[column]))).TrimEnd());
    }

    /// <summary>Names come from callers: nothing in them may steer a terminal.</summary>
    public static string Clean(string text) => new([.. text.Select(c => char.IsControl(c) ? '�' : c)]);

    private static string[] Figures(TrafficStatus traffic) =>
        [Words.Rate(traffic.Rate), Words.Percent(traffic.ErrorShare), Words.Milliseconds(traffic.P50Ms), Words.Milliseconds(traffic.P99Ms)];

    private static Style StyleOf(string cell) => cell switch
    {
        "down" or "unwell" or "unwell, breaker open" => new Style(Color.Red, decoration: Decoration.Bold),
        "degraded" or "well, breaker open" => new Style(Color.Yellow, decoration: Decoration.Bold),
        "ok" or "well" => new Style(Color.Green),
        _ => Style.Plain,
    };
}
