using System.Net.Sockets;

namespace Mainstay.Scenarios;

/// <summary>One instance with one server, for callers that mean no good.</summary>
public sealed class OneInstance : IAsyncLifetime
{
    internal ScenarioFolder Folder { get; } = new();

    internal StubServer Server { get; } = new("""{"label":"fine"}""");

    internal MainstayProcess Serve { get; private set; } = null!;

    public async Task InitializeAsync()
    {
        Folder.Write([(Server.Url, "east")]);
        Serve = await MainstayProcess.StartAsync(Folder.Root, "traffic on ", "serve", "-c", Folder.Config);
    }

    public async Task DisposeAsync()
    {
        await Serve.DisposeAsync();
        await Server.DisposeAsync();
        Folder.Dispose();
    }
}

/// <summary>Whatever comes over the traffic socket: the process stays up, lets go of the connection, and serves the next
/// caller.</summary>
public sealed class HostileBytesTests(OneInstance instance) : IClassFixture<OneInstance>, IDisposable
{
    private const long MostMemory = 600L << 20;

    /// <summary>A caller that has said all it will is answered or dropped by then.</summary>
    private static readonly TimeSpan LetsGoWithin = TimeSpan.FromSeconds(20);

    /// <summary>A caller that stops in the middle is waited for, but not for ever.</summary>
    private static readonly TimeSpan LosesPatienceWithin = TimeSpan.FromSeconds(50);

    private readonly HttpClient _http = new(new SocketsHttpHandler { UseProxy = false }) { Timeout = TimeSpan.FromSeconds(30) };

    public static TheoryData<string> Shapes() => [.. HostileBytes.Shapes.Keys];

    public void Dispose() => _http.Dispose();

    [Theory]
    [MemberData(nameof(Shapes))]
    public async Task It_lets_go_of_a_caller_that_sends(string shape)
    {
        await SendAsync(HostileBytes.Shapes[shape], finish: true, LetsGoWithin);
        await AssertServesAsync();
    }

    [Fact]
    public async Task It_loses_patience_with_callers_that_stop_in_the_middle()
    {
        var waiting = HostileBytes.Unfinished.Values.Select(bytes => SendAsync(bytes, finish: false, LosesPatienceWithin)).ToList();
        await AssertServesAsync();
        await Task.WhenAll(waiting);
        await AssertServesAsync();
    }

    [Fact]
    public async Task Its_memory_stays_bounded_under_many_hostile_callers()
    {
        var large = HostileBytes.Shapes.Values.Where(s => s.Length > 50_000).ToList();
        for (var round = 0; round < 10; round++)
            await Task.WhenAll(Enumerable.Repeat(large, 5).SelectMany(s => s).Select(bytes => SendAsync(bytes, finish: true, LetsGoWithin)));
        await AssertServesAsync();
        Assert.InRange(instance.Serve.Memory, 1, MostMemory);
    }

    private async Task AssertServesAsync()
    {
        Assert.Equal("", await Callers.AskAsync(_http, new Uri(instance.Folder.Traffic, "/moderation/predict")));
        Assert.False(instance.Serve.HasEnded);
    }

    /// <summary>Sends, then reads until the other side closes; fails if it does not in time.</summary>
    private async Task SendAsync(byte[] bytes, bool finish, TimeSpan within)
    {
        using var limit = new CancellationTokenSource(within, Patience.Clock);
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        try
        {
            await socket.ConnectAsync(instance.Folder.Traffic.Host, instance.Folder.Traffic.Port, limit.Token);
            var reading = DrainAsync(socket, limit.Token);
            for (var rest = bytes.AsMemory(); rest.Length > 0;)
                rest = rest[await socket.SendAsync(rest, limit.Token)..];
            if (finish)
                socket.Shutdown(SocketShutdown.Send);
            await reading;
        }
        catch (SocketException)
        {
            // Thrown out in the middle, which is an answer too.
        }
        catch (OperationCanceledException e)
        {
            throw new TimeoutException($"The connection was still open after {within.TotalSeconds:0} s.", e);
        }
    }

    private static async Task DrainAsync(Socket socket, CancellationToken cancel)
    {
        var buffer = new byte[64 * 1024];
        try
        {
            while (await socket.ReceiveAsync(buffer, cancel) > 0)
            {
                // Only that it ends counts.
            }
        }
        catch (SocketException)
        {
            // Reset: it ended.
        }
    }
}
