using System.CommandLine;
using Mainstay.Control.Storage;
using Mainstay.Routing;
using Mainstay.Routing.Certificates;

namespace Mainstay.Commands;

/// <summary><c>mainstay control</c>: the control plane alone, beside <c>mainstay route</c> on the same state folder.</summary>
internal static class ControlCommand
{
    public static Command Build(TimeProvider clock)
    {
        var file = CommandOptions.Config();
        var seed = CommandOptions.Seed();
        var command = new Command("control", "Run the control plane alone, beside mainstay route.") { file, seed };
        command.SetAction((parsed, cancel) => CommandRun.GuardedAsync(() => ControlAsync(
            parsed.GetRequiredValue(file), parsed.GetValue(seed), clock, parsed.InvocationConfiguration, cancel)));
        return command;
    }

    private static async Task<int> ControlAsync(
        string file, int seed, TimeProvider clock, InvocationConfiguration console, CancellationToken cancel)
    {
        if (ConfigReport.Read(file, console.Error, console.Error) is not { } config)
            return ConfigReport.Mistake;
        using var logs = Composition.MakeLogs(LogLevel.Information);
        using var state = StateFolder.Open(config.StateFolder);
        await using var composition = new Composition(clock, seed, logs);
        // The file is the way to the data plane: it follows its changes.
        var routes = new LiveRoutes(clock);
        var loop = composition.BuildControlLoop(config, state, table =>
        {
            state.LastGood.Write(table);
            routes.Swap(table);
        }, sends: false);
        // The data plane takes certificates over; what is wrong with them is told to people here.
        composition.WatchCertificates(routes, config.TrafficTls is { } files ? ListenerCertificate.TryOpen(files, clock, out _) : null);
        var socket = Path.Combine(config.StateFolder, RouteCommand.SocketName);
        composition.Run("outcomes", token => OutcomeSocket.ReadAsync(
            socket, composition.Feed, clock,
            attached => composition.Troubles.Note("data plane", attached ? null : $"none at {socket}: start mainstay route"), token));
        var dashboard = await composition.StartControlPlaneAsync(loop, state, cancel);
        await console.Output.WriteLineAsync($"dashboard on {dashboard}");
        await CommandRun.UntilStoppedAsync(clock, cancel);
        return 0;
    }
}
