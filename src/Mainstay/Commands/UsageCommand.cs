using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Mainstay.Api;
using Mainstay.Control.Usage;
using Mainstay.Dashboard;

namespace Mainstay.Commands;

/// <summary><c>mainstay usage</c>: what callers used of models and what it cost.</summary>
internal static class UsageCommand
{
    public static Command Build()
    {
        var by = new Option<string>("--by")
        {
            Description = "What is told apart: key, model, region, day, hour, with commas between; total: nothing.",
            HelpName = "WORDS",
            DefaultValueFactory = _ => "key,model,region",
        };
        var since = new Option<string>("--since") { Description = "From when: a day, a time of UTC, or how long ago.", HelpName = "TIME", DefaultValueFactory = _ => "24h" };
        var until = new Option<string?>("--until") { Description = "Until when, likewise; left out: now.", HelpName = "TIME" };
        var csv = new Option<bool>("--csv") { Description = "Print it as CSV." };
        var json = new Option<bool>("--json") { Description = "Print the answer of /api/usage as it is." };
        var control = new ControlOptions();
        var command = new Command("usage", "Show what callers used of models, and what it cost.") { Options = { by, since, until, csv, json } };
        control.AddTo(command);
        command.SetAction(async (parsed, cancel) =>
        {
            var (output, error) = (parsed.InvocationConfiguration.Output, parsed.InvocationConfiguration.Error);
            using var client = control.Connect(parsed, null, "state", needsToken: false, out var why);
            if (client is null)
            {
                await error.WriteLineAsync(why);
                return CommandRun.Mistake;
            }
            var isCsv = parsed.GetValue(csv);
            var answer = await client.GetAsync(
                $"/api/usage?by={Written(parsed.GetValue(by))}&from={Written(parsed.GetValue(since))}&to={Written(parsed.GetValue(until))}&format={(isCsv ? "csv" : "json")}", cancel);
            if (!answer.IsGood)
            {
                await error.WriteLineAsync(StatusText.Clean(answer.Problem));
                return answer.ExitCode;
            }
            if (isCsv || parsed.GetValue(json))
            {
                await output.WriteAsync(answer.Body);
                return 0;
            }
            if (Read(answer.Body) is not { } usage)
            {
                await error.WriteLineAsync("The instance answered in a shape that this version does not know. Use the mainstay of the same version, or --json.");
                return CommandRun.Mistake;
            }
            Write(usage, output);
            return 0;
        });
        return command;
    }

    private static void Write(UsageAnswer usage, TextWriter output)
    {
        var text = new StatusText(output, StatusCommand.IsTerminal(output), usage.To);
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"From {usage.From.UtcDateTime:yyyy-MM-dd HH:mm} to {usage.To.UtcDateTime:yyyy-MM-dd HH:mm} UTC."));
        if (usage.Total.Requests == 0 && usage.Rows.IsEmpty)
        {
            output.WriteLine("No request to a model ended in that time.");
            return;
        }
        var total = usage.By.Select((_, place) => place == 0 ? "total" : "").Concat(Figures(usage.Total)).ToArray();
        text.Table(
            [.. usage.By, "requests", "failed", "prompt tokens", "completion tokens", "cost"],
            [.. usage.Rows.Select(row => usage.By.Select(word => Shown(row, word)).Concat(Figures(row)).ToArray()), total]);
        if (usage.IsCut)
            output.WriteLine("There are more rows: ask for a shorter time, or tell less apart.");
    }

    /// <summary>What a row is of, in words that say what an empty name means.</summary>
    public static string Shown(UsageRow row, string word) => UsageApi.Value(row, word) is { Length: > 0 } value ? value : word == "key" ? "(no key)" : "(none)";

    /// <summary>The numbers of a row.</summary>
    public static string[] Figures(UsageRow row) =>
        [Words.Count(row.Requests), Words.Count(row.Failed), Words.Count(row.PromptTokens), Words.Count(row.CompletionTokens), Cost(row.Cost)];

    private static string Cost(double cost) => cost switch
    {
        0 => "0",
        < 0.01 => cost.ToString("0.######", CultureInfo.InvariantCulture),
        _ => cost.ToString("#,0.00##", CultureInfo.InvariantCulture),
    };

    private static string Written(string? text) => Uri.EscapeDataString(text ?? "");

    private static UsageAnswer? Read(string body)
    {
        try
        {
            return JsonSerializer.Deserialize<UsageAnswer>(body, ApiJson.Options) is { Rows.IsDefault: false, By.IsDefault: false, Total: not null } usage ? usage : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
