using System.Data;
using System.Data.Common;
using System.Globalization;
using System.Text.Json;
using Microsoft.Data.Sqlite;

namespace Mainstay.Control.Notify;

/// <summary>
/// What alerts and messages leave on disk: a SQLite file of its own in the state folder (docs/decisions/0024). Rows of state and the
/// messages that follow from them are written in one transaction, so that after a crash both are there or neither is:
/// nothing is told twice, nothing is forgotten. Safe for several threads.
/// </summary>
public sealed class OutboxStore : IDisposable
{
    private const string Schema = """
        PRAGMA journal_mode = WAL;
        CREATE TABLE IF NOT EXISTS kept (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
        CREATE TABLE IF NOT EXISTS messages (
            number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, channel TEXT NOT NULL, body TEXT NOT NULL,
            attempts INTEGER NOT NULL DEFAULT 0, due TEXT NOT NULL, failed INTEGER NOT NULL DEFAULT 0, error TEXT, parcel TEXT);
        """;

    /// <summary>Codes of SQLite.</summary>
    private const int Corrupt = 11;
    private const int NoDatabase = 26;

    private readonly Lock _lock = new();
    private readonly SqliteConnection _connection;

    private OutboxStore(SqliteConnection connection) => _connection = connection;

    /// <summary>Opens the file, and makes it if it is missing. One that is no such file is kept aside and said.</summary>
    /// <exception cref="IOException">It cannot be made or written.</exception>
    public static OutboxStore Open(string path, out string? trouble)
    {
        trouble = null;
        try
        {
            return new OutboxStore(Connect(path));
        }
        catch (SqliteException e) when (e.SqliteErrorCode is Corrupt or NoDatabase)
        {
            var aside = path + ".unreadable";
            File.Move(path, aside, overwrite: true);
            File.Delete(path + "-wal");
            File.Delete(path + "-shm");
            trouble = $"{path} could not be read ({e.Message}); it is kept as {aside}, and alerts and messages start anew";
        }
        catch (SqliteException e)
        {
            throw new IOException($"{path}: {e.Message}", e);
        }
        try
        {
            return new OutboxStore(Connect(path));
        }
        catch (SqliteException e)
        {
            throw new IOException($"{path}: {e.Message}", e);
        }
    }

    /// <summary>Every row of state, by key.</summary>
    /// <exception cref="IOException">It cannot be read.</exception>
    public Dictionary<string, string> ReadKept()
    {
        var kept = new Dictionary<string, string>();
        Read("SELECT key, value FROM kept", reader => kept[reader.GetString(0)] = reader.GetString(1));
        return kept;
    }

    /// <summary>Every message that is not delivered, oldest first.</summary>
    /// <exception cref="IOException">It cannot be read.</exception>
    internal List<Waiting> ReadMessages()
    {
        var messages = new List<Waiting>();
        Read("SELECT body, attempts, due, failed, error, parcel FROM messages ORDER BY number", reader =>
        {
            if (TryParse(reader.GetString(0)) is not { } message)
                return;
            messages.Add(new Waiting(message)
            {
                IsStored = true,
                Attempts = reader.GetInt32(1),
                Due = DateTimeOffset.Parse(reader.GetString(2), CultureInfo.InvariantCulture),
                HasFailed = reader.GetInt32(3) != 0,
                Error = reader.IsDBNull(4) ? null : reader.GetString(4),
                Parcel = reader.IsDBNull(5) ? null : reader.GetString(5),
            });
        });
        return messages;
    }

    /// <summary>Writes changed rows (null: the row goes) and new messages, and waits until the disk has all of them. A message whose id
    /// is known already is left alone.</summary>
    /// <exception cref="IOException">Nothing was written.</exception>
    internal void Save(IReadOnlyDictionary<string, string?> rows, IReadOnlyCollection<Waiting> messages) => Transact(isSynced: true, transaction =>
    {
        using var put = Command("INSERT INTO kept (key, value) VALUES (@key, @value) ON CONFLICT (key) DO UPDATE SET value = excluded.value", transaction, "@key", "@value");
        using var drop = Command("DELETE FROM kept WHERE key = @key", transaction, "@key");
        foreach (var (key, value) in rows)
        {
            var command = value is null ? drop : put;
            command.Parameters["@key"].Value = key;
            if (value is not null)
                command.Parameters["@value"].Value = value;
            command.ExecuteNonQuery();
        }
        using var add = Command("INSERT INTO messages (id, channel, body, due) VALUES (@id, @channel, @body, @due) ON CONFLICT (id) DO NOTHING", transaction, "@id", "@channel", "@body", "@due");
        foreach (var waiting in messages)
        {
            add.Parameters["@id"].Value = waiting.Message.Id;
            add.Parameters["@channel"].Value = waiting.Message.Channel;
            add.Parameters["@body"].Value = JsonSerializer.Serialize(waiting.Message, MessageJson.Default.Message);
            add.Parameters["@due"].Value = Written(waiting.Due);
            add.ExecuteNonQuery();
        }
    });

    /// <summary>Takes delivered messages out. Outlives the process at once; the disk has it a moment later, so that a power cut may
    /// have a message delivered twice, never lost.</summary>
    /// <exception cref="IOException">Nothing was written.</exception>
    internal void Remove(IEnumerable<Waiting> messages) => Transact(isSynced: false, transaction =>
    {
        using var remove = Command("DELETE FROM messages WHERE id = @id", transaction, "@id");
        foreach (var waiting in messages)
        {
            remove.Parameters["@id"].Value = waiting.Message.Id;
            remove.ExecuteNonQuery();
        }
    });

    /// <summary>Notes attempts, failures and which messages go out together. As durable as <see cref="Remove"/>.</summary>
    /// <exception cref="IOException">Nothing was written.</exception>
    internal void Update(IEnumerable<Waiting> messages) => Transact(isSynced: false, transaction =>
    {
        using var update = Command(
            "UPDATE messages SET attempts = @attempts, due = @due, failed = @failed, error = @error, parcel = @parcel WHERE id = @id", transaction,
            "@attempts", "@due", "@failed", "@error", "@parcel", "@id");
        foreach (var waiting in messages)
        {
            update.Parameters["@attempts"].Value = waiting.Attempts;
            update.Parameters["@due"].Value = Written(waiting.Due);
            update.Parameters["@failed"].Value = waiting.HasFailed ? 1 : 0;
            update.Parameters["@error"].Value = (object?)waiting.Error ?? DBNull.Value;
            update.Parameters["@parcel"].Value = (object?)waiting.Parcel ?? DBNull.Value;
            update.Parameters["@id"].Value = waiting.Message.Id;
            update.ExecuteNonQuery();
        }
    });

    public void Dispose()
    {
        lock (_lock)
            _connection.Dispose();
    }

    private static SqliteConnection Connect(string path)
    {
        var settings = new SqliteConnectionStringBuilder { DataSource = path, DefaultTimeout = 2, Pooling = false };
        var connection = new SqliteConnection(settings.ToString());
        try
        {
            connection.Open();
            using var schema = connection.CreateCommand();
            schema.CommandText = Schema;
            schema.ExecuteNonQuery();
            schema.CommandText = "PRAGMA quick_check(1)";
            return schema.ExecuteScalar() is "ok" ? connection : throw new SqliteException("its pages do not fit together", Corrupt);
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    private void Read(string query, Action<SqliteDataReader> take)
    {
        lock (_lock)
        {
            try
            {
                using var command = Command(query);
                using var reader = command.ExecuteReader();
                while (reader.Read())
                    take(reader);
            }
            catch (DbException e)
            {
                throw new IOException($"{_connection.DataSource}: {e.Message}", e);
            }
        }
    }

    private void Transact(bool isSynced, Action<SqliteTransaction> write)
    {
        lock (_lock)
        {
            try
            {
                using (var level = Command(isSynced ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL"))
                    level.ExecuteNonQuery();
                using var transaction = _connection.BeginTransaction(IsolationLevel.Serializable);
                write(transaction);
                transaction.Commit();
            }
            catch (DbException e)
            {
                throw new IOException($"{_connection.DataSource}: {e.Message}", e);
            }
        }
    }

    private SqliteCommand Command(string text, SqliteTransaction? transaction = null, params ReadOnlySpan<string> parameters)
    {
        var command = _connection.CreateCommand();
        command.CommandText = text;
        command.Transaction = transaction;
        foreach (var name in parameters)
            command.Parameters.Add(new SqliteParameter { ParameterName = name });
        return command;
    }

    private static string Written(DateTimeOffset time) => time.ToString("O", CultureInfo.InvariantCulture);

    private static Message? TryParse(string body)
    {
        try
        {
            return JsonSerializer.Deserialize(body, MessageJson.Default.Message);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}

/// <summary>A message on its way. Belongs to the lock of its outbox.</summary>
internal sealed class Waiting(Message message)
{
    public Message Message => message;

    /// <summary>True: the disk has it.</summary>
    public bool IsStored { get; set; }

    public int Attempts { get; set; }

    public DateTimeOffset Due { get; set; }

    /// <summary>True: it was delivered.</summary>
    public bool IsGone { get; set; }

    /// <summary>True: it was given up.</summary>
    public bool HasFailed { get; set; }

    /// <summary>Why the last attempt failed; null: none did.</summary>
    public string? Error { get; set; }

    /// <summary>Id of what it goes out with; null: it goes alone.</summary>
    public string? Parcel { get; set; }
}
