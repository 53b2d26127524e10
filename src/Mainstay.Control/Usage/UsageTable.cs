using System.Data.Common;
using System.Globalization;
using Mainstay.Control.Storage;

namespace Mainstay.Control.Usage;

/// <summary>Usage in the database, one row for each hour, key, model and region that had any.</summary>
internal sealed class UsageTable(DbDataSource source)
{
    private const string Schema = """
        CREATE TABLE IF NOT EXISTS usage (
            hour BIGINT NOT NULL, key_name TEXT NOT NULL, model TEXT NOT NULL, region TEXT NOT NULL,
            requests BIGINT NOT NULL, failed BIGINT NOT NULL, prompt_tokens BIGINT NOT NULL, completion_tokens BIGINT NOT NULL, cost DOUBLE PRECISION NOT NULL,
            PRIMARY KEY (hour, key_name, model, region));
        """;

    /// <summary>The table in a SQLite file, made if it is missing.</summary>
    public static UsageTable OpenSqlite(string path) => new(Store.SqliteFile(path));

    /// <summary>Adds sums to what stands there: all of them or none.</summary>
    /// <exception cref="DbException">The database cannot be reached or written.</exception>
    public async Task AddAsync(IEnumerable<KeyValuePair<UsageKey, UsageSums>> added, CancellationToken cancel)
    {
        await using var connection = await OpenAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        await using var insert = connection.CreateCommand();
        insert.Transaction = transaction;
        insert.CommandText = """
            INSERT INTO usage (hour, key_name, model, region, requests, failed, prompt_tokens, completion_tokens, cost)
            VALUES (@hour, @key, @model, @region, @requests, @failed, @prompt, @completion, @cost)
            ON CONFLICT (hour, key_name, model, region) DO UPDATE SET
                requests = usage.requests + excluded.requests, failed = usage.failed + excluded.failed,
                prompt_tokens = usage.prompt_tokens + excluded.prompt_tokens, completion_tokens = usage.completion_tokens + excluded.completion_tokens,
                cost = usage.cost + excluded.cost
            """;
        foreach (var (key, sums) in added)
        {
            insert.Parameters.Clear();
            Bind(insert, "@hour", key.Hour);
            Bind(insert, "@key", key.Key);
            Bind(insert, "@model", key.Model);
            Bind(insert, "@region", key.Region);
            Bind(insert, "@requests", sums.Requests);
            Bind(insert, "@failed", sums.Failed);
            Bind(insert, "@prompt", sums.PromptTokens);
            Bind(insert, "@completion", sums.CompletionTokens);
            Bind(insert, "@cost", sums.Cost);
            await insert.ExecuteNonQueryAsync(cancel);
        }
        await transaction.CommitAsync(cancel);
    }

    /// <summary>What was used in hours <paramref name="from"/> to before <paramref name="to"/>, summed up by the parts of the key that a query tells apart; the others are zero or empty.</summary>
    /// <param name="most">Rows at most.</param>
    /// <exception cref="DbException">The database cannot be reached or read.</exception>
    public async Task<List<KeyValuePair<UsageKey, UsageSums>>> ReadAsync(UsageQuery query, long from, long to, int most, CancellationToken cancel)
    {
        await using var connection = await OpenAsync(cancel);
        await using var select = connection.CreateCommand();
        var hour = query.Has("hour") ? "hour" : query.Has("day") ? "hour - hour % 24" : "0";
        // Parts of the statement are words of this program; what people wrote is bound.
        select.CommandText = $"""
            SELECT {hour} AS h, {(query.Has("key") ? "key_name" : "''")} AS k, {(query.Has("model") ? "model" : "''")} AS m, {(query.Has("region") ? "region" : "''")} AS r,
                SUM(requests), SUM(failed), SUM(prompt_tokens), SUM(completion_tokens), SUM(cost)
            FROM usage WHERE hour >= @from AND hour < @to GROUP BY 1, 2, 3, 4 ORDER BY 1, 9 DESC, 7 DESC LIMIT @most
            """;
        Bind(select, "@from", from);
        Bind(select, "@to", to);
        Bind(select, "@most", most);
        var rows = new List<KeyValuePair<UsageKey, UsageSums>>();
        await using var reader = await select.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
        {
            rows.Add(new(
                new UsageKey(Number(reader, 0), reader.GetString(1), reader.GetString(2), reader.GetString(3)),
                new UsageSums(Number(reader, 4), Number(reader, 5), Number(reader, 6), Number(reader, 7), Convert.ToDouble(reader.GetValue(8), CultureInfo.InvariantCulture))));
        }
        return rows;
    }

    /// <summary>Forgets what is older than an hour of the calendar.</summary>
    /// <exception cref="DbException">The database cannot be reached or written.</exception>
    public async Task ForgetBeforeAsync(long hour, CancellationToken cancel)
    {
        await using var connection = await OpenAsync(cancel);
        await using var delete = connection.CreateCommand();
        delete.CommandText = "DELETE FROM usage WHERE hour < @hour";
        Bind(delete, "@hour", hour);
        await delete.ExecuteNonQueryAsync(cancel);
    }

    private async Task<DbConnection> OpenAsync(CancellationToken cancel)
    {
        var connection = await source.OpenConnectionAsync(cancel);
        try
        {
            await using var schema = connection.CreateCommand();
            schema.CommandText = Schema;
            await schema.ExecuteNonQueryAsync(cancel);
            return connection;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    private static long Number(DbDataReader reader, int place) => Convert.ToInt64(reader.GetValue(place), CultureInfo.InvariantCulture);

    private static void Bind(DbCommand command, string name, object value)
    {
        var parameter = command.CreateParameter();
        parameter.ParameterName = name;
        parameter.Value = value;
        command.Parameters.Add(parameter);
    }
}
