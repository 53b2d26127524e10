using System.Collections.Concurrent;

namespace Mainstay.Scenarios;

/// <summary>Callers of one model at a steady rate, each a stream that is read to its end; what was wrong with any is kept.</summary>
internal sealed class ModelTraffic : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentQueue<string> _failures = new();
    private readonly ConcurrentDictionary<int, Task> _underWay = new();
    private readonly Func<Task<CallerAnswer>> _ask;
    private readonly Func<CallerAnswer, bool> _isRight;
    private readonly TimeSpan _gap;
    private readonly Task _sending;
    private int _answered;

    /// <param name="ask">One request.</param>
    /// <param name="isRight">Whether its answer is.</param>
    /// <param name="rate">Requests a second.</param>
    public ModelTraffic(Func<Task<CallerAnswer>> ask, Func<CallerAnswer, bool> isRight, int rate)
    {
        (_ask, _isRight, _gap) = (ask, isRight, TimeSpan.FromSeconds(1.0 / rate));
        _sending = Task.Run(SendAsync);
    }

    public int Answered => Volatile.Read(ref _answered);

    public IReadOnlyCollection<string> Failures => _failures;

    public Task MoreAsync(int count)
    {
        var goal = Answered + count;
        return Patience.UntilAsync($"{count} more answers", () => Answered >= goal || !_failures.IsEmpty, () => $"{Answered} answered");
    }

    public async Task StopAsync()
    {
        await _stop.CancelAsync();
        await _sending;
        await Task.WhenAll(_underWay.Values).WaitAsync(Patience.Generous, Patience.Clock);
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _stop.Dispose();
    }

    private async Task SendAsync()
    {
        using var timer = new PeriodicTimer(_gap, Patience.Clock);
        try
        {
            for (var number = 0; await timer.WaitForNextTickAsync(_stop.Token); number++)
                _underWay[number] = AskAsync(number);
        }
        catch (OperationCanceledException)
        {
            // Enough sent.
        }
    }

    private async Task AskAsync(int number)
    {
        var answer = await _ask();
        if (_isRight(answer))
            Interlocked.Increment(ref _answered);
        else
            _failures.Enqueue(answer.ToString());
        _underWay.TryRemove(number, out _);
    }
}
