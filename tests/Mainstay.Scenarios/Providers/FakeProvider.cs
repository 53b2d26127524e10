using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Mainstay.Scenarios;

/// <summary>
/// A provider of a model on a port of its own, over raw sockets: it speaks the APIs of <see cref="ProviderApi"/>, says the same text to
/// everybody, and does wrong what its script says. It keeps every request and notes when the gateway left before the end.
/// </summary>
internal sealed class FakeProvider : IAsyncDisposable
{
    private readonly ConcurrentQueue<ProviderRequest> _requests = new();
    private readonly ConcurrentDictionary<FakeConnection, Task> _connections = new();
    private CancellationTokenSource _stop = new();
    private Socket? _listener;
    private Task _accepting = Task.CompletedTask;
    private int _count;
    private int _probes;

    public FakeProvider()
    {
        Port = ScenarioFolder.FreePort();
        Start();
    }

    public int Port { get; }

    public Uri Url => new($"http://127.0.0.1:{Port}");

    /// <summary>What it does wrong with a request; asked once for each.</summary>
    public Func<ProviderRequest, Fault> Script { get; set; } = _ => Fault.None;

    /// <summary>What it says when asked from the beginning.</summary>
    public IReadOnlyList<string> Tokens { get; set; } = FakeText.Tokens(40);

    public Prefill Prefill { get; set; }

    public TimeSpan TokenGap { get; set; } = TimeSpan.FromMilliseconds(2);

    /// <summary>The key that it accepts; null: any, or none.</summary>
    public string? Key { get; set; }

    /// <summary>What health checks are answered.</summary>
    public int ProbeStatus { get; set; } = 200;

    /// <summary>All but health checks, in the order of arrival.</summary>
    public IReadOnlyCollection<ProviderRequest> Requests => _requests;

    /// <summary>What went wrong with itself, which must be nothing.</summary>
    public ConcurrentQueue<Exception> Defects { get; } = new();

    public int Probes => Volatile.Read(ref _probes);

    public string Text => string.Concat(Tokens);

    /// <summary>Every answer has the same fault.</summary>
    public FakeProvider Always(Fault fault)
    {
        Script = _ => fault;
        return this;
    }

    /// <summary>The first answers have these faults, those that follow none.</summary>
    public FakeProvider First(params Fault[] faults)
    {
        Script = request => request.Number <= faults.Length ? faults[request.Number - 1] : Fault.None;
        return this;
    }

    /// <summary>Listens again after <see cref="StopAsync"/>.</summary>
    public void Start()
    {
        _stop = new CancellationTokenSource();
        _listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        _listener.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, Port));
        _listener.Listen();
        _accepting = AcceptAsync(_listener, _stop.Token);
    }

    /// <summary>Dies: its connections are reset, new ones are refused.</summary>
    public async Task StopAsync()
    {
        if (_listener is null)
            return;
        await _stop.CancelAsync();
        await _accepting;
        _listener.Dispose();
        _listener = null;
        foreach (var connection in _connections.Keys)
            connection.Reset();
        await Task.WhenAll(_connections.Values);
        _connections.Clear();
        _stop.Dispose();
    }

    public async ValueTask DisposeAsync() => await StopAsync();

    /// <summary>Takes a request into the books and says what is to go wrong with it.</summary>
    internal Fault Enter(ProviderRequest request)
    {
        if (request.IsProbe)
        {
            Interlocked.Increment(ref _probes);
            return Fault.None;
        }
        request.Number = Interlocked.Increment(ref _count);
        _requests.Enqueue(request);
        return Key is not null && !Carries(request, Key) ? Fault.Of(ProviderError.KeyRevoked) : Script(request);
    }

    private static bool Carries(ProviderRequest request, string key) =>
        request.Headers.GetValueOrDefault("Authorization") == "Bearer " + key || request.Headers.GetValueOrDefault("x-api-key") == key
        || request.Headers.GetValueOrDefault("Authorization", "").StartsWith($"AWS4-HMAC-SHA256 Credential={ModelHouse.AwsKeyId}/", StringComparison.Ordinal);

    private async Task AcceptAsync(Socket listener, CancellationToken cancel)
    {
        try
        {
            while (true)
            {
                var connection = new FakeConnection(await listener.AcceptAsync(cancel), this);
                _connections[connection] = Task.Run(() => ServeAsync(connection, cancel), CancellationToken.None);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // Stopped.
        }
    }

    private async Task ServeAsync(FakeConnection connection, CancellationToken cancel)
    {
        try
        {
            await connection.ServeAsync(cancel);
        }
        catch (Exception e)
        {
            // A defect of these tests, to be seen by those who look.
            Defects.Enqueue(e);
            connection.Reset();
        }
    }
}
