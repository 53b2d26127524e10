using Microsoft.Extensions.Logging;

namespace Mainstay;

/// <summary>
/// Parts of the running program, started in order and stopped in the reverse order, each by name and within a bound.
/// A part that does not stop in time is left behind: the program ends all the same.
/// </summary>
internal sealed partial class Lifecycle(TimeProvider clock, ILogger<Lifecycle> log) : IAsyncDisposable
{
    private readonly Stack<(string Name, TimeSpan Within, Func<CancellationToken, Task> Stop)> _parts = new();

    /// <summary>Adds a part that has been started.</summary>
    /// <param name="name">Says in the log what is being stopped.</param>
    /// <param name="within">How long stopping may take; its token is cancelled then.</param>
    /// <param name="stop">Stops it.</param>
    public void Add(string name, TimeSpan within, Func<CancellationToken, Task> stop) => _parts.Push((name, within, stop));

    /// <summary>Runs work in the background until it is the part's turn to stop. If it ends or throws before, that is logged,
    /// and everything else goes on.</summary>
    public void Run(string name, Func<CancellationToken, Task> work)
    {
        var cancel = new CancellationTokenSource();
        var task = Task.Run(async () =>
        {
            try
            {
                await work(cancel.Token);
            }
            catch (OperationCanceledException) when (cancel.IsCancellationRequested)
            {
                // Stopped in its turn.
            }
            catch (Exception e)
            {
                LogEnded(e, name);
            }
        });
        Add(name, TimeSpan.FromSeconds(3), async token =>
        {
            await cancel.CancelAsync();
            await task.WaitAsync(token);
            cancel.Dispose();
        });
    }

    /// <summary>Stops everything that was started.</summary>
    public async ValueTask DisposeAsync()
    {
        while (_parts.TryPop(out var part))
        {
            using var limit = new CancellationTokenSource(part.Within, clock);
            try
            {
                LogStopping(part.Name);
                await part.Stop(limit.Token);
            }
            catch (OperationCanceledException)
            {
                LogLate(part.Name, part.Within.TotalSeconds);
            }
            catch (Exception e)
            {
                LogEnded(e, part.Name);
            }
        }
    }

    [LoggerMessage(LogLevel.Debug, "Stopping {Name}.")]
    private partial void LogStopping(string name);

    [LoggerMessage(LogLevel.Warning, "{Name} did not stop within {Seconds} s and is left behind.")]
    private partial void LogLate(string name, double seconds);

    [LoggerMessage(LogLevel.Error, "{Name} ended by a bug; everything else goes on.")]
    private partial void LogEnded(Exception exception, string name);
}
