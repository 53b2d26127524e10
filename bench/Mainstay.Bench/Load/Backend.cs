using System.CommandLine;
using System.Globalization;
using System.Net.Sockets;
using Mainstay.Bench.Peers;

namespace Mainstay.Bench.Load;

/// <summary>A <see cref="BackendServer"/> in a process of its own, to be told what to do wrong, killed and frozen.</summary>
internal sealed class Backend : IAsyncDisposable
{
    private const int SigStop = 19;
    private const int SigContinue = 18;
    private readonly BackendOptions _options;
    private ChildProcess? _process;
    private TcpClient? _control;
    private StreamReader? _answers;

    private Backend(BackendOptions options) => _options = options;

    /// <summary>Where it listens; the same after a restart.</summary>
    public int Port { get; private set; }

    public static async Task<Backend> StartAsync(BackendOptions options, CancellationToken cancel)
    {
        var backend = new Backend(options) { Port = options.Port };
        await backend.RestartAsync(cancel);
        return backend;
    }

    /// <summary>The subcommand that it runs.</summary>
    public static Command Build(TimeProvider clock)
    {
        Option<int> port = new("--port"), slots = new("--slots"), seed = new("--seed");
        Option<double> work = new("--work-ms"), cost = new("--waiting-cost");
        Option<bool> seen = new("--keep-seen");
        var command = new Command("backend", "A server that the other benchmarks start.") { port, work, slots, cost, seen, seed };
        command.Hidden = true;
        command.SetAction(async (parsed, cancel) =>
        {
            using var server = new BackendServer(
                new BackendOptions(
                    parsed.GetValue(port), TimeSpan.FromMilliseconds(parsed.GetValue(work)), parsed.GetValue(slots), parsed.GetValue(cost),
                    parsed.GetValue(seen), parsed.GetValue(seed)),
                clock);
            await server.RunAsync(Console.Out, cancel);
        });
        return command;
    }

    /// <summary>Starts its process again, on the same port.</summary>
    public async Task RestartAsync(CancellationToken cancel)
    {
        string Text(double value) => value.ToString(CultureInfo.InvariantCulture);
        _process = await ChildProcess.StartAsync(
            "dotnet",
            [
                Path.Combine(AppContext.BaseDirectory, "Mainstay.Bench.dll"), "backend", "--port", Text(Port), "--work-ms", Text(_options.Work.TotalMilliseconds),
                "--slots", Text(_options.Slots), "--waiting-cost", Text(_options.WaitingCost), "--keep-seen", _options.KeepSeen ? "true" : "false",
                "--seed", Text(_options.Seed),
            ],
            cancel, [("DOTNET_gcServer", "0"), ("DOTNET_TieredPGO", "0")]);
        var line = await _process.ReadLineAsync(cancel) ?? throw new InvalidOperationException($"A server ended at once: {_process.Errors}");
        var ports = line.Split(' ');
        Port = int.Parse(ports[1], CultureInfo.InvariantCulture);
        _control = new TcpClient();
        await _control.ConnectAsync("127.0.0.1", int.Parse(ports[2], CultureInfo.InvariantCulture), cancel);
        _answers = new StreamReader(_control.GetStream());
    }

    /// <summary>SIGKILL.</summary>
    public async Task KillAsync()
    {
        _answers?.Dispose();
        _control?.Dispose();
        if (_process is not null)
            await _process.DisposeAsync();
        _process = null;
    }

    public void Freeze() => _process!.Signal(SigStop);

    public void Thaw() => _process!.Signal(SigContinue);

    public Task BreakAsync(ServerFault fault, CancellationToken cancel) => TellAsync(fault.ToString(), cancel);

    /// <summary>Numbers of the requests that came to it, in order.</summary>
    public async Task<int[]> SeenAsync(CancellationToken cancel) =>
        [.. (await TellAsync("seen", cancel)).Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(number => int.Parse(number, CultureInfo.InvariantCulture))];

    public async ValueTask DisposeAsync() => await KillAsync();

    private async Task<string> TellAsync(string line, CancellationToken cancel)
    {
        await _control!.GetStream().WriteAsync(System.Text.Encoding.ASCII.GetBytes(line + "\n"), cancel);
        return await _answers!.ReadLineAsync(cancel) ?? throw new InvalidOperationException("A server of the benchmark has gone.");
    }
}
