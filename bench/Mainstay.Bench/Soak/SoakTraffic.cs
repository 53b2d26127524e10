using System.Collections.Concurrent;
using System.Net.Sockets;
using Mainstay.Bench.Load;

namespace Mainstay.Bench.Soak;

/// <summary>
/// Callers of every sort at once, each with a seeded life of its own: short answers, uploads, streams, pipelined requests,
/// callers that leave at any moment, and some that break the rules of HTTP.
/// </summary>
/// <param name="port">Where the gateway listens.</param>
/// <param name="goal">Requests to send in all.</param>
/// <param name="faults">What befalls the servers meanwhile.</param>
internal sealed class SoakTraffic(int port, long goal, SoakFaults faults, int seed, TimeProvider clock)
{
    private const int Callers = 64;
    private const int Pipelined = 10;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <summary>Of a hundred turns, so many of each kind.</summary>
    private static readonly SoakKind[] Mix =
    [
        .. Enumerable.Repeat(SoakKind.Short, 30), .. Enumerable.Repeat(SoakKind.Pipelined, 48), .. Enumerable.Repeat(SoakKind.Uploads, 12),
        .. Enumerable.Repeat(SoakKind.Streams, 4), .. Enumerable.Repeat(SoakKind.Leaving, 4), .. Enumerable.Repeat(SoakKind.Malformed, 2),
    ];

    private readonly ConcurrentDictionary<string, int> _troubles = new();
    private long _sent;
    private long _right;
    private long _left;
    private long _refused;
    private long _cut;

    /// <summary>Requests sent so far.</summary>
    public long Sent => Math.Min(goal, Volatile.Read(ref _sent));

    /// <summary>Answered as they should be.</summary>
    public long Right => Volatile.Read(ref _right);

    /// <summary>Requests whose caller left before the answer was whole.</summary>
    public long Left => Volatile.Read(ref _left);

    /// <summary>Malformed requests that were refused.</summary>
    public long Refused => Volatile.Read(ref _refused);

    /// <summary>Answers that had begun when their server failed, and were cut so that the caller sees it.</summary>
    public long Cut => Volatile.Read(ref _cut);

    /// <summary>What else went wrong, and how often.</summary>
    public IReadOnlyDictionary<string, int> Troubles => _troubles;

    public Task RunAsync(CancellationToken cancel) =>
        Task.WhenAll(Enumerable.Range(0, Callers).Select(caller => Task.Run(() => CallAsync(new Random(seed + caller), cancel), cancel)));

    private async Task CallAsync(Random random, CancellationToken cancel)
    {
        LoadConnection? connection = null;
        try
        {
            while (!cancel.IsCancellationRequested && Take(Pipelined))
            {
                using var late = CancellationTokenSource.CreateLinkedTokenSource(cancel);
                late.CancelAfter(Patience);
                var kind = Mix[random.Next(Mix.Length)];
                try
                {
                    if (connection is not { KeepsAlive: true })
                    {
                        connection?.Dispose();
                        connection = new LoadConnection();
                        await connection.ConnectAsync(port, late.Token);
                    }
                    await LiveAsync(kind, connection, random, late.Token);
                }
                catch (Exception e) when (e is IOException or SocketException or OperationCanceledException)
                {
                    // A reset may overtake the head of the answer that it cuts.
                    if (kind == SoakKind.Streams && faults.HasJustCut && e is not OperationCanceledException)
                        Interlocked.Increment(ref _cut);
                    else if (!cancel.IsCancellationRequested)
                        Note($"{kind}: {(e is OperationCanceledException ? "no answer in time" : e.Message)}");
                    connection?.Dispose();
                    connection = null;
                }
            }
        }
        finally
        {
            connection?.Dispose();
        }
    }

    /// <summary>Ten requests of one kind.</summary>
    private async Task LiveAsync(SoakKind kind, LoadConnection connection, Random random, CancellationToken cancel)
    {
        switch (kind)
        {
            case SoakKind.Pipelined:
                await PipelineAsync(connection, random, cancel);
                return;
            case SoakKind.Leaving:
                await LeaveAsync(connection, random, cancel);
                return;
            case SoakKind.Malformed:
                await BreakRulesAsync(connection, random, cancel);
                return;
        }
        for (var i = 0; i < Pipelined; i++)
        {
            if (i > 0 && !connection.KeepsAlive)
            {
                connection.Reopen();
                await connection.ConnectAsync(port, cancel);
            }
            var body = kind == SoakKind.Uploads ? new byte[random.Next(1, 20_000)] : [];
            random.NextBytes(body);
            var (number, length) = (random.Next(1_000_000), kind == SoakKind.Streams ? 400 : random.Next(100, 2000));
            await connection.SendAsync(Content.Request(number, length, body, kind == SoakKind.Streams ? "stream" : "item"), cancel);
            await connection.ReadAnswerAsync(cancel);
            Judge(kind, connection, number, Content.Checksum(body), length);
        }
    }

    private async Task PipelineAsync(LoadConnection connection, Random random, CancellationToken cancel)
    {
        var numbers = Enumerable.Range(0, Pipelined).Select(_ => random.Next(1_000_000)).ToArray();
        await connection.SendAsync((byte[])[.. numbers.SelectMany(number => Content.Request(number, 300, []))], cancel);
        foreach (var number in numbers)
        {
            await connection.ReadAnswerAsync(cancel);
            Judge(SoakKind.Pipelined, connection, number, Content.Checksum([]), 300);
        }
    }

    /// <summary>Sends whole or half a request and goes, at once or a little later, while the answer may be under way.</summary>
    private async Task LeaveAsync(LoadConnection connection, Random random, CancellationToken cancel)
    {
        for (var i = 0; i < Pipelined; i++)
        {
            if (i > 0)
                await connection.ConnectAsync(port, cancel);
            var request = Content.Request(1, 1000, new byte[random.Next(1, 5000)], random.Next(2) == 0 ? "item" : "stream");
            await connection.SendAsync(request.AsMemory(0, random.Next(2) == 0 ? request.Length : random.Next(1, request.Length)), cancel);
            if (random.Next(2) == 0)
                await Task.Delay(TimeSpan.FromMilliseconds(random.Next(1, 20)), clock, cancel);
            connection.Reopen();
            Interlocked.Increment(ref _left);
        }
    }

    private async Task BreakRulesAsync(LoadConnection connection, Random random, CancellationToken cancel)
    {
        ReadOnlyMemory<byte>[] malformed =
        [
            "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc"u8.ToArray(),
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"u8.ToArray(),
            "GET / HTTP/1.1\r\nHost : a\r\n\r\n"u8.ToArray(),
            "GET / HTTP/1.1\r\n\r\n"u8.ToArray(),
        ];
        for (var i = 0; i < Pipelined; i++)
        {
            if (i > 0)
                await connection.ConnectAsync(port, cancel);
            await connection.SendAsync(malformed[random.Next(malformed.Length)], cancel);
            await connection.ReadAnswerAsync(cancel);
            if (connection.Status == 400)
                Interlocked.Increment(ref _refused);
            else
                Note($"{SoakKind.Malformed}: status {connection.Status}");
            connection.Reopen();
        }
    }

    private void Judge(SoakKind kind, LoadConnection connection, int number, ulong checksum, int length)
    {
        if (connection.Status != 200)
            Note($"{kind}: status {connection.Status}");
        else if (Content.IsRight(connection.Body.Span, number, checksum, length))
            Interlocked.Increment(ref _right);
        else
            Note($"{kind}: a wrong answer");
    }

    private bool Take(int count) => Interlocked.Add(ref _sent, count) <= goal;

    private void Note(string trouble) => _troubles.AddOrUpdate(trouble, 1, static (_, count) => count + 1);
}

/// <summary>What a caller does next, ten times.</summary>
internal enum SoakKind
{
    Short,
    Uploads,
    Pipelined,
    Streams,
    Leaving,
    Malformed,
}
