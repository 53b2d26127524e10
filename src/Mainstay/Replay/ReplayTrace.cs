using System.Globalization;
using CsvHelper;
using CsvHelper.Configuration;
using Mainstay.Commands;
using Mainstay.Engine;

namespace Mainstay.Replay;

/// <summary>One request of a trace.</summary>
/// <param name="At">From the first one.</param>
/// <param name="PromptTokens">At least 1.</param>
/// <param name="AnswerTokens">At least 1.</param>
internal readonly record struct ReplayRow(TimeSpan At, int PromptTokens, int AnswerTokens);

/// <summary>A recorded load: when requests came and how long prompts and answers were.</summary>
internal static class ReplayTrace
{
    private const int MostRows = 2_000_000;
    private const int MostTokens = 1_000_000;

    /// <summary>Text that prompts are filled with.</summary>
    private static readonly string Filler = string.Concat(Enumerable.Repeat("for (var i = 0; i < lines.Count; i++) total += lines[i].Length; ", 500));

    /// <summary>Reads a file in the format of the Azure LLM inference traces: TIMESTAMP,ContextTokens,GeneratedTokens.</summary>
    /// <exception cref="CommandException">It cannot be used; the message says why.</exception>
    public static List<ReplayRow> Read(string file)
    {
        try
        {
            using var reader = new StreamReader(file);
            using var csv = new CsvReader(reader, new CsvConfiguration(CultureInfo.InvariantCulture));
            var rows = new List<(DateTime At, int Prompt, int Answer)>();
            csv.Read();
            csv.ReadHeader();
            while (csv.Read() && rows.Count < MostRows)
            {
                if (!DateTime.TryParse(csv.GetField("TIMESTAMP"), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var at))
                    throw Wrong(csv, "TIMESTAMP", "a time such as 2023-11-16 18:17:03.97");
                rows.Add((at, Tokens(csv, "ContextTokens"), Tokens(csv, "GeneratedTokens")));
            }
            rows.Sort((a, b) => a.At.CompareTo(b.At));
            return rows.Count > 0
                ? rows.ConvertAll(r => new ReplayRow(r.At - rows[0].At, r.Prompt, r.Answer))
                : throw new CommandException($"--trace {file}: it has no rows.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CsvHelperException)
        {
            var first = e.Message.Split('\n')[0].Trim();
            throw new CommandException($"--trace {file}: {first} It must be a CSV file with the columns TIMESTAMP, ContextTokens and GeneratedTokens.", e);
        }

        CommandException Wrong(CsvReader csv, string column, string wanted) =>
            new($"--trace {file}, line {csv.Parser.Row}: {column} is \"{csv.GetField(column)}\". Write {wanted}.");

        int Tokens(CsvReader csv, string column) =>
            int.TryParse(csv.GetField(column), NumberStyles.None, CultureInfo.InvariantCulture, out var tokens) && tokens is >= 1 and <= MostTokens
                ? tokens
                : throw Wrong(csv, column, $"a whole number from 1 to {MostTokens}");
    }

    /// <summary>A prompt that counts as so many tokens and is like no other one.</summary>
    public static string Prompt(int number, int tokens)
    {
        // As the engine counts: the role and a line break belong to it.
        var length = (tokens * EngineRequest.BytesPerToken) - "user: \n".Length;
        var text = $"Request {number}. ";
        while (text.Length < length)
            text += Filler[..Math.Min(Filler.Length, length - text.Length)];
        return text;
    }

    /// <summary>What a simulated engine must say to it.</summary>
    public static string Answer(string prompt, int tokens) => SimulatedText.Whole($"user: {prompt}\n", tokens);
}
