using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json;
using CsvHelper;
using CsvHelper.Configuration;

namespace Mainstay.Commands;

/// <summary><c>mainstay import FILE</c>: gives a running instance the points of a CSV file.</summary>
internal static class ImportCommand
{
    private const int RowsAtOnce = 5000;
    private static readonly string[] Times = ["time", "timestamp", "ts"];

    public static Command Build()
    {
        var file = new Argument<FileInfo>("file") { Description = "CSV with a header: time or timestamp, value, if wished name; every other column is a label." };
        var name = new Option<string?>("--name") { Description = "Name of the series, where no column says it; left out: that of the file.", HelpName = "NAME" };
        var kind = new Option<string>("--kind") { Description = "What the values are: gauge or counter.", HelpName = "KIND", DefaultValueFactory = _ => "gauge" };
        kind.AcceptOnlyFromAmong("gauge", "counter");
        var control = new ControlOptions();
        var command = new Command("import", "Give a running instance the points of a CSV file, oldest first.") { file, name, kind };
        control.AddTo(command);
        command.SetAction((parsed, cancel) => CommandRun.GuardedAsync(async () =>
        {
            var path = parsed.GetRequiredValue(file);
            if (!path.Exists)
                throw new CommandException($"There is no file {path.FullName}.");
            using var client = DrainCommand.Connect(control, parsed, needsToken: true);
            var sent = await SendAsync(path, parsed.GetValue(name) ?? Path.GetFileNameWithoutExtension(path.Name), parsed.GetValue(kind)!, client, cancel);
            await parsed.InvocationConfiguration.Output.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"{sent.Taken} points were taken, {sent.Refused} were not.{(sent.Refused > 0 ? " GET /api/signals says why." : "")}"));
            return sent.Refused > 0 ? 1 : 0;
        }));
        return command;
    }

    private static async Task<(int Taken, int Refused)> SendAsync(FileInfo file, string name, string kind, ControlClient client, CancellationToken cancel)
    {
        using var reader = new StreamReader(file.FullName);
        using var csv = new CsvReader(reader, new CsvConfiguration(CultureInfo.InvariantCulture) { BadDataFound = null, MissingFieldFound = null });
        if (!await csv.ReadAsync() || !csv.ReadHeader() || csv.HeaderRecord is not { } header || !header.Contains("value", StringComparer.OrdinalIgnoreCase))
            throw new CommandException($"{file.Name} has no column value: its first line must name the columns, such as timestamp,value.");
        var (taken, refused, rows) = (0, 0, 0);
        var lines = new StringBuilder();
        while (await csv.ReadAsync())
        {
            lines.Append(LineOf(csv, header, name, kind)).Append('\n');
            if (++rows % RowsAtOnce == 0)
                await FlushAsync();
        }
        await FlushAsync();
        return (taken, refused);

        async Task FlushAsync()
        {
            if (lines.Length == 0)
                return;
            var answer = await client.SendTextAsync("/api/push?source=import", lines.ToString(), cancel);
            lines.Clear();
            if (!answer.IsGood)
                throw new CommandException($"Near row {rows}: {answer.Problem}");
            using var json = JsonDocument.Parse(answer.Body);
            taken += json.RootElement.GetProperty("taken").GetInt32();
            refused += json.RootElement.GetProperty("refused").GetInt32();
        }
    }

    private static string LineOf(CsvReader csv, string[] header, string name, string kind)
    {
        var labels = new Dictionary<string, string>();
        var line = new Dictionary<string, object?> { ["name"] = name, ["kind"] = kind, ["labels"] = labels };
        for (var i = 0; i < header.Length; i++)
        {
            var (column, text) = (header[i].Trim(), csv.GetField(i)?.Trim() ?? "");
            if (Times.Contains(column, StringComparer.OrdinalIgnoreCase))
                line["time"] = double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var seconds) ? seconds : text;
            else if (column.Equals("value", StringComparison.OrdinalIgnoreCase))
                line["value"] = double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) && double.IsFinite(value) ? value : text;
            else if (column.Equals("name", StringComparison.OrdinalIgnoreCase))
                line["name"] = text;
            else if (text.Length > 0)
                labels[column] = text;
        }
        return JsonSerializer.Serialize(line);
    }
}
