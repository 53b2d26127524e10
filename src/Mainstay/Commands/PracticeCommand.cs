using System.CommandLine;
using System.Globalization;
using Mainstay.Api;
using Mainstay.Control;
using Mainstay.Control.Mitigation;
using Mainstay.Dashboard;

namespace Mainstay.Commands;

/// <summary><c>mainstay practice [region NAME | stop]</c>: shifts a region away for a time, follows it, and says what would have
/// broken. Alone it lists the last ones.</summary>
internal static class PracticeCommand
{
    private static readonly TimeSpan Look = TimeSpan.FromSeconds(1);

    /// <summary>Looks without an answer after which nobody is followed any more.</summary>
    private const int MostMissed = 15;

    public static Command Build(TimeProvider clock)
    {
        var command = new Command("practice", "Shift a region away for a time and see what would break; alone: list the last ones.");
        command.Subcommands.Add(BuildRegion(clock));
        command.Subcommands.Add(BuildStop());
        var control = new ControlOptions();
        control.AddTo(command);
        command.SetAction((parsed, cancel) => CommandRun.GuardedAsync(async () =>
        {
            using var client = DrainCommand.Connect(control, parsed, needsToken: false);
            var list = DrainCommand.Read<PracticeList>(await client.GetAsync("/api/practices", cancel)).Practices;
            var output = parsed.InvocationConfiguration.Output;
            if (list.IsEmpty)
                await output.WriteLineAsync("None is known. mainstay practice region NAME begins one.");
            foreach (var practice in list)
                Write(practice, output, clock.GetUtcNow());
            return 0;
        }));
        return command;
    }

    private static Command BuildRegion(TimeProvider clock)
    {
        var name = new Argument<string>("name") { Description = "Name of the region." };
        var service = new Option<string?>("--service") { Description = "Only with this service; otherwise with every one.", HelpName = "NAME" };
        var lasts = new Option<string?>("--for") { Description = "How long, such as 10m (which counts if nothing is said); 10s to 12h.", HelpName = "DURATION" };
        var why = new Option<string?>("--why") { Description = "Stands in the journal.", HelpName = "TEXT" };
        var yes = new Option<bool>("--yes") { Description = "Do not ask." };
        var dry = new Option<bool>("--dry-run") { Description = "Show the blast radius and change nothing." };
        var command = new Command("region", "Practise the loss of a region.") { name, service, lasts, why, yes, dry };
        var control = new ControlOptions();
        control.AddTo(command);
        command.SetAction((parsed, cancel) => CommandRun.GuardedAsync(async () =>
        {
            if (!DrainsApi.TryFor(parsed.GetValue(lasts), out _, out var wrong))
                throw new CommandException($"--{wrong}");
            var region = parsed.GetRequiredValue(name);
            using var client = DrainCommand.Connect(control, parsed, needsToken: !parsed.GetValue(dry));
            var blast = DrainCommand.Read<BlastRadius>(await client.GetAsync(DrainCommand.PathOf(region, null, parsed.GetValue(service)), cancel));
            BlastText.Write(blast, parsed.InvocationConfiguration.Output, clock.GetUtcNow());
            if (parsed.GetValue(dry))
                return 0;
            if (!await BlastText.AgreedAsync($"Shift {blast.Title} away for {parsed.GetValue(lasts) ?? "10m"}?", parsed.GetValue(yes), parsed, cancel))
                return 1;
            var answer = await client.SendAsync(
                HttpMethod.Post, "/api/practices", new PracticeRequest(region, parsed.GetValue(service), parsed.GetValue(lasts), parsed.GetValue(why)), cancel);
            if (await DrainCommand.CarryOutAsync(answer, parsed) is not 0 and var refused)
                return refused;
            return await FollowAsync(client, DrainCommand.Read<OrderResult>(answer).Number ?? 0, parsed, clock, cancel);
        }));
        return command;
    }

    private static Command BuildStop()
    {
        var why = new Option<string?>("--why") { Description = "Stands in the journal.", HelpName = "TEXT" };
        var command = new Command("stop", "Stop the practice in progress and give all traffic back.") { why };
        var control = new ControlOptions();
        control.AddTo(command);
        command.SetAction((parsed, cancel) => CommandRun.GuardedAsync(async () =>
        {
            using var client = DrainCommand.Connect(control, parsed, needsToken: true);
            return await DrainCommand.CarryOutAsync(await client.PostAsync("/api/practices/stop", parsed.GetValue(why), cancel), parsed);
        }));
        return command;
    }

    /// <summary>Tells each step as it comes; 0 if the practice passed, 1 if it was stopped.</summary>
    private static async Task<int> FollowAsync(ControlClient client, int number, ParseResult parsed, TimeProvider clock, CancellationToken cancel)
    {
        var output = parsed.InvocationConfiguration.Output;
        await output.WriteLineAsync("mainstay practice stop ends it; leaving this command does not.");
        using var timer = new PeriodicTimer(Look, clock);
        // The first line was the answer to the order.
        var (told, missed) = (1, 0);
        while (await timer.WaitForNextTickAsync(cancel))
        {
            var answer = await client.GetAsync(string.Create(CultureInfo.InvariantCulture, $"/api/practices/{number}"), cancel);
            missed = answer.IsGood ? 0 : missed + 1;
            if (missed >= MostMissed)
                throw new CommandException($"{StatusText.Clean(answer.Problem)}\nPractice {number} is not followed any more; without a control plane it ends at its time at the latest.");
            if (missed > 0)
                continue;
            var practice = DrainCommand.Read<Practice>(answer);
            foreach (var entry in practice.Timeline.Skip(told))
                await output.WriteLineAsync($"{Words.Clock(entry.At)} {StatusText.Clean(entry.Text)}");
            told = Math.Max(told, practice.Timeline.Length);
            if (practice.IsRunning)
                continue;
            Write(practice, output, clock.GetUtcNow());
            return practice.State == PracticeState.Passed ? 0 : 1;
        }
        return 0;
    }

    private static void Write(Practice practice, TextWriter output, DateTimeOffset now)
    {
        var state = practice.IsRunning ? $"in progress, {Words.Percent(1 - practice.Share)} shifted away" : practice.State.ToString().ToLowerInvariant();
        output.WriteLine(StatusText.Clean($"Practice {practice.Number}: {practice.Title}, by {practice.Who}, began {Words.When(practice.Began, now)} UTC: {state}"));
        new StatusText(output, StatusCommand.IsTerminal(output), now).Table(
            ["service", "rate before", "during", "failed", "rescued", "p99 before", "during"],
            [.. practice.Services.Select(s => new[]
            {
                s.Service, Words.Rate(s.Before.Rate), Words.Rate(s.During.Rate), $"{Words.Count(s.Failed)} of {Words.Count(s.Requests)}", Words.Count(s.Rescued),
                Words.Milliseconds(s.Before.P99Ms), Words.Milliseconds(s.During.P99Ms),
            })]);
        foreach (var finding in practice.Findings)
            output.WriteLine($"  {StatusText.Clean(finding)}");
    }
}
