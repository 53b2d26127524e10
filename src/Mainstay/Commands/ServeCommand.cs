using System.CommandLine;
using Mainstay.Control.Storage;
using Mainstay.Routing;

namespace Mainstay.Commands;

/// <summary><c>mainstay serve</c>: data plane and control plane in one process.</summary>
internal static class ServeCommand
{
    public static Command Build(TimeProvider clock)
    {
        var file = CommandOptions.Config();
        var seed = CommandOptions.Seed();
        var withParent = new Option<bool>("--with-parent") { Description = "End when standard input closes: whoever started it is gone." };
        var command = new Command("serve", "Put Mainstay in front of your model endpoints.") { file, seed, withParent };
        command.SetAction((parsed, cancel) => CommandRun.GuardedAsync(() => ServeAsync(
            parsed.GetRequiredValue(file), parsed.GetValue(seed), parsed.GetValue(withParent), clock, parsed.InvocationConfiguration, cancel)));
        return command;
    }

    private static async Task<int> ServeAsync(
        string file, int seed, bool withParent, TimeProvider clock, InvocationConfiguration console, CancellationToken cancel)
    {
        if (ConfigReport.Read(file, console.Error, console.Error) is not { } config)
            return ConfigReport.Mistake;
        using var logs = Composition.MakeLogs(LogLevel.Information);
        using var state = StateFolder.Open(config.StateFolder);
        await using var composition = new Composition(clock, seed, logs);
        var routes = new LiveRoutes(clock, seed + 2);
        var loop = composition.BuildControlLoop(config, state, table =>
        {
            routes.Swap(table);
            state.LastGood.Write(table);
        });
        var traffic = await composition.StartDataPlaneAsync(routes, config.TrafficListen, config.StateFolder, cancel);
        composition.ServeDecisions(config.StateFolder);
        var dashboard = await composition.StartControlPlaneAsync(loop, state, cancel);
        await console.Output.WriteLineAsync($"traffic on {traffic}, dashboard on {dashboard}");
        var stopped = CommandRun.UntilStoppedAsync(clock, cancel);
        await Task.WhenAny(stopped, withParent ? Console.OpenStandardInput().CopyToAsync(Stream.Null, cancel) : stopped);
        return 0;
    }
}
