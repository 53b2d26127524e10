using System.Data.Common;
using Microsoft.Extensions.Logging;

namespace Mainstay.Control.Storage;

/// <summary>Moves facts from the spool into the database, whenever the database is there.</summary>
public sealed partial class SpoolDrain(Spool spool, Store store, Troubles troubles, TimeProvider clock, ILogger<SpoolDrain> log)
{
    private const string Part = "database";
    private const int Batch = 500;
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(30);

    /// <summary>Drains until cancelled; what is left then waits in the spool for the next start.</summary>
    public async Task RunAsync(CancellationToken cancel)
    {
        var stored = 0L;
        var pause = Pause;
        while (!cancel.IsCancellationRequested)
        {
            try
            {
                stored = await DrainAsync(stored, cancel);
                pause = Pause;
                if (troubles.Note(Part, null))
                    LogBack();
            }
            catch (Exception e) when (e is DbException or IOException or UnauthorizedAccessException)
            {
                if (troubles.Note(Part, $"{e.Message} Facts wait in the spool; nothing is lost."))
                    LogAway(e.Message);
                pause = TimeSpan.FromTicks(Math.Min(pause.Ticks * 2, LongestPause.Ticks));
            }
            await Task.Delay(pause, clock, cancel).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Moves what is there now.</summary>
    /// <param name="stored">Newest fact known to be in the database.</param>
    /// <returns>Newest fact in the database afterwards.</returns>
    public async Task<long> DrainAsync(long stored, CancellationToken cancel)
    {
        while (spool.LastSequence is var newest && newest > stored)
        {
            // What is being written now does not count yet; it may be taken back.
            var facts = spool.ReadAfter(stored, Batch).Where(f => f.Sequence <= newest).ToList();
            if (facts.Count == 0)
                return newest;
            stored = Math.Max(await store.AddAsync(facts, cancel), facts[^1].Sequence);
            spool.DeleteThrough(stored);
        }
        return stored;
    }

    [LoggerMessage(LogLevel.Warning, "The database is away: {Message} Facts wait in the spool; traffic and remedies go on.")]
    private partial void LogAway(string message);

    [LoggerMessage(LogLevel.Information, "The database is back; the spool is drained.")]
    private partial void LogBack();
}
