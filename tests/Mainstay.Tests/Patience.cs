namespace Mainstay.Tests;

/// <summary>How long a test waits for what must come: so long that only what never comes is given up.</summary>
internal static class Patience
{
    public static readonly TimeSpan Generous = TimeSpan.FromSeconds(30);

    public static Task Patiently(this Task task) => task.WaitAsync(Generous, TimeProvider.System);

    public static Task<T> Patiently<T>(this Task<T> task) => task.WaitAsync(Generous, TimeProvider.System);

    public static Task<T> Patiently<T>(this ValueTask<T> task) => task.AsTask().Patiently();

    /// <summary>Ends once it holds; what other threads do tells nobody when it is done.</summary>
    public static async Task UntilAsync(Func<bool> holds)
    {
        using var late = new CancellationTokenSource(Generous, TimeProvider.System);
        while (!holds())
            await Task.Delay(TimeSpan.FromMilliseconds(2), TimeProvider.System, late.Token);
    }
}
