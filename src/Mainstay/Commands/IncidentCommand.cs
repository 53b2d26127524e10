using System.CommandLine;
using System.Text.Json;
using Mainstay.Api;
using Mainstay.Control;
using Mainstay.Control.Incidents;
using Mainstay.Dashboard;

namespace Mainstay.Commands;

/// <summary><c>mainstay incident list | show N | approve REMEDY-ID</c>, on a running instance.</summary>
internal static class IncidentCommand
{
    public static Command Build(TimeProvider clock)
    {
        var command = new Command("incident", "List and show incidents of a running instance, approve a remedy.");
        command.Subcommands.Add(BuildList(clock));
        command.Subcommands.Add(BuildShow(clock));
        command.Subcommands.Add(BuildApprove());
        return command;
    }

    private static Command BuildList(TimeProvider clock) => Ask("list", "List incidents, open ones first.", [], needsToken: false,
        (client, _, cancel) => client.GetAsync("/api/incidents", cancel),
        (body, output) => new StatusText(output, StatusCommand.IsTerminal(output), clock.GetUtcNow())
            .WriteIncidents(JsonSerializer.Deserialize<IncidentList>(body, ApiJson.Options)!.Incidents));

    private static Command BuildShow(TimeProvider clock)
    {
        var number = new Argument<int>("number") { Description = "Number of the incident." };
        return Ask("show", "Show one incident: stages, causes, remedies, timeline.", [number], needsToken: false,
            (client, parsed, cancel) => client.GetAsync($"/api/incidents/{parsed.GetValue(number)}", cancel),
            (body, output) => WriteIncident(JsonSerializer.Deserialize<Incident>(body, ApiJson.Options)!, output, clock.GetUtcNow()));
    }

    private static Command BuildApprove()
    {
        var id = new Argument<string>("remedy") { Description = "Id of the remedy, such as 41-1.", HelpName = "REMEDY-ID" };
        var why = new Option<string?>("--why") { Description = "Stands in the journal.", HelpName = "TEXT" };
        return Ask("approve", "Approve a proposed remedy; the guard still checks it.", [id, why], needsToken: true,
            (client, parsed, cancel) => client.PostAsync($"/api/remedies/{Uri.EscapeDataString(parsed.GetValue(id)!)}/approve", parsed.GetValue(why), cancel),
            (body, output) => output.WriteLine(StatusText.Clean(JsonSerializer.Deserialize<OrderResult>(body, ApiJson.Options)!.Message)));
    }

    private static Command Ask(string name, string description, Symbol[] symbols, bool needsToken,
        Func<ControlClient, ParseResult, CancellationToken, Task<ControlAnswer>> ask, Action<string, TextWriter> write)
    {
        var command = new Command(name, description);
        foreach (var symbol in symbols)
        {
            if (symbol is Argument argument)
                command.Arguments.Add(argument);
            else
                command.Options.Add((Option)symbol);
        }
        var control = new ControlOptions();
        control.AddTo(command);
        command.SetAction(async (parsed, cancel) =>
        {
            var error = parsed.InvocationConfiguration.Error;
            using var client = control.Connect(parsed, null, "state", needsToken, out var problem);
            if (client is null)
            {
                await error.WriteLineAsync(problem);
                return 2;
            }
            var answer = await ask(client, parsed, cancel);
            if (!answer.IsGood)
            {
                await error.WriteLineAsync(StatusText.Clean(answer.Problem));
                return answer.ExitCode;
            }
            try
            {
                write(answer.Body, parsed.InvocationConfiguration.Output);
                return 0;
            }
            catch (JsonException)
            {
                await error.WriteLineAsync("The instance answered in a shape that this version does not know. Use the mainstay of the same version.");
                return 2;
            }
        });
        return command;
    }

    private static void WriteIncident(Incident incident, TextWriter output, DateTimeOffset now)
    {
        var text = new StatusText(output, StatusCommand.IsTerminal(output), now);
        output.WriteLine(StatusText.Clean($"Incident {incident.Number}: {incident.Title}"));
        output.WriteLine($"{(incident.IsOpen ? $"Open, {incident.Stage}" : "Resolved")}. {Words.Severity(incident.Impact)}: {Words.Count(incident.Impact.Failed)} failed, "
            + $"{Words.Count(incident.Impact.Slow)} slow, {Words.Count(incident.Impact.Rescued)} rescued elsewhere, of {Words.Count(incident.Impact.Requests)}.");
        text.Table(["stage", "since (UTC)", "evidence"], [.. incident.Stages.Select(s => new[] { s.Stage.ToString(), Words.When(s.At, now), s.Evidence })]);
        foreach (var cause in incident.Causes)
        {
            output.WriteLine(StatusText.Clean($"Cause, {Words.Percent(Math.Round(cause.Confidence, 2))} confident: {cause.Title} ({cause.Class})"));
            foreach (var line in cause.Evidence)
                output.WriteLine(StatusText.Clean($"  {line}"));
        }
        if (!incident.Remedies.IsEmpty)
            text.Table(["remedy", "what", "state", "why"], [.. incident.Remedies.Select(r => new[] { r.Id, r.Title, r.State.ToString().ToLowerInvariant(), r.Reason })]);
        text.Table(["time (UTC)", "timeline"], [.. incident.Timeline.Select(e => new[] { Words.When(e.At, now), e.Text })]);
        if (incident.Review is not null)
            output.WriteLine($"Review: /incidents/{incident.Number}/review on the dashboard, {StatusText.Clean(incident.Review)} in state/reviews.");
    }
}
