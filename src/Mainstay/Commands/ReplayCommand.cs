using System.CommandLine;
using System.Globalization;
using Mainstay.Control.Config;
using Mainstay.Demo;
using Mainstay.Replay;
using Mainstay.Routing;

namespace Mainstay.Commands;

/// <summary><c>mainstay replay</c>: a recorded load of chats, sent again at any speed, every answer checked.</summary>
internal static class ReplayCommand
{
    private static readonly TimeSpan SayEvery = TimeSpan.FromSeconds(5);

    public static Command Build(TimeProvider clock)
    {
        var o = new ReplayOptions();
        var command = new Command("replay", "Send a recorded load of chats, and check and time every answer.");
        o.AddTo(command);
        command.SetAction((parsed, cancel) => CommandRun.GuardedAsync(async () =>
        {
            var plan = o.Read(parsed);
            try
            {
                return await RunAsync(plan, clock, parsed.InvocationConfiguration.Output, cancel);
            }
            catch (OperationCanceledException)
            {
                await Console.Error.WriteLineAsync("The replay was stopped before its end, so it says nothing.");
                return 1;
            }
        }));
        return command;
    }

    private static async Task<int> RunAsync(ReplayPlan plan, TimeProvider clock, TextWriter output, CancellationToken cancel)
    {
        var rows = ReplayTrace.Read(plan.Trace);
        if (plan.For is { } most)
            rows.RemoveAll(r => r.At / plan.Speed > most);
        if (plan.Limit is { } limit && rows.Count > limit)
            rows.RemoveRange(limit, rows.Count - limit);
        var length = rows[^1].At / plan.Speed;
        var (world, gateway, chats, model) = await OpenAsync(plan, cancel);
        await using var _ = world;
        await using var __ = gateway;
        using var caller = new ChatCaller(chats, model, clock);
        var run = new ReplayRun(caller, !plan.AnyText, clock);
        await run.WarmUpAsync(plan.WarmUp, cancel);
        await output.WriteLineAsync(string.Create(CultureInfo.InvariantCulture,
            $"{rows.Count} requests in {length.TotalSeconds:0} s ({plan.Speed:0.##} times as fast as recorded) to {chats}, model {model}"));
        TimeSpan? killedAt = plan.KillRegion is null ? null : length * plan.KillAt;

        var start = clock.GetTimestamp();
        var sending = run.RunAsync(rows, plan.Speed, cancel);
        var killing = killedAt is { } at ? KillAsync(world!, plan.KillRegion!, at, clock, output, cancel) : Task.CompletedTask;
        while (await Task.WhenAny(sending, Task.Delay(SayEvery, clock, cancel)) != sending)
            await output.WriteLineAsync(string.Create(CultureInfo.InvariantCulture,
                $"{clock.GetElapsedTime(start).TotalSeconds,5:0} s  {run.Sent} sent, {run.UnderWay} under way"));
        var records = await sending;
        await killing;
        var result = ReplayResult.Of(records, plan.Speed, clock.GetElapsedTime(start), plan.KillRegion, killedAt);
        ReplayReport.Write(output, result);
        if (plan.Json)
            await output.WriteLineAsync(result.ToJson());
        return result.Failed == 0 ? 0 : 1;
    }

    private static async Task KillAsync(ReplayWorld world, string region, TimeSpan at, TimeProvider clock, TextWriter output, CancellationToken cancel)
    {
        await Task.Delay(at, clock, cancel);
        world.Kill(region);
        await output.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"{at.TotalSeconds,5:0} s  SIGKILL to every engine of {region}"));
    }

    private static async Task<(ReplayWorld? World, OwnProcess? Gateway, Uri Chats, string Model)> OpenAsync(ReplayPlan plan, CancellationToken cancel)
    {
        if (plan.Url is { } url)
            return (null, null, new Uri($"{url.AbsoluteUri.TrimEnd('/')}/chat/completions"), plan.Model ?? ReplayWorld.Model);
        if (plan.Config is not { } file)
        {
            var world = await ReplayWorld.StartAsync(plan.World, cancel);
            return (world, null, world.Chats, ReplayWorld.Model);
        }
        var read = ConfigReader.ReadFile(file);
        var config = read.Config ?? throw new CommandException(string.Join(Environment.NewLine, read.Errors));
        var service = config.ToTable(0, []).Services.FirstOrDefault(s => s.Api == ModelApi.OpenAi && s.Model is not null && (plan.Model is null || s.Model == plan.Model))
            ?? throw new CommandException($"--config {file}: no service of `api: openai` has {(plan.Model is { } name ? $"the model {name}" : "models")}.");
        var (gateway, chats) = await ReplayWorld.ServeAsync(file, service.PathPrefix, cancel);
        return (null, gateway, chats, service.Model!);
    }
}

/// <summary>What the command line asks of a replay.</summary>
internal sealed record ReplayPlan(
    string Trace, double Speed, TimeSpan? For, int? Limit, string? Config, Uri? Url, string? Model, WorldPlan World, string? KillRegion, double KillAt,
    int WarmUp, bool AnyText, bool Json);

/// <summary>The options of a replay.</summary>
internal sealed class ReplayOptions
{
    private readonly Option<string> _trace = new("--trace") { Description = "CSV file with the columns TIMESTAMP, ContextTokens and GeneratedTokens, such as the Azure LLM inference traces.", Required = true };
    private readonly Option<string> _speed = new("--speed") { Description = "How many times as fast as recorded, such as 20x.", DefaultValueFactory = _ => "1x" };
    private readonly Option<string?> _for = new("--for") { Description = "Stop sending after this time, such as 60s." };
    private readonly Option<int?> _limit = new("--limit") { Description = "Send so many requests at most." };
    private readonly Option<string?> _config = new("--config", "-c") { Description = "Start Mainstay with this configuration and send through it." };
    private readonly Option<string?> _url = new("--url") { Description = "Send to what runs there, such as http://127.0.0.1:8400/v1." };
    private readonly Option<string?> _model = new("--model") { Description = "The model to ask for; default: the first of the configuration." };
    private readonly Option<int> _regions = new("--regions") { Description = "Without --config and --url: regions of the world that is started.", DefaultValueFactory = _ => 2 };
    private readonly Option<int> _engines = new("--engines") { Description = "Simulated engines in each region.", DefaultValueFactory = _ => 2 };
    private readonly Option<double> _prefill = new("--prefill") { Description = "Tokens of prompts a second of each engine.", DefaultValueFactory = _ => 100_000 };
    private readonly Option<double> _decode = new("--decode") { Description = "Tokens of answers a second of each engine.", DefaultValueFactory = _ => 3_000 };
    private readonly Option<string?> _kill = new("--kill-region") { Description = "Kill every engine of this region of the world, such as region-1." };
    private readonly Option<string> _at = new("--at") { Description = "When, as a share of the replay.", DefaultValueFactory = _ => "50%" };
    private readonly Option<int> _warmUp = new("--warm-up") { Description = "Requests before the clock runs, which count for nothing.", DefaultValueFactory = _ => 200 };
    private readonly Option<bool> _anyText = new("--any-text") { Description = "The engines are not simulated: do not compare the text." };
    private readonly Option<bool> _json = new("--json") { Description = "As the last line the result as JSON." };

    public void AddTo(Command command)
    {
        foreach (var option in (Option[])[_trace, _speed, _for, _limit, _config, _url, _model, _regions, _engines, _prefill, _decode, _kill, _at, _warmUp, _anyText, _json])
            command.Options.Add(option);
    }

    /// <exception cref="CommandException">A value is of no use; the message says which would be.</exception>
    public ReplayPlan Read(ParseResult parsed)
    {
        var (config, url, kill) = (parsed.GetValue(_config), parsed.GetValue(_url), parsed.GetValue(_kill));
        if (config is not null && url is not null)
            throw new CommandException("--config and --url exclude each other: name the one through which the load is to go.");
        var regions = (int)Within("--regions", parsed.GetValue(_regions), 1, 20);
        if (kill is not null && (config is not null || url is not null))
            throw new CommandException("--kill-region works in a world that the replay starts itself: leave out --config and --url.");
        if (kill is not null && !Enumerable.Range(1, regions).Any(r => kill == $"region-{r}"))
            throw new CommandException($"--kill-region {kill}: the regions are region-1 to region-{regions}.");
        string Number(double value) => value.ToString(CultureInfo.InvariantCulture);
        string[] engine = ["--prefill", Number(Within("--prefill", parsed.GetValue(_prefill), 1, 1e9)), "--decode", Number(Within("--decode", parsed.GetValue(_decode), 1, 1e9))];
        return new(
            parsed.GetRequiredValue(_trace), Factor(parsed.GetRequiredValue(_speed)), Time(parsed.GetValue(_for)),
            parsed.GetValue(_limit) is { } limit ? (int)Within("--limit", limit, 1, int.MaxValue) : null,
            config, Address(url), parsed.GetValue(_model), new WorldPlan(regions, (int)Within("--engines", parsed.GetValue(_engines), 1, 50), engine),
            kill, Share(parsed.GetRequiredValue(_at)), (int)Within("--warm-up", parsed.GetValue(_warmUp), 0, 100_000), parsed.GetValue(_anyText), parsed.GetValue(_json));
    }

    private static double Within(string option, double value, double least, double most) =>
        value >= least && value <= most ? value : throw new CommandException(FormattableString.Invariant($"{option} {value}: write a number from {least} to {most}."));

    private static double Factor(string text) =>
        double.TryParse(text.EndsWith('x') ? text[..^1] : text, NumberStyles.Float, CultureInfo.InvariantCulture, out var factor) && factor is >= 0.01 and <= 10_000
            ? factor
            : throw new CommandException($"--speed {text}: write how many times as fast, from 0.01x to 10000x, such as 20x.");

    private static TimeSpan? Time(string? text) =>
        text is null ? null
        : Units.TryDuration(text, out var time, out _) && time > TimeSpan.Zero ? time
        : throw new CommandException($"--for {text}: write a time such as 60s.");

    private static double Share(string text) =>
        text.EndsWith('%') && double.TryParse(text[..^1], NumberStyles.Float, CultureInfo.InvariantCulture, out var percent) && percent is >= 0 and <= 100
            ? percent / 100
            : throw new CommandException($"--at {text}: write a share from 0% to 100%, such as 50%.");

    private static Uri? Address(string? text) =>
        text is null ? null
        : Uri.TryCreate(text, UriKind.Absolute, out var url) && url.Scheme is "http" or "https" ? url
        : throw new CommandException($"--url {text}: write an address such as http://127.0.0.1:8400/v1.");
}
