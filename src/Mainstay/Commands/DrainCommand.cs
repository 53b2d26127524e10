using System.CommandLine;
using System.Text.Json;
using Mainstay.Api;
using Mainstay.Control;
using Mainstay.Control.Mitigation;

namespace Mainstay.Commands;

/// <summary><c>mainstay drain [region NAME | server NAME]</c>: shows the blast radius, asks, and takes the traffic away. Without
/// region or server it lists what is drained.</summary>
internal static class DrainCommand
{
    public static Command Build(TimeProvider clock)
    {
        var command = new Command("drain", "Take traffic away from a region or a server; alone: list what is drained by hand.");
        command.Subcommands.Add(BuildFor("region", "Drain a whole region.", "Name of the region.", clock));
        command.Subcommands.Add(BuildFor("server", "Drain one server.", "Name of the server: host and port, as mainstay status shows it.", clock));
        var control = new ControlOptions();
        control.AddTo(command);
        command.SetAction((parsed, cancel) => CommandRun.GuardedAsync(async () =>
        {
            using var client = Connect(control, parsed, needsToken: false);
            var list = Read<DrainList>(await client.GetAsync("/api/drains", cancel));
            var output = parsed.InvocationConfiguration.Output;
            if (list.Drains.IsEmpty)
                await output.WriteLineAsync("Nothing is drained by hand.");
            new StatusText(output, StatusCommand.IsTerminal(output), clock.GetUtcNow()).WriteDrains(list.Drains);
            return 0;
        }));
        return command;
    }

    /// <summary>A client for what the options say.</summary>
    /// <exception cref="CommandException">They make no sense.</exception>
    public static ControlClient Connect(ControlOptions control, ParseResult parsed, bool needsToken) =>
        control.Connect(parsed, null, "state", needsToken, out var why) ?? throw new CommandException(why);

    /// <summary>The body of a good answer.</summary>
    /// <exception cref="CommandException">The instance is away, or answered something else.</exception>
    public static T Read<T>(ControlAnswer answer) where T : class
    {
        if (!answer.IsGood)
        {
            throw new CommandException(StatusText.Clean(answer.Problem)
                + (answer.IsAway ? "\nNothing was changed. Draining needs the control plane; traffic flows on by the last table. A server that is stopped is left out by its breaker." : ""));
        }
        try
        {
            return JsonSerializer.Deserialize<T>(answer.Body, ApiJson.Options) ?? throw new JsonException("null");
        }
        catch (JsonException e)
        {
            throw new CommandException("The instance answered in a shape that this version does not know. Use the mainstay of the same version.", e);
        }
    }

    private static Command BuildFor(string kind, string description, string nameIs, TimeProvider clock)
    {
        var name = new Argument<string>("name") { Description = nameIs };
        var service = new Option<string?>("--service") { Description = "Only of this service; otherwise of every one.", HelpName = "NAME" };
        var lasts = new Option<string?>("--for") { Description = "Give it back by itself after so long, such as 30m.", HelpName = "DURATION" };
        var why = new Option<string?>("--why") { Description = "Stands in the journal.", HelpName = "TEXT" };
        var yes = new Option<bool>("--yes") { Description = "Do not ask." };
        var dry = new Option<bool>("--dry-run") { Description = "Show the blast radius and change nothing." };
        var force = new Option<bool>("--force") { Description = "Also if no other server would be left." };
        var command = new Command(kind, description) { name, service, lasts, why, yes, dry, force };
        var control = new ControlOptions();
        control.AddTo(command);
        command.SetAction((parsed, cancel) => CommandRun.GuardedAsync(async () =>
        {
            if (!DrainsApi.TryFor(parsed.GetValue(lasts), out _, out var wrong))
                throw new CommandException($"--{wrong}");
            var target = parsed.GetRequiredValue(name);
            var (region, server) = kind == "region" ? (target, (string?)null) : (null, target);
            var output = parsed.InvocationConfiguration.Output;
            using var client = Connect(control, parsed, needsToken: !parsed.GetValue(dry));
            var blast = Read<BlastRadius>(await client.GetAsync(PathOf(region, server, parsed.GetValue(service)), cancel));
            BlastText.Write(blast, output, clock.GetUtcNow());
            if (parsed.GetValue(dry))
                return 0;
            if (blast.LeavesNobody && !parsed.GetValue(force))
            {
                await parsed.InvocationConfiguration.Error.WriteLineAsync("Refused: a service would have no other server. --force drains all the same.");
                return 1;
            }
            if (!await BlastText.AgreedAsync($"Drain {blast.Title}?", parsed.GetValue(yes), parsed, cancel))
                return 1;
            var body = new DrainRequest(region, server, parsed.GetValue(service), parsed.GetValue(lasts), parsed.GetValue(why), parsed.GetValue(force));
            return await CarryOutAsync(await client.SendAsync(HttpMethod.Post, "/api/drains", body, cancel), parsed);
        }));
        return command;
    }

    /// <summary>Says what became of an order; 1 if it was refused.</summary>
    public static async Task<int> CarryOutAsync(ControlAnswer answer, ParseResult parsed)
    {
        if (answer.ExitCode == 1)
        {
            await parsed.InvocationConfiguration.Error.WriteLineAsync(StatusText.Clean(answer.Problem));
            return 1;
        }
        await parsed.InvocationConfiguration.Output.WriteLineAsync(StatusText.Clean(Read<OrderResult>(answer).Message));
        return 0;
    }

    public static string PathOf(string? region, string? server, string? service)
    {
        var asked = new[] { ("region", region), ("server", server), ("service", service) };
        return "/api/blast-radius?" + string.Join('&', asked.Where(a => a.Item2 is not null).Select(a => $"{a.Item1}={Uri.EscapeDataString(a.Item2!)}"));
    }
}
