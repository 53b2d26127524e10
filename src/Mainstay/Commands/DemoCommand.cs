using System.CommandLine;
using Mainstay.Control.Config;
using Mainstay.Demo;

namespace Mainstay.Commands;

/// <summary><c>mainstay demo</c>: the main job, on this machine, in a minute.</summary>
internal static class DemoCommand
{
    public static Command Build(TimeProvider clock)
    {
        var duration = new Option<string>("--duration") { Description = "How long, such as 60s or 5m.", DefaultValueFactory = _ => "60s" };
        var rate = new Option<double>("--rate") { Description = "Mean requests per second.", DefaultValueFactory = _ => 200 };
        var trace = new Option<string?>("--trace") { Description = "CSV file with a TIMESTAMP column: arrival times, scaled to the rate and repeated." };
        var fault = new Option<string>("--fault") { Description = "What happens to us-east-1: kill, freeze, slow, errors or none.", DefaultValueFactory = _ => "kill" };
        var listen = new Option<string>("--listen") { Description = "Where the traffic goes.", DefaultValueFactory = _ => "http://127.0.0.1:8400" };
        var control = new Option<string>("--control") { Description = "Where the dashboard is.", DefaultValueFactory = _ => "http://127.0.0.1:8401" };
        var folder = new Option<string?>("--folder") { Description = "Where model, configuration and state go; default: a new temporary folder." };
        var requests = new Option<string?>("--requests") { Description = "Write every request's arrival and latency to this CSV file." };
        var seed = CommandOptions.Seed();
        var story = new Option<string>("--story") { Description = "region: a region dies under traffic. stream: the server of one answer dies in the middle of a word.", DefaultValueFactory = _ => "region" };
        var json = new Option<bool>("--json") { Description = "Plain lines, and as the last one the result as JSON." };
        var command = new Command("demo", "Watch a service in four regions stay up while one region dies.")
        {
            story, duration, rate, trace, fault, listen, control, folder, requests, seed, json,
        };
        command.SetAction((parsed, cancel) => CommandRun.GuardedAsync(() => parsed.GetRequiredValue(story) switch
        {
            "stream" => TellAsync(
                Address("--listen", parsed.GetRequiredValue(listen)), Folder(parsed.GetValue(folder)), parsed.GetValue(seed), !Console.IsOutputRedirected,
                clock, parsed.InvocationConfiguration.Output, cancel),
            "region" => RunAsync(Options(parsed), parsed.GetValue(json), clock, parsed.InvocationConfiguration.Output, cancel),
            var other => throw new CommandException($"--story {other}: write region or stream."),
        }));
        return command;

        DemoOptions Options(ParseResult parsed) => new(
            Duration(parsed.GetRequiredValue(duration)), Rate(parsed.GetValue(rate)), parsed.GetValue(trace), Fault(parsed.GetRequiredValue(fault)),
            Address("--listen", parsed.GetRequiredValue(listen)), Address("--control", parsed.GetRequiredValue(control)), Folder(parsed.GetValue(folder)),
            parsed.GetValue(requests), parsed.GetValue(seed), Live: !parsed.GetValue(json) && !Console.IsOutputRedirected);
    }

    private static string Folder(string? folder) => Path.GetFullPath(folder ?? Directory.CreateTempSubdirectory("mainstay-demo-").FullName);

    private static async Task<int> TellAsync(
        Uri listen, string folder, int seed, bool live, TimeProvider clock, TextWriter output, CancellationToken cancel)
    {
        await using var story = new StreamStory(listen, folder, seed, live, clock, output);
        try
        {
            return await story.RunAsync(cancel) ? 0 : 1;
        }
        catch (OperationCanceledException)
        {
            await Console.Error.WriteLineAsync("The story was stopped before its end.");
            return 1;
        }
    }

    private static async Task<int> RunAsync(DemoOptions options, bool json, TimeProvider clock, TextWriter output, CancellationToken cancel)
    {
        await using var demo = new DemoRun(options, clock, output);
        try
        {
            var result = await demo.RunAsync(cancel);
            if (json)
                await output.WriteLineAsync(result.ToJson());
            return result.IsGood ? 0 : 1;
        }
        catch (OperationCanceledException)
        {
            // Exit code 0 says that the service stayed up to the end; nobody knows that of half a run.
            await Console.Error.WriteLineAsync("The demo was stopped before its end, so it says nothing.");
            return 1;
        }
    }

    private static TimeSpan Duration(string text) =>
        Units.TryDuration(text, out var duration, out _) && duration >= TimeSpan.FromSeconds(15) && duration <= TimeSpan.FromDays(1)
            ? duration
            : throw new CommandException($"--duration {text}: write a time from 15s to 24h, such as 60s. Shorter ones leave no time to learn what is usual.");

    private static double Rate(double rate) =>
        rate is >= 1 and <= 100_000 ? rate : throw new CommandException($"--rate {rate}: write requests per second from 1 to 100000.");

    private static FaultKind Fault(string text) =>
        Enum.TryParse<FaultKind>(text, ignoreCase: true, out var fault) && Enum.IsDefined(fault) && !int.TryParse(text, out _)
            ? fault
            : throw new CommandException($"--fault {text}: write kill, freeze, slow, errors or none.");

    private static Uri Address(string option, string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out var url) && url.Scheme == "http" && url.PathAndQuery == "/" && url.Port > 0
            ? url
            : throw new CommandException($"{option} {text}: write an address such as http://127.0.0.1:8400.");
}
