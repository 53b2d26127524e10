using System.Data.Common;
using System.Globalization;
using Mainstay.Control.Storage;
using Microsoft.Data.Sqlite;

namespace Mainstay.Control.Signals;

/// <summary>
/// Windows of series on disk: one row for each chunk of 120 windows of a series, to which further windows are appended. A file of its own, so that much
/// writing holds up nothing else. One thread writes; any number may read.
/// </summary>
internal sealed class SeriesFile(string path)
{
    /// <summary>Name of the file in the state folder.</summary>
    public const string FileName = "series.db";

    private const string Schema = """
        PRAGMA journal_mode = WAL;
        PRAGMA synchronous = NORMAL;
        CREATE TABLE IF NOT EXISTS series (
            id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE, name TEXT NOT NULL, labels TEXT NOT NULL, kind INTEGER NOT NULL, source TEXT NOT NULL, last BIGINT NOT NULL);
        CREATE INDEX IF NOT EXISTS series_by_name ON series (name);
        CREATE TABLE IF NOT EXISTS chunks (
            seconds INTEGER NOT NULL, start BIGINT NOT NULL, series INTEGER NOT NULL, windows BLOB NOT NULL, PRIMARY KEY (seconds, start, series)) WITHOUT ROWID;
        CREATE TABLE IF NOT EXISTS progress (one INTEGER PRIMARY KEY CHECK (one = 1), through BIGINT NOT NULL);
        """;

    private const int MostKnown = 200_000;
    private const char Between = '\u001f';
    private readonly DbDataSource _source = Store.SqliteFile(path);
    private readonly Dictionary<string, long> _rows = [];

    /// <summary>Appends windows: all of them or none.</summary>
    /// <param name="windows">What closed since the last time.</param>
    /// <param name="through">Seconds since 1970 up to which every window has closed.</param>
    /// <exception cref="DbException">The database cannot be reached or written.</exception>
    public void Write(IReadOnlyCollection<ClosedWindow> windows, long through)
    {
        using var connection = Open();
        using var transaction = connection.BeginTransaction();
        using var append = connection.CreateCommand();
        append.Transaction = transaction;
        // Concatenation gives text, whatever it is of.
        append.CommandText = """
            INSERT INTO chunks (seconds, start, series, windows) VALUES (@seconds, @start, @series, @windows)
            ON CONFLICT (seconds, start, series) DO UPDATE SET windows = CAST(chunks.windows || excluded.windows AS BLOB)
            """;
        var (seconds, start, series, bytes) = (Parameter(append, "@seconds"), Parameter(append, "@start"), Parameter(append, "@series"), Parameter(append, "@windows"));
        try
        {
            foreach (var chunk in windows.GroupBy(w => (w.Resolution, Start: w.Resolution.ChunkOf(w.Start), w.Series)))
            {
                using var records = new MemoryStream();
                foreach (var window in chunk)
                    WindowCode.Write(records, (int)((window.Start - chunk.Key.Start) / window.Resolution.Seconds), window.Window);
                (seconds.Value, start.Value, series.Value, bytes.Value) = (chunk.Key.Resolution.Seconds, chunk.Key.Start, RowOf(connection, transaction, chunk.First()), records.ToArray());
                append.ExecuteNonQuery();
            }
            Run(connection, transaction, "INSERT INTO progress (one, through) VALUES (1, @a) ON CONFLICT (one) DO UPDATE SET through = @a", ("@a", through));
            transaction.Commit();
        }
        catch
        {
            // Ids of rows that were not written after all.
            _rows.Clear();
            throw;
        }
    }

    /// <summary>Forgets what is older than it is kept.</summary>
    /// <exception cref="DbException">The database cannot be reached or written.</exception>
    public void Forget(DateTimeOffset now)
    {
        using var connection = Open();
        foreach (var resolution in Resolution.All)
            Run(connection, null, "DELETE FROM chunks WHERE seconds = @a AND start < @b", ("@a", resolution.Seconds), ("@b", resolution.ChunkOf((now - resolution.Kept).ToUnixTimeSeconds())));
        Run(connection, null, "DELETE FROM series WHERE last < @a", ("@a", (now - Resolution.Hours.Kept).ToUnixTimeSeconds()));
        Run(connection, null, "DELETE FROM series WHERE id IN (SELECT id FROM series ORDER BY last DESC LIMIT -1 OFFSET @a)", ("@a", MostKnown));
        _rows.Clear();
    }

    /// <summary>Seconds since 1970 up to which every window is written; null: nothing is.</summary>
    /// <exception cref="DbException">The database cannot be reached or read.</exception>
    public long? Through()
    {
        using var connection = Open();
        using var select = connection.CreateCommand();
        select.CommandText = "SELECT through FROM progress";
        return select.ExecuteScalar() is { } through ? Convert.ToInt64(through, CultureInfo.InvariantCulture) : null;
    }

    /// <summary>The series that the disk knows.</summary>
    /// <param name="name">Null: every one.</param>
    /// <exception cref="DbException">The database cannot be reached or read.</exception>
    public List<KnownSeries> List(string? name, int most)
    {
        using var connection = Open();
        using var select = connection.CreateCommand();
        select.CommandText = $"SELECT id, name, labels, kind, source, last FROM series {(name is null ? "" : "WHERE name = @name")} ORDER BY text LIMIT @most";
        if (name is not null)
            Parameter(select, "@name").Value = name;
        Parameter(select, "@most").Value = most;
        var known = new List<KnownSeries>();
        using var reader = select.ExecuteReader();
        while (reader.Read())
        {
            if (SeriesId.TryMake(reader.GetString(1), LabelsOf(reader.GetString(2)), out _) is { } id)
                known.Add(new KnownSeries(reader.GetInt64(0), id, (SeriesKind)reader.GetInt32(3), reader.GetString(4), reader.GetInt64(5)));
        }
        return known;
    }

    /// <summary>Windows of one series, of one width, in the order of their writing.</summary>
    /// <param name="from">Seconds since 1970; included.</param>
    /// <param name="to">Not included.</param>
    /// <exception cref="DbException">The database cannot be reached or read.</exception>
    public List<(long Start, SeriesWindow Window)> Read(long series, Resolution resolution, long from, long to)
    {
        using var connection = Open();
        using var select = connection.CreateCommand();
        select.CommandText = "SELECT windows FROM chunks WHERE seconds = @seconds AND start = @start AND series = @series";
        var start = Parameter(select, "@start");
        Parameter(select, "@seconds").Value = resolution.Seconds;
        Parameter(select, "@series").Value = series;
        var windows = new List<(long, SeriesWindow)>();
        for (var chunk = resolution.ChunkOf(from); chunk < to; chunk += (long)resolution.Seconds * resolution.Chunk)
        {
            start.Value = chunk;
            if (select.ExecuteScalar() is not byte[] bytes)
                continue;
            foreach (var (place, window) in WindowCode.Read(bytes))
            {
                if (chunk + ((long)place * resolution.Seconds) is var at && at >= from && at < to)
                    windows.Add((at, window));
            }
        }
        return windows;
    }

    private static List<KeyValuePair<string, string>> LabelsOf(string text)
    {
        var parts = text.Length == 0 ? [] : text.Split(Between);
        var labels = new List<KeyValuePair<string, string>>();
        for (var i = 0; i + 1 < parts.Length; i += 2)
            labels.Add(new(parts[i], parts[i + 1]));
        return labels;
    }

    private long RowOf(DbConnection connection, DbTransaction transaction, ClosedWindow window)
    {
        if (_rows.TryGetValue(window.Series.Text, out var row))
            return row;
        using var insert = connection.CreateCommand();
        insert.Transaction = transaction;
        insert.CommandText = """
            INSERT INTO series (text, name, labels, kind, source, last) VALUES (@text, @name, @labels, @kind, @source, @last)
            ON CONFLICT (text) DO UPDATE SET kind = @kind, source = @source, last = MAX(last, @last) RETURNING id
            """;
        Parameter(insert, "@text").Value = window.Series.Text;
        Parameter(insert, "@name").Value = window.Series.Name;
        Parameter(insert, "@labels").Value = string.Join(Between, window.Series.Labels.SelectMany(l => new[] { l.Key, l.Value }));
        Parameter(insert, "@kind").Value = (int)window.Kind;
        Parameter(insert, "@source").Value = window.Source;
        Parameter(insert, "@last").Value = window.Start;
        return _rows[window.Series.Text] = Convert.ToInt64(insert.ExecuteScalar(), CultureInfo.InvariantCulture);
    }

    private DbConnection Open()
    {
        var connection = _source.OpenConnection();
        try
        {
            Run(connection, null, Schema);
            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    private static void Run(DbConnection connection, DbTransaction? transaction, string statement, params ReadOnlySpan<(string Name, object Value)> values)
    {
        using var command = connection.CreateCommand();
        command.Transaction = transaction;
        command.CommandText = statement;
        foreach (var (name, value) in values)
            Parameter(command, name).Value = value;
        command.ExecuteNonQuery();
    }

    private static SqliteParameter Parameter(DbCommand command, string name)
    {
        var parameter = (SqliteParameter)command.CreateParameter();
        parameter.ParameterName = name;
        command.Parameters.Add(parameter);
        return parameter;
    }
}

/// <summary>A series that the disk knows.</summary>
/// <param name="Row">Its number there.</param>
/// <param name="Last">Begin of its newest window when that was noted, about every ten minutes; seconds since 1970.</param>
internal sealed record KnownSeries(long Row, SeriesId Id, SeriesKind Kind, string Source, long Last);
