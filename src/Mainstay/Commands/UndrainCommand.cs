using System.CommandLine;
using System.Globalization;
using Mainstay.Api;
using Mainstay.Control.Mitigation;

namespace Mainstay.Commands;

/// <summary><c>mainstay undrain NUMBER | region NAME | server NAME</c>: gives traffic back that a person took away.</summary>
internal static class UndrainCommand
{
    public static Command Build()
    {
        var command = new Command("undrain", "Give traffic back to what was drained by hand.");
        var number = new Argument<int?>("number") { Description = "Number of the drain, as mainstay drain lists it.", Arity = ArgumentArity.ZeroOrOne };
        command.Arguments.Add(number);
        command.Subcommands.Add(BuildFor("region", "Undrain a region.", "Name of the region.", (drain, name) => drain.Server is null && drain.Region == name));
        command.Subcommands.Add(BuildFor("server", "Undrain a server.", "Name of the server.", (drain, name) => drain.Server == name));
        var why = Why();
        command.Options.Add(why);
        var control = new ControlOptions();
        control.AddTo(command);
        command.SetAction((parsed, cancel) => CommandRun.GuardedAsync(async () =>
        {
            var wanted = parsed.GetValue(number) ?? throw new CommandException("Say which: mainstay undrain NUMBER, or region NAME, or server NAME. mainstay drain lists them.");
            using var client = DrainCommand.Connect(control, parsed, needsToken: true);
            return await UndrainAsync(client, wanted, parsed.GetValue(why), parsed, cancel);
        }));
        return command;
    }

    private static Command BuildFor(string kind, string description, string nameIs, Func<Drain, string, bool> isMeant)
    {
        var name = new Argument<string>("name") { Description = nameIs };
        var service = new Option<string?>("--service") { Description = "Only the drain of this service; otherwise every one there.", HelpName = "NAME" };
        var why = Why();
        var command = new Command(kind, description) { name, service, why };
        var control = new ControlOptions();
        control.AddTo(command);
        command.SetAction((parsed, cancel) => CommandRun.GuardedAsync(async () =>
        {
            using var client = DrainCommand.Connect(control, parsed, needsToken: true);
            var drains = DrainCommand.Read<DrainList>(await client.GetAsync("/api/drains", cancel)).Drains;
            var target = parsed.GetRequiredValue(name);
            var meant = drains.Where(d => isMeant(d, target) && (parsed.GetValue(service) is not { } one || d.Service == one)).ToList();
            if (meant.Count == 0)
                throw new CommandException($"Nothing to undrain: no drain of {kind} {target} is in force. mainstay drain lists those that are.");
            var worst = 0;
            foreach (var drain in meant)
                worst = Math.Max(worst, await UndrainAsync(client, drain.Number, parsed.GetValue(why), parsed, cancel));
            return worst;
        }));
        return command;
    }

    private static async Task<int> UndrainAsync(ControlClient client, int number, string? why, ParseResult parsed, CancellationToken cancel) =>
        await DrainCommand.CarryOutAsync(
            await client.SendAsync(HttpMethod.Delete, string.Create(CultureInfo.InvariantCulture, $"/api/drains/{number}"), new { why = why ?? "" }, cancel), parsed);

    private static Option<string?> Why() => new("--why") { Description = "Stands in the journal.", HelpName = "TEXT" };
}
