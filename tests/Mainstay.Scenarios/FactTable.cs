using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Data.Sqlite;

namespace Mainstay.Scenarios;

/// <summary>The facts in the database, read from outside. The hash is computed here again, from its description.</summary>
internal static class FactTable
{
    /// <summary>All facts in their order; none while there is no database to read.</summary>
    public static List<StoredFact> Read(string path)
    {
        try
        {
            using var connection = Open(path, SqliteOpenMode.ReadOnly);
            using var command = connection.CreateCommand();
            command.CommandText = "SELECT sequence, at, kind, incident, who, text, previous, hash FROM facts ORDER BY sequence";
            using var reader = command.ExecuteReader();
            var facts = new List<StoredFact>();
            while (reader.Read())
                facts.Add(new StoredFact(
                    reader.GetInt64(0), DateTimeOffset.Parse(reader.GetString(1), CultureInfo.InvariantCulture), reader.GetString(2),
                    reader.IsDBNull(3) ? null : reader.GetInt32(3), reader.GetString(4), reader.GetString(5), reader.GetString(6), reader.GetString(7)));
            return facts;
        }
        catch (SqliteException)
        {
            return [];
        }
    }

    public static SqliteConnection Open(string path, SqliteOpenMode mode)
    {
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = path, Mode = mode, Pooling = false, DefaultTimeout = 5 }.ToString());
        connection.Open();
        return connection;
    }

    /// <summary>Fails unless the facts count from 1 without gaps and each carries the hash of the one before.</summary>
    public static void AssertWhole(IReadOnlyList<StoredFact> facts)
    {
        Assert.NotEmpty(facts);
        Assert.Equal(Enumerable.Range(1, facts.Count).Select(i => (long)i), facts.Select(f => f.Sequence));
        Assert.Equal(facts.SkipLast(1).Select(f => f.Hash).Prepend(""), facts.Select(f => f.Previous));
        Assert.All(facts, fact => Assert.Equal(fact.ComputeHash(), fact.Hash));
    }
}

internal sealed record StoredFact(
    long Sequence, DateTimeOffset At, string Kind, int? Incident, string Who, string Text, string Previous, string Hash)
{
    public string ComputeHash() => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Create(
        CultureInfo.InvariantCulture,
        $"{Sequence}|{At.UtcTicks}|{Incident}|{Kind.Length}|{Kind}|{Who.Length}|{Who}|{Text.Length}|{Text}|{Previous}"))));
}
