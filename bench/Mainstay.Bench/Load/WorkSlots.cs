namespace Mainstay.Bench.Load;

/// <summary>
/// A server that works on so many requests at a time, as a model server does: the others wait in order, and each that waits
/// makes the work of all a little slower, so that a server with too long a queue carries less than it could.
/// </summary>
internal sealed class WorkSlots(BackendOptions options, TimeProvider clock) : IDisposable
{
    /// <summary>Work varies by so much to either side.</summary>
    private const double Spread = 0.2;
    private readonly SemaphoreSlim _slots = new(options.Slots);
    private readonly Random _random = new(options.Seed);
    private int _waiting;

    public async ValueTask WorkAsync(TimeSpan work)
    {
        Interlocked.Increment(ref _waiting);
        await _slots.WaitAsync();
        var waiting = Interlocked.Decrement(ref _waiting);
        try
        {
            await Task.Delay(work * (1 + (options.WaitingCost * waiting) + (Spread * Draw())), clock);
        }
        finally
        {
            _slots.Release();
        }
    }

    public void Dispose() => _slots.Dispose();

    /// <summary>Uniform from −1 to 1.</summary>
    private double Draw()
    {
        lock (_random)
            return (_random.NextDouble() * 2) - 1;
    }
}
