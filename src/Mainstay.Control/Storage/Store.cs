using System.Data.Common;
using System.Globalization;
using Microsoft.Data.Sqlite;

namespace Mainstay.Control.Storage;

/// <summary>The database: where facts stand for good. Only the drain of the spool and readers use it; no tick ever waits for it.</summary>
public sealed class Store(DbDataSource source)
{
    private const string Schema = """
        CREATE TABLE IF NOT EXISTS facts (
            sequence INTEGER PRIMARY KEY, at TEXT NOT NULL, kind TEXT NOT NULL, incident INTEGER, who TEXT NOT NULL,
            text TEXT NOT NULL, previous TEXT NOT NULL, hash TEXT NOT NULL);
        CREATE INDEX IF NOT EXISTS facts_of_incident ON facts (incident, sequence);
        """;

    /// <summary>A store in a SQLite file, made if it is missing.</summary>
    public static Store OpenSqlite(string path) => new(SqliteFile(path));

    /// <summary>A SQLite file, made if it is missing.</summary>
    internal static DbDataSource SqliteFile(string path)
    {
        var settings = new SqliteConnectionStringBuilder { DataSource = path, DefaultTimeout = 2, Pooling = false };
        return SqliteFactory.Instance.CreateDataSource(settings.ToString());
    }

    /// <summary>Takes facts over; those it has already are left alone.</summary>
    /// <returns>Number of the newest fact it holds.</returns>
    /// <exception cref="DbException">The database cannot be reached or written.</exception>
    public async Task<long> AddAsync(IReadOnlyList<Fact> facts, CancellationToken cancel)
    {
        await using var connection = await source.OpenConnectionAsync(cancel);
        await using (var schema = connection.CreateCommand())
        {
            schema.CommandText = Schema;
            await schema.ExecuteNonQueryAsync(cancel);
        }
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        foreach (var fact in facts)
        {
            await using var insert = connection.CreateCommand();
            insert.Transaction = transaction;
            insert.CommandText = """
                INSERT INTO facts (sequence, at, kind, incident, who, text, previous, hash)
                VALUES (@sequence, @at, @kind, @incident, @who, @text, @previous, @hash) ON CONFLICT (sequence) DO NOTHING
                """;
            Bind(insert, "@sequence", fact.Sequence);
            Bind(insert, "@at", fact.At.ToString("O", CultureInfo.InvariantCulture));
            Bind(insert, "@kind", fact.Kind);
            Bind(insert, "@incident", fact.Incident);
            Bind(insert, "@who", fact.Who);
            Bind(insert, "@text", fact.Text);
            Bind(insert, "@previous", fact.Previous);
            Bind(insert, "@hash", fact.Hash);
            await insert.ExecuteNonQueryAsync(cancel);
        }
        await transaction.CommitAsync(cancel);
        await using var newest = connection.CreateCommand();
        newest.CommandText = "SELECT COALESCE(MAX(sequence), 0) FROM facts";
        return Convert.ToInt64(await newest.ExecuteScalarAsync(cancel), CultureInfo.InvariantCulture);
    }

    private static void Bind(DbCommand command, string name, object? value)
    {
        var parameter = command.CreateParameter();
        parameter.ParameterName = name;
        parameter.Value = value ?? DBNull.Value;
        command.Parameters.Add(parameter);
    }
}
