using System.CommandLine;
using Mainstay.Control.Config;
using Mainstay.Control.Mitigation;
using Mainstay.Routing;

namespace Mainstay.Commands;

/// <summary>
/// <c>mainstay route</c>: the data plane alone. It starts from the configuration, or from the last good table if that
/// cannot be read, and follows the table that a control plane writes. It needs no control plane and no database.
/// </summary>
internal static class RouteCommand
{
    public const string SocketName = "outcomes.sock";
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(200);

    public static Command Build(TimeProvider clock)
    {
        var file = CommandOptions.Config();
        var seed = CommandOptions.Seed();
        var command = new Command("route", "Run the data plane alone, from the file and the last good table.") { file, seed };
        command.SetAction((parsed, cancel) => CommandRun.GuardedAsync(() => RouteAsync(
            parsed.GetRequiredValue(file), parsed.GetValue(seed), clock, parsed.InvocationConfiguration, cancel)));
        return command;
    }

    private static async Task<int> RouteAsync(
        string file, int seed, TimeProvider clock, InvocationConfiguration console, CancellationToken cancel)
    {
        using var logs = Composition.MakeLogs(LogLevel.Information);
        var log = logs.CreateLogger(nameof(RouteCommand));
        var config = ConfigReport.Read(file, console.Error, console.Error);
        var stateFolder = config?.StateFolder ?? Path.Combine(Path.GetDirectoryName(Path.GetFullPath(file))!, "state");
        Directory.CreateDirectory(stateFolder);
        var lastGood = new LastGoodFile(Path.Combine(stateFolder, "table.json"));
        // Stamped before it is read: what is written in between is seen as a change.
        var seen = Stamp(lastGood.Path);
        var table = lastGood.TryRead(out _);
        if (config is null)
        {
            // Static stability: a broken file must not keep a data plane down that ran well with the one before.
            if (table is null)
                return ConfigReport.Mistake;
            await console.Error.WriteLineAsync($"starting from the last good table (version {table.Version}, {lastGood.Path}) instead");
        }
        var listen = config?.TrafficListen ?? table?.Listen ?? new MainstayConfig { File = file, StateFolder = stateFolder, Services = [] }.TrafficListen;

        await using var composition = new Composition(clock, seed, logs);
        var routes = new LiveRoutes(clock, seed + 2);
        routes.Swap(config?.ToTable(table?.Version ?? 0, table?.Overlays ?? []) ?? table!);
        var observed = composition.SendTelemetry(config?.Telemetry ?? new TelemetryConfig(null, null));
        var traffic = await composition.StartDataPlaneAsync(routes, listen, stateFolder, cancel);
        composition.Run("outcomes", token => OutcomeSocket.ServeAsync(
            Path.Combine(stateFolder, SocketName), observed, clock, token));
        composition.ServeDecisions(stateFolder);
        composition.Run("table", token => FollowAsync(lastGood, seen, new PauseFile(stateFolder), routes, clock, log, token));
        if (config is not null)
            composition.Run("configuration", new ConfigWatch(
                config,
                changed: next => routes.Swap(next.ToTable(routes.Current.Table.Version, routes.Current.Table.Overlays)),
                refused: _ => { }, clock, logs.CreateLogger<ConfigWatch>()).RunAsync);

        await console.Output.WriteLineAsync($"traffic on {traffic}");
        await CommandRun.UntilStoppedAsync(clock, cancel);
        return 0;
    }

    /// <summary>Takes over each table that a control plane writes, and takes overlays off whose time is over, and all but a person's
    /// own while remedies are paused.</summary>
    private static async Task FollowAsync(
        LastGoodFile file, DateTime seen, PauseFile pause, LiveRoutes routes, TimeProvider clock, ILogger log, CancellationToken cancel)
    {
        using var timer = new PeriodicTimer(Look, clock);
        while (await timer.WaitForNextTickAsync(cancel))
        {
            if (Stamp(file.Path) is var stamp && stamp != seen)
            {
                seen = stamp;
                if (file.TryRead(out var why) is { } table)
                    routes.Swap(table);
                else
                    log.LogWarning("The table could not be read; the one before stays in force. {Why}", why);
            }
            var current = routes.Current.Table;
            if (current.Overlays.Any(o => !o.ByHand) && pause.Read() is { } paused)
            {
                log.LogWarning("{Who} paused all remedies: they are taken off", paused.Who);
                current = current with { Overlays = [.. current.Overlays.Where(o => o.ByHand)] };
            }
            var now = clock.GetUtcNow();
            if (current.Overlays.Any(o => o.Until <= now))
            {
                log.LogWarning("The time of {Ids} is over: taken off", string.Join(", ", current.Overlays.Where(o => o.Until <= now).Select(o => o.Id)));
                current = current with { Overlays = [.. current.Overlays.Where(o => !(o.Until <= now))] };
            }
            if (current != routes.Current.Table)
                routes.Swap(current);
        }
    }

    private static DateTime Stamp(string path) => File.GetLastWriteTimeUtc(path);
}
