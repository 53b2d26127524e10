using System.CommandLine;
using System.Globalization;
using Mainstay.Api;
using Mainstay.Control.Alerts;
using Mainstay.Dashboard;

namespace Mainstay.Commands;

/// <summary><c>mainstay alert list | ack NUMBER | silence MATCHER... --for DURATION | unsilence NUMBER</c>, on a running instance.</summary>
internal static class AlertCommand
{
    public static Command Build(TimeProvider clock)
    {
        var command = new Command("alert", "List alerts of a running instance, take care of them, silence them.");
        command.Subcommands.Add(BuildList(clock));
        command.Subcommands.Add(BuildAck());
        command.Subcommands.Add(BuildSilence());
        command.Subcommands.Add(BuildUnsilence());
        return command;
    }

    private static Command BuildList(TimeProvider clock)
    {
        var command = new Command("list", "List alerts, silences, and how far messages have come.");
        var control = new ControlOptions();
        control.AddTo(command);
        command.SetAction((parsed, cancel) => CommandRun.GuardedAsync(async () =>
        {
            using var client = DrainCommand.Connect(control, parsed, needsToken: false);
            var status = DrainCommand.Read<AlertsStatus>(await client.GetAsync("/api/alerts", cancel));
            Write(status, parsed.InvocationConfiguration.Output, clock.GetUtcNow());
            return 0;
        }));
        return command;
    }

    private static Command BuildAck()
    {
        var alert = new Argument<string>("alert") { Description = "Number of the alert, as mainstay alert list shows it." };
        var why = Why();
        var command = new Command("ack", "Take care of an alert: nobody further is told of it until it is over.") { alert, why };
        var control = new ControlOptions();
        control.AddTo(command);
        command.SetAction((parsed, cancel) => CommandRun.GuardedAsync(async () =>
        {
            using var client = DrainCommand.Connect(control, parsed, needsToken: true);
            return await DrainCommand.CarryOutAsync(
                await client.PostAsync($"/api/alerts/{Uri.EscapeDataString(parsed.GetRequiredValue(alert))}/ack", parsed.GetValue(why), cancel), parsed);
        }));
        return command;
    }

    private static Command BuildSilence()
    {
        var matchers = new Argument<string[]>("matcher") { Description = "Such as region=us-east-1, service=chat*, severity!=page; all must fit.", Arity = ArgumentArity.OneOrMore };
        var lasts = new Option<string>("--for") { Description = "How long, such as 2h.", HelpName = "DURATION", Required = true };
        var why = Why();
        var command = new Command("silence", "Tell nobody of some alerts for a time.") { matchers, lasts, why };
        var control = new ControlOptions();
        control.AddTo(command);
        command.SetAction((parsed, cancel) => CommandRun.GuardedAsync(async () =>
        {
            if (!DrainsApi.TryFor(parsed.GetValue(lasts), out _, out var wrong))
                throw new CommandException($"--{wrong}");
            var texts = parsed.GetRequiredValue(matchers);
            if (AlertsApi.TryMatchers(texts, out wrong) is null)
                throw new CommandException(wrong);
            using var client = DrainCommand.Connect(control, parsed, needsToken: true);
            var body = new SilenceRequest(texts, parsed.GetValue(lasts), parsed.GetValue(why));
            return await DrainCommand.CarryOutAsync(await client.SendAsync(HttpMethod.Post, "/api/silences", body, cancel), parsed);
        }));
        return command;
    }

    private static Command BuildUnsilence()
    {
        var number = new Argument<int>("number") { Description = "Number of the silence, as mainstay alert list shows it." };
        var why = Why();
        var command = new Command("unsilence", "End a silence.") { number, why };
        var control = new ControlOptions();
        control.AddTo(command);
        command.SetAction((parsed, cancel) => CommandRun.GuardedAsync(async () =>
        {
            using var client = DrainCommand.Connect(control, parsed, needsToken: true);
            var path = string.Create(CultureInfo.InvariantCulture, $"/api/silences/{parsed.GetValue(number)}");
            return await DrainCommand.CarryOutAsync(await client.SendAsync(HttpMethod.Delete, path, new { why = parsed.GetValue(why) ?? "" }, cancel), parsed);
        }));
        return command;
    }

    private static void Write(AlertsStatus status, TextWriter output, DateTimeOffset now)
    {
        var text = new StatusText(output, StatusCommand.IsTerminal(output), now);
        if (status.OpenGroups == 0)
            output.WriteLine("No alert is open.");
        foreach (var group in status.Groups.Where(g => g.Closed is null))
        {
            output.WriteLine(StatusText.Clean($"Alert {group.Number}, {group.Severity.ToString().ToLowerInvariant()}: {(group.Title.Length > 0 ? group.Title : group.Key)}"));
            output.WriteLine(StatusText.Clean($"  since {Words.When(group.Opened, now)} UTC; {StateOf(group)}"));
        }
        if (!status.Alerts.IsEmpty)
            text.Table(["since (UTC)", "alert", "where", "what", "held back by"], [.. status.Alerts.Select(a => new[]
            {
                Words.When(a.Since, now), a.Name, string.Join(' ', new[] { a.Service, a.Region, a.Server }.OfType<string>()), a.Summary, a.SilencedBy ?? a.SuppressedBy ?? "",
            })]);
        if (status.Count > status.Alerts.Length)
            output.WriteLine($"and {status.Count - status.Alerts.Length} more");
        foreach (var silence in status.Silences)
            output.WriteLine(StatusText.Clean($"Silence {silence.Number} of {silence.Who} until {Words.When(silence.Until, now)} UTC: {silence.Title}{(silence.Why.Length > 0 ? $" ({silence.Why})" : "")}"));
        foreach (var window in status.Maintenance)
            output.WriteLine(StatusText.Clean($"Maintenance {window} is in progress."));
        foreach (var job in status.Heartbeats)
            output.WriteLine(StatusText.Clean($"Heartbeat {job.Name}: {(job.Last is { } last ? $"last report {Words.Ago(last, now)}" : "no report yet")}{(job.IsLate ? ", LATE" : "")}"));
        NotifyCommand.Write(status, output, now);
    }

    private static string StateOf(AlertGroup group) => group switch
    {
        { Acknowledged: { } by } => $"{by.Who} takes care of it",
        { QuietSince: not null } => "quiet now",
        { Told: null } => "nobody was told",
        _ => $"told: {(group.Channels.IsEmpty ? "the log" : string.Join(", ", group.Channels))}",
    };

    private static Option<string?> Why() => new("--why") { Description = "Stands in the journal.", HelpName = "TEXT" };
}
