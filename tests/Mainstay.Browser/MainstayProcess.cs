using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Mainstay.Browser;

/// <summary>The real executable, started with arguments and always ended, with every process that it started.</summary>
internal sealed class MainstayProcess : IAsyncDisposable
{
    private readonly Process _process;
    private readonly ConcurrentQueue<string> _lines = new();

    private MainstayProcess(Process process)
    {
        _process = process;
        // Should the run of the tests itself be ended, nothing must stay behind.
        AppDomain.CurrentDomain.ProcessExit += End;
    }

    /// <summary>All it wrote so far.</summary>
    public string Output => string.Join('\n', _lines);

    public static MainstayProcess Start(params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet") { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        start.ArgumentList.Add(Executable());
        foreach (var argument in arguments)
            start.ArgumentList.Add(argument);
        var started = new MainstayProcess(Process.Start(start)!);
        started._process.OutputDataReceived += started.Note;
        started._process.ErrorDataReceived += started.Note;
        started._process.BeginOutputReadLine();
        started._process.BeginErrorReadLine();
        return started;
    }

    /// <summary>Waits until it answers at this address.</summary>
    public async Task UntilAnswersAsync(Uri address, TimeSpan within)
    {
        using var http = new HttpClient();
        using var limit = new CancellationTokenSource(within, TimeProvider.System);
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(100), TimeProvider.System);
        try
        {
            while (await timer.WaitForNextTickAsync(limit.Token))
            {
                Assert.False(_process.HasExited, $"mainstay ended: {Output}");
                try
                {
                    using var answer = await http.GetAsync(address, limit.Token);
                    if (answer.IsSuccessStatusCode)
                        return;
                }
                catch (HttpRequestException)
                {
                    // It does not listen yet.
                }
            }
        }
        catch (OperationCanceledException)
        {
            Assert.Fail($"mainstay did not answer at {address} within {within}: {Output}");
        }
    }

    /// <summary>Waits for its own end; its exit code.</summary>
    public async Task<int> UntilEndedAsync(TimeSpan within)
    {
        await _process.WaitForExitAsync().WaitAsync(within, TimeProvider.System);
        return _process.ExitCode;
    }

    public async ValueTask DisposeAsync()
    {
        AppDomain.CurrentDomain.ProcessExit -= End;
        End(null, EventArgs.Empty);
        await _process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(10), TimeProvider.System);
        _process.Dispose();
    }

    /// <summary>A port of loopback that was free a moment ago.</summary>
    public static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private void End(object? sender, EventArgs e)
    {
        if (!_process.HasExited)
            _process.Kill(entireProcessTree: true);
    }

    private void Note(object sender, DataReceivedEventArgs e)
    {
        if (e.Data is { } line)
            _lines.Enqueue(line);
    }

    /// <summary>Of the same build as this test: …/tests/Mainstay.Browser/bin/Release/net10.0 → …/src/Mainstay/bin/Release/net10.0.</summary>
    private static string Executable()
    {
        var here = new DirectoryInfo(AppContext.BaseDirectory);
        var house = here.Parent!.Parent!.Parent!.Parent!.Parent!.FullName;
        return Path.Combine(house, "src", "Mainstay", "bin", here.Parent.Name, here.Name, "mainstay.dll");
    }
}
