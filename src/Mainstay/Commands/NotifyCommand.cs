using System.CommandLine;
using Mainstay.Control.Alerts;
using Mainstay.Dashboard;

namespace Mainstay.Commands;

/// <summary><c>mainstay notify list | test CHANNEL</c>, on a running instance.</summary>
internal static class NotifyCommand
{
    public static Command Build(TimeProvider clock)
    {
        var command = new Command("notify", "The channels by which a running instance tells people.");
        command.Subcommands.Add(BuildList(clock));
        command.Subcommands.Add(BuildTest());
        return command;
    }

    /// <summary>A table of the channels.</summary>
    public static void Write(AlertsStatus status, TextWriter output, DateTimeOffset now)
    {
        if (status.Channels.IsEmpty)
        {
            output.WriteLine("No channel is configured: everything stands in the log alone (notify in mainstay.yaml).");
            return;
        }
        new StatusText(output, StatusCommand.IsTerminal(output), now).Table(
            ["channel", "waiting", "delivered", "given up", "last error"],
            [.. status.Channels.Select(c => new[] { c.Name, Words.Count(c.Waiting), Words.Count(c.Delivered), Words.Count(c.Failed.Length), c.LastError ?? "" })]);
    }

    private static Command BuildList(TimeProvider clock)
    {
        var command = new Command("list", "List the channels, and how far messages have come.");
        var control = new ControlOptions();
        control.AddTo(command);
        command.SetAction((parsed, cancel) => CommandRun.GuardedAsync(async () =>
        {
            using var client = DrainCommand.Connect(control, parsed, needsToken: false);
            Write(DrainCommand.Read<AlertsStatus>(await client.GetAsync("/api/alerts", cancel)), parsed.InvocationConfiguration.Output, clock.GetUtcNow());
            return 0;
        }));
        return command;
    }

    private static Command BuildTest()
    {
        var name = new Argument<string>("channel") { Description = "Name of the channel, as mainstay notify list shows it." };
        var command = new Command("test", "Send a message by one channel now, and say what became of it.") { name };
        var control = new ControlOptions();
        control.AddTo(command);
        command.SetAction((parsed, cancel) => CommandRun.GuardedAsync(async () =>
        {
            using var client = DrainCommand.Connect(control, parsed, needsToken: true);
            var answer = await client.SendAsync(HttpMethod.Post, $"/api/notify/{Uri.EscapeDataString(parsed.GetRequiredValue(name))}/test", null, cancel);
            if (answer.IsGood)
                return await DrainCommand.CarryOutAsync(answer, parsed);
            await parsed.InvocationConfiguration.Error.WriteLineAsync(StatusText.Clean(answer.Problem));
            return answer.Status == 502 ? 1 : 2;
        }));
        return command;
    }
}
