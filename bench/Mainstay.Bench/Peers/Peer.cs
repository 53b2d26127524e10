using System.Net;
using System.Net.Sockets;

namespace Mainstay.Bench.Peers;

/// <summary>A gateway under test: Mainstay, or HAProxy or nginx as the system's packages install them.</summary>
internal sealed class Peer : IAsyncDisposable
{
    private static readonly TimeSpan StartsWithin = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(20);

    private Peer(string name, int port, ChildProcess process) => (Name, Port, Process) = (name, port, process);

    public const string Mainstay = "mainstay";
    public const string Haproxy = "haproxy";
    public const string Nginx = "nginx";

    public static IReadOnlyList<string> All { get; } = [Mainstay, Haproxy, Nginx];

    public string Name { get; }

    /// <summary>Where it listens, on the loopback.</summary>
    public int Port { get; }

    public ChildProcess Process { get; }

    /// <summary>Starts one of them and waits until it accepts connections.</summary>
    /// <param name="name">One of <see cref="All"/>.</param>
    /// <param name="folder">Where its configuration and state go; made if it does not exist.</param>
    /// <param name="port">Where the configuration says that it listens.</param>
    /// <param name="config">Its configuration file, whole.</param>
    /// <exception cref="InvalidOperationException">It is not installed, or ended instead; the message says why.</exception>
    public static async Task<Peer> StartAsync(string name, string folder, int port, string config, TimeProvider clock, CancellationToken cancel)
    {
        Directory.CreateDirectory(folder);
        var file = Path.Combine(folder, name == Mainstay ? "mainstay.yaml" : name + ".conf");
        await File.WriteAllTextAsync(file, config, cancel);
        var process = name switch
        {
            Mainstay => await ChildProcess.StartAsync("dotnet", [Path.Combine(AppContext.BaseDirectory, "mainstay.dll"), "serve", "--config", file], cancel),
            Haproxy => await ChildProcess.StartAsync(Find("haproxy"), ["-db", "-f", file], cancel),
            Nginx => await ChildProcess.StartAsync(Find("nginx"), ["-p", folder, "-c", file, "-e", "stderr", "-g", "daemon off;"], cancel),
            _ => throw new ArgumentOutOfRangeException(nameof(name), name, "No such gateway."),
        };
        process.IgnoreOutput();
        var peer = new Peer(name, port, process);
        try
        {
            await peer.AcceptsAsync(clock, cancel);
            return peer;
        }
        catch
        {
            await peer.DisposeAsync();
            throw;
        }
    }

    /// <summary>A port of the loopback that nobody listens on now.</summary>
    public static int FreePort()
    {
        using var probe = new TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        return ((IPEndPoint)probe.LocalEndpoint).Port;
    }

    public ValueTask DisposeAsync() => Process.DisposeAsync();

    private async Task AcceptsAsync(TimeProvider clock, CancellationToken cancel)
    {
        for (var started = clock.GetTimestamp(); clock.GetElapsedTime(started) < StartsWithin; await Task.Delay(Look, clock, cancel))
        {
            if (Process.HasEnded)
                throw new InvalidOperationException($"{Name} ended at once:\n{Process.Errors}");
            using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
            try
            {
                await socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, Port), cancel);
                return;
            }
            catch (SocketException)
            {
                // Not yet.
            }
        }
        throw new InvalidOperationException($"{Name} does not listen on port {Port}:\n{Process.Errors}");
    }

    /// <summary>Debian keeps servers in a folder that is not on every user's search path.</summary>
    private static string Find(string program) =>
        ((string[])["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"])
            .Select(folder => Path.Combine(folder, program)).FirstOrDefault(File.Exists)
        ?? throw new InvalidOperationException($"{program} is not installed: sudo apt-get install {program}");
}
