using System.Collections.Concurrent;
using System.Net.Http.Json;
using System.Text.Json;

namespace Mainstay.Demo;

/// <summary>
/// The demo's callers: requests at given times, whatever became of the ones before. Latency counts from the time at which a
/// request should have been sent, so that a stall of the sender itself is not hidden (no coordinated omission).
/// </summary>
internal sealed class Traffic(Uri gateway, IReadOnlyList<string> texts, TimeProvider clock, Random random) : IDisposable
{
    private const int Customers = 12;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private readonly HttpMessageInvoker _connections = new(new SocketsHttpHandler { UseCookies = false, UseProxy = false });
    private readonly ConcurrentQueue<RequestRecord> _records = new();
    private int _underWay;

    /// <summary>Every request that ended, in the order of ending.</summary>
    public IReadOnlyCollection<RequestRecord> Records => _records;

    /// <summary>Sends until cancelled, then waits for the answers that are still to come.</summary>
    /// <param name="arrivals">When to send, from now on.</param>
    /// <param name="stop">Ends the sending.</param>
    public async Task RunAsync(IEnumerable<TimeSpan> arrivals, CancellationToken stop)
    {
        var start = clock.GetTimestamp();
        try
        {
            foreach (var arrival in arrivals)
            {
                if (arrival - clock.GetElapsedTime(start) is { Ticks: > 0 } wait)
                    await Task.Delay(wait, clock, stop);
                stop.ThrowIfCancellationRequested();
                _ = SendAsync(arrival, start, texts[random.Next(texts.Count)], $"customer-{random.Next(Customers) + 1:00}");
            }
        }
        catch (OperationCanceledException)
        {
            // The demo is over.
        }
        while (Volatile.Read(ref _underWay) > 0)
            await Task.Delay(TimeSpan.FromMilliseconds(20), clock, CancellationToken.None);
    }

    public void Dispose() => _connections.Dispose();

    private async Task SendAsync(TimeSpan arrival, long start, string text, string customer)
    {
        Interlocked.Increment(ref _underWay);
        string trouble;
        try
        {
            trouble = await AskAsync(text, customer);
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException or IOException or JsonException)
        {
            trouble = e.Message;
        }
        _records.Enqueue(new(arrival, clock.GetElapsedTime(start) - arrival, trouble));
        Interlocked.Decrement(ref _underWay);
    }

    /// <summary>Returns what was wrong with the answer; empty if it was a whole, right one.</summary>
    private async Task<string> AskAsync(string text, string customer)
    {
        using var patience = new CancellationTokenSource(Patience, clock);
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(gateway, "/moderation/predict"));
        request.Headers.Add("X-Customer", customer);
        var body = JsonSerializer.SerializeToUtf8Bytes(text, DemoJson.Default.String);
        request.Content = new ByteArrayContent([.. """{"text":"""u8, .. body, (byte)'}']);
        request.Content.Headers.ContentType = new("application/json");
        using var answer = await _connections.SendAsync(request, patience.Token);
        if (!answer.IsSuccessStatusCode)
            return FormattableString.Invariant($"status {(int)answer.StatusCode}: ") + await answer.Content.ReadAsStringAsync(patience.Token);
        var prediction = await answer.Content.ReadFromJsonAsync(DemoJson.Default.JsonElement, patience.Token);
        return prediction.TryGetProperty("label", out _) ? "" : "an answer without a label";
    }
}

/// <summary>What one caller saw.</summary>
/// <param name="Arrival">When it was to be sent, from the start of the traffic.</param>
/// <param name="Latency">From then to the whole answer, or to its failure.</param>
/// <param name="Trouble">What was wrong; empty if nothing.</param>
internal readonly record struct RequestRecord(TimeSpan Arrival, TimeSpan Latency, string Trouble)
{
    public bool Failed => Trouble.Length > 0;
}
