using System.Collections.Concurrent;
using System.Text;

namespace Mainstay.Scenarios;

/// <summary>Open-loop traffic: so many requests a second, whatever becomes of the ones before.</summary>
internal sealed class Callers : IAsyncDisposable
{
    private static readonly TimeSpan Beat = TimeSpan.FromMilliseconds(10);
    private readonly HttpClient _http = new(new SocketsHttpHandler { UseProxy = false, UseCookies = false }) { Timeout = TimeSpan.FromSeconds(30) };
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentQueue<string> _failures = new();
    private readonly Uri _target;
    private readonly int _rate;
    private readonly Task _sending;
    private int _answered;
    private int _underWay;

    public Callers(Uri traffic, int rate = 100)
    {
        (_target, _rate) = (new Uri(traffic, "/moderation/predict"), rate);
        _sending = Task.Run(SendAsync);
    }

    public int Answered => Volatile.Read(ref _answered);

    public IReadOnlyCollection<string> Failures => _failures;

    /// <summary>Waits until so many more have been answered.</summary>
    public Task MoreAsync(int count)
    {
        var goal = Answered + count;
        return Patience.UntilAsync(
            $"{count} more answers", () => Answered >= goal, () => $"{Answered} answered, {_failures.Count} failed: {_failures.FirstOrDefault()}");
    }

    /// <summary>Sends no more, and waits for the answers that are still to come.</summary>
    public async Task StopAsync()
    {
        await _stop.CancelAsync();
        await _sending;
        await Patience.UntilAsync("the last answers", () => Volatile.Read(ref _underWay) == 0);
    }

    /// <summary>One request of the same sort; what was wrong with the answer, or empty.</summary>
    public static async Task<string> AskAsync(HttpClient http, Uri target)
    {
        using var body = new StringContent("""{"text":"have a nice day"}""", Encoding.UTF8, "application/json");
        try
        {
            using var answer = await http.PostAsync(target, body);
            var text = await answer.Content.ReadAsStringAsync();
            return answer.IsSuccessStatusCode && text.Contains("\"label\"", StringComparison.Ordinal) ? "" : $"{(int)answer.StatusCode}: {text}";
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException or IOException)
        {
            return e.Message;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _sending;
        _http.Dispose();
        _stop.Dispose();
    }

    private async Task SendAsync()
    {
        var start = Patience.Clock.GetTimestamp();
        using var timer = new PeriodicTimer(Beat, Patience.Clock);
        try
        {
            for (var sent = 0; await timer.WaitForNextTickAsync(_stop.Token);)
                for (var due = (int)(Patience.Clock.GetElapsedTime(start).TotalSeconds * _rate); sent < due; sent++)
                    _ = AskOnceAsync();
        }
        catch (OperationCanceledException)
        {
            // Enough sent.
        }
    }

    private async Task AskOnceAsync()
    {
        Interlocked.Increment(ref _underWay);
        var trouble = await AskAsync(_http, _target);
        if (trouble.Length == 0)
            Interlocked.Increment(ref _answered);
        else
            _failures.Enqueue(trouble);
        Interlocked.Decrement(ref _underWay);
    }
}
