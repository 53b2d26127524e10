using System.CommandLine;
using System.Text.Json;
using Mainstay.Api;
using Mainstay.Routing;

namespace Mainstay.Commands;

/// <summary>
/// <c>mainstay explain REQUEST-ID</c>: why a request went where it went, in plain words. Asks the control listener; if
/// that is away, the data plane itself over its socket in the state folder.
/// </summary>
internal static class ExplainCommand
{
    public static Command Build(TimeProvider clock)
    {
        var id = new Argument<string>("request") { Description = "Its id: the header X-Request-Id of its answer.", HelpName = "REQUEST-ID" };
        var state = new Option<string>("--state")
        {
            Description = "State folder, for when no control listener answers.",
            HelpName = "FOLDER",
            DefaultValueFactory = _ => "state",
        };
        var control = new ControlOptions();
        var command = new Command("explain", "Say why a request went where it went.") { Arguments = { id }, Options = { state } };
        control.AddTo(command);
        command.SetAction(async (parsed, cancel) =>
        {
            var (request, folder) = (parsed.GetRequiredValue(id).Trim(), parsed.GetRequiredValue(state));
            var error = parsed.InvocationConfiguration.Error;
            using var client = control.Connect(parsed, null, folder, needsToken: false, out var problem);
            if (client is null)
            {
                await error.WriteLineAsync(problem);
                return CommandRun.Mistake;
            }
            var answer = await client.GetAsync($"/api/explain/{Uri.EscapeDataString(request)}", cancel);
            var (decision, why) = answer.IsAway && await AskDataPlaneAsync(folder, request, clock, cancel) is { } own
                ? (own.Decision, own.Why)
                : (answer.IsGood ? Read(answer.Body) : null, answer.Problem);
            if (decision is null)
            {
                await error.WriteLineAsync(StatusText.Clean(why.Length > 0 ? why
                    : "The instance answered in a shape that this version does not know. Use the mainstay of the same version."));
                return CommandRun.Mistake;
            }
            foreach (var line in DecisionText.Lines(decision))
                await parsed.InvocationConfiguration.Output.WriteLineAsync(StatusText.Clean(line));
            return 0;
        });
        return command;
    }

    private static Task<DecisionAnswer?> AskDataPlaneAsync(string stateFolder, string request, TimeProvider clock, CancellationToken cancel) =>
        DecisionSocket.AskAsync(Path.Combine(Path.GetFullPath(stateFolder), DecisionSocket.Name), request, clock, cancel);

    private static Decision? Read(string body)
    {
        try
        {
            return JsonSerializer.Deserialize<Decision>(body, ApiJson.Options) is { Steps.IsDefault: false } decision ? decision : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
