namespace Mainstay.Scenarios;

/// <summary>Waiting for what must come: it is looked for again and again, and given up only after a deadline.</summary>
internal static class Patience
{
    public static readonly TimeProvider Clock = TimeProvider.System;

    /// <summary>So long that only what never comes is given up, on a busy machine too.</summary>
    public static readonly TimeSpan Generous = TimeSpan.FromSeconds(60);

    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(50);

    /// <param name="what">Stands in the failure: what did not come.</param>
    /// <param name="holds">Asked until it says true.</param>
    /// <param name="seen">What is there instead, for the failure.</param>
    public static async Task UntilAsync(string what, Func<Task<bool>> holds, Func<string>? seen = null)
    {
        var start = Clock.GetTimestamp();
        while (!await holds())
        {
            if (Clock.GetElapsedTime(start) > Generous)
                throw new TimeoutException($"Not within {Generous.TotalSeconds:0} s: {what}. {seen?.Invoke()}");
            await Task.Delay(Look, Clock);
        }
    }

    public static Task UntilAsync(string what, Func<bool> holds, Func<string>? seen = null) =>
        UntilAsync(what, () => Task.FromResult(holds()), seen);

    public static Task Patiently(this Task task) => task.WaitAsync(Generous, Clock);

    public static Task<T> Patiently<T>(this Task<T> task) => task.WaitAsync(Generous, Clock);
}
