using System.Diagnostics;
using System.Runtime.InteropServices;
using Mainstay.Commands;

namespace Mainstay.Demo;

/// <summary>One server of the demo: a real process of this program that serves the model, to be killed, frozen and healed.</summary>
internal sealed class ModelProcess(string modelFile, string region) : IAsyncDisposable
{
    private static readonly int SigStop = OperatingSystem.IsMacOS() ? 17 : 19;
    private static readonly int SigContinue = OperatingSystem.IsMacOS() ? 19 : 18;
    private Process? _process;

    public string Region => region;

    /// <summary>Where it listens; the same after a restart.</summary>
    public Uri Url { get; private set; } = new("http://127.0.0.1:0");

    /// <summary>Starts it and waits until it listens.</summary>
    /// <exception cref="CommandException">It ended instead.</exception>
    public async Task StartAsync(CancellationToken cancel)
    {
        var program = Environment.ProcessPath ?? throw new CommandException("The path of this program is unknown, so it cannot start servers.");
        var start = new ProcessStartInfo(program)
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        // Started as `dotnet mainstay.dll`: the host needs the program's name.
        if (Path.GetFileNameWithoutExtension(program) == "dotnet")
            start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "mainstay.dll"));
        foreach (var argument in (string[])["model", "serve", "--model", modelFile, "--listen", Url.GetLeftPart(UriPartial.Authority), "--with-parent"])
            start.ArgumentList.Add(argument);
        // Eight servers share this machine: one that tunes and collects with many threads would slow the others down.
        start.Environment["DOTNET_gcServer"] = "0";
        start.Environment["DOTNET_GCHeapCount"] = "1";
        _process = Process.Start(start)!;
        const string Listening = "listening on ";
        while (await _process.StandardOutput.ReadLineAsync(cancel) is { } line)
        {
            if (!line.StartsWith(Listening, StringComparison.Ordinal))
                continue;
            Url = new Uri(line[Listening.Length..]);
            return;
        }
        throw new CommandException($"A model server of {region} ended at once: {await _process.StandardError.ReadToEndAsync(cancel)}");
    }

    public void Kill()
    {
        _process?.Kill();
        _process?.WaitForExit();
    }

    public void Freeze() => Signal(SigStop);

    public void Thaw() => Signal(SigContinue);

    public ValueTask DisposeAsync()
    {
        if (_process is { HasExited: false })
            Kill();
        _process?.Dispose();
        return ValueTask.CompletedTask;
    }

    private void Signal(int signal)
    {
        if (_process is not null && SendSignal(_process.Id, signal) != 0)
            throw new CommandException($"Signal {signal} could not be sent to process {_process.Id}.");
    }

    [DllImport("libc", EntryPoint = "kill", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int SendSignal(int process, int signal);
}
