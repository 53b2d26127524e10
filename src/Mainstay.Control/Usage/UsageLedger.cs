using System.Collections.Immutable;
using System.Data.Common;
using System.Threading.Channels;
using Mainstay.Control.Storage;
using Mainstay.Routing;
using Microsoft.Extensions.Logging;

namespace Mainstay.Control.Usage;

/// <summary>
/// What callers used of models and what it cost, for good: counted as requests end, written into the database every other second, kept for
/// <see cref="Kept"/>. A process that is killed loses what was used since the last writing; while the database is away nothing is lost but by that.
/// </summary>
public sealed partial class UsageLedger : IDisposable
{
    /// <summary>How long it is kept: a year, and the month in which somebody asks for it.</summary>
    public static readonly TimeSpan Kept = TimeSpan.FromDays(400);

    private const string Part = "usage";
    private const int MostRows = 10_000;
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(2);
    private readonly UsageBook _book = new();
    private readonly UsageTable _table;
    private readonly Troubles _troubles;
    private readonly TimeProvider _clock;
    private readonly ILogger<UsageLedger> _log;

    // Sums on their way into the database are in neither place: one at a time writes or reads.
    private readonly SemaphoreSlim _writing = new(1, 1);
    private long _forgotten;

    private UsageLedger(UsageTable table, Troubles troubles, TimeProvider clock, ILogger<UsageLedger> log) =>
        (_table, _troubles, _clock, _log) = (table, troubles, clock, log);

    /// <summary>A ledger in the database of a state folder.</summary>
    /// <param name="database">Path of the SQLite file.</param>
    public static UsageLedger Open(string database, Troubles troubles, TimeProvider clock, ILogger<UsageLedger> log) =>
        new(UsageTable.OpenSqlite(database), troubles, clock, log);

    /// <summary>Counts what a request used. Never waits.</summary>
    public void Note(Observation observation)
    {
        if (observation is Outcome outcome)
            _book.Note(outcome);
    }

    /// <summary>Writes until cancelled, and once more then.</summary>
    /// <param name="rest">What the data plane saw and nobody has read by then; counted as well.</param>
    public async Task RunAsync(ChannelReader<Observation> rest, CancellationToken cancel)
    {
        using var timer = new PeriodicTimer(Every, _clock);
        try
        {
            while (await timer.WaitForNextTickAsync(cancel))
                await WriteAsync(cancel);
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            // The control loop has stopped before, and the traffic's last requests ended after it.
            while (rest.TryRead(out var observation))
                Note(observation);
            await WriteAsync(CancellationToken.None);
        }
    }

    /// <summary>Writes what was used since the last time. A database that is away is tried again.</summary>
    public async Task WriteAsync(CancellationToken cancel)
    {
        await _writing.WaitAsync(cancel);
        var taken = _book.Take();
        try
        {
            if (taken.Count > 0)
                await _table.AddAsync(taken, cancel);
            taken = [];
            var hour = UsageBook.HourOf(_clock.GetUtcNow());
            if (hour > _forgotten)
                await _table.ForgetBeforeAsync(hour - (long)Kept.TotalHours, cancel);
            _forgotten = hour;
            _troubles.Note(Part, null);
        }
        catch (Exception e) when (e is DbException or IOException or UnauthorizedAccessException)
        {
            if (_troubles.Note(Part, $"The usage of models is not written: {e.Message} It is counted on, and a restart would lose it."))
                LogAway(e.Message);
        }
        finally
        {
            _book.GiveBack(taken);
            _writing.Release();
        }
    }

    /// <summary>What was used, up to now.</summary>
    /// <exception cref="IOException">The database cannot be read; the message says why.</exception>
    public async Task<UsageAnswer> ReadAsync(UsageQuery query, CancellationToken cancel)
    {
        var (from, to) = (UsageBook.HourOf(query.From), UsageBook.HourOf(query.To));
        await _writing.WaitAsync(cancel);
        try
        {
            var sums = (await _table.ReadAsync(query, from, to, MostRows + 1, cancel)).ToDictionary();
            var all = (await _table.ReadAsync(query with { By = [] }, from, to, 1, cancel)).Select(r => r.Value).FirstOrDefault();
            foreach (var (key, waiting) in _book.Waiting().Where(w => w.Key.Hour >= from && w.Key.Hour < to))
            {
                var place = PlaceOf(key, query);
                sums[place] = sums.GetValueOrDefault(place) + waiting;
                all += waiting;
            }
            var rows = sums.OrderBy(s => s.Key.Hour).ThenByDescending(s => s.Value.Cost).ThenByDescending(s => s.Value.PromptTokens)
                .ThenBy(s => s.Key.Key, StringComparer.Ordinal).ThenBy(s => s.Key.Model, StringComparer.Ordinal).ThenBy(s => s.Key.Region, StringComparer.Ordinal)
                .Take(query.By.IsEmpty ? 0 : MostRows).Select(s => RowOf(s.Key, s.Value, query));
            return new UsageAnswer(query.From, query.To, query.By, [.. rows], RowOf(default, all, query with { By = [] }), sums.Count > MostRows);
        }
        catch (Exception e) when (e is DbException or UnauthorizedAccessException)
        {
            throw new IOException($"The usage cannot be read from the database: {e.Message}", e);
        }
        finally
        {
            _writing.Release();
        }
    }

    public void Dispose() => _writing.Dispose();

    private static UsageKey PlaceOf(UsageKey key, UsageQuery query) => new(
        query.Has("hour") ? key.Hour : query.Has("day") ? key.Hour - (key.Hour % 24) : 0,
        query.Has("key") ? key.Key : "", query.Has("model") ? key.Model : "", query.Has("region") ? key.Region : "");

    private static UsageRow RowOf(UsageKey key, UsageSums sums, UsageQuery query)
    {
        var begin = DateTimeOffset.UnixEpoch.AddHours(key.Hour);
        return new UsageRow(
            query.Has("day") ? DateOnly.FromDateTime(begin.UtcDateTime) : null,
            query.Has("hour") ? begin : null,
            query.Has("key") ? key.Key : null,
            query.Has("model") ? key.Model : null,
            query.Has("region") ? key.Region : null,
            sums.Requests, sums.Failed, sums.PromptTokens, sums.CompletionTokens, sums.Cost);
    }

    [LoggerMessage(LogLevel.Warning, "The usage of models is not written: {Message} It is counted on, and a restart would lose it.")]
    private partial void LogAway(string message);
}
