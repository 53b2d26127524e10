using System.Globalization;
using System.Text;
using Mainstay.Control.Usage;

namespace Mainstay.Api;

/// <summary>GET /api/usage?from=&amp;to=&amp;by=: what callers used of models and what it cost, as JSON or as CSV.</summary>
internal static class UsageApi
{
    private const string Csv = "text/csv";

    /// <param name="app">Where it is answered.</param>
    /// <param name="read">Reads what was used; throws IOException if it cannot be read.</param>
    /// <param name="clock">Tells what "a day ago" is.</param>
    public static void Map(WebApplication app, Func<UsageQuery, CancellationToken, Task<UsageAnswer>> read, TimeProvider clock) =>
        app.MapGet("/api/usage", http => AnswerAsync(http, read, clock));

    /// <summary>Rows as RFC 4180 has them; what a spreadsheet would take for a formula is marked as text.</summary>
    public static string ToCsv(UsageAnswer answer)
    {
        var text = new StringBuilder();
        foreach (var word in answer.By)
            text.Append(word).Append(',');
        text.Append("requests,failed,prompt_tokens,completion_tokens,cost\r\n");
        foreach (var row in answer.By.IsEmpty ? [answer.Total] : answer.Rows)
        {
            foreach (var word in answer.By)
                text.Append(Cell(row, word)).Append(',');
            text.Append(CultureInfo.InvariantCulture, $"{row.Requests},{row.Failed},{row.PromptTokens},{row.CompletionTokens},{row.Cost:R}\r\n");
        }
        return text.ToString();
    }

    /// <summary>What a row says of one of the words that the rows are told apart by.</summary>
    public static string Value(UsageRow row, string word) => word switch
    {
        "day" => row.Day?.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture) ?? "",
        "hour" => row.Hour?.UtcDateTime.ToString("yyyy-MM-dd'T'HH':00Z'", CultureInfo.InvariantCulture) ?? "",
        "key" => row.Key ?? "",
        "model" => row.Model ?? "",
        _ => row.Region ?? "",
    };

    private static async Task AnswerAsync(HttpContext http, Func<UsageQuery, CancellationToken, Task<UsageAnswer>> read, TimeProvider clock)
    {
        var asked = http.Request.Query;
        var format = asked["format"].ToString();
        if (format is not ("" or "csv" or "json"))
        {
            await ApiJson.WriteErrorAsync(http, StatusCodes.Status400BadRequest, "format: write csv or json.");
            return;
        }
        if (UsageQuery.TryRead(asked["from"], asked["to"], asked["by"], clock.GetUtcNow(), out var why) is not { } query)
        {
            await ApiJson.WriteErrorAsync(http, StatusCodes.Status400BadRequest, why);
            return;
        }
        try
        {
            var answer = await read(query, http.RequestAborted);
            if (format == "csv" || (format.Length == 0 && http.Request.Headers.Accept.ToString().Contains(Csv, StringComparison.OrdinalIgnoreCase)))
            {
                http.Response.ContentType = Csv + "; charset=utf-8; header=present";
                http.Response.Headers.CacheControl = "no-store";
                await http.Response.WriteAsync(ToCsv(answer), http.RequestAborted);
                return;
            }
            await ApiJson.WriteAsync(http, answer);
        }
        catch (IOException e)
        {
            await ApiJson.WriteErrorAsync(http, StatusCodes.Status503ServiceUnavailable, e.Message);
        }
    }

    private static string Cell(UsageRow row, string word)
    {
        var value = Value(row, word);
        if (value is ['=' or '+' or '-' or '@' or '\t' or '\r', ..])
            value = "'" + value;
        return value.AsSpan().IndexOfAny(",\"\r\n") < 0 ? value : $"\"{value.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
    }
}
