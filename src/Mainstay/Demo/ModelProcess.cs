using System.Runtime.InteropServices;
using Mainstay.Commands;

namespace Mainstay.Demo;

/// <summary>One server of the demo: a real process of this program that serves the model, to be killed, frozen and healed.</summary>
/// <param name="serve">What follows `mainstay model serve`.</param>
/// <param name="region">Where it stands.</param>
internal sealed class ModelProcess(IReadOnlyList<string> serve, string region) : IAsyncDisposable
{
    private static readonly int SigStop = OperatingSystem.IsMacOS() ? 17 : 19;
    private static readonly int SigContinue = OperatingSystem.IsMacOS() ? 19 : 18;
    private OwnProcess? _process;

    public string Region => region;

    /// <summary>Its process; 0 before it is started.</summary>
    public int Id => _process?.Id ?? 0;

    /// <summary>Where it listens; the same after a restart.</summary>
    public Uri Url { get; private set; } = new("http://127.0.0.1:0");

    /// <summary>Starts it and waits until it listens.</summary>
    /// <exception cref="CommandException">It ended instead.</exception>
    public async Task StartAsync(CancellationToken cancel)
    {
        (_process, var url) = await OwnProcess.StartAsync(
            ["model", "serve", .. serve, "--listen", Url.GetLeftPart(UriPartial.Authority), "--with-parent"], "listening on ", cancel);
        Url = new Uri(url);
    }

    public void Kill() => _process?.Kill();

    public void Freeze() => Signal(SigStop);

    public void Thaw() => Signal(SigContinue);

    public ValueTask DisposeAsync() => _process?.DisposeAsync() ?? ValueTask.CompletedTask;

    private void Signal(int signal)
    {
        if (_process is not null && SendSignal(_process.Id, signal) != 0)
            throw new CommandException($"Signal {signal} could not be sent to process {_process.Id}.");
    }

    [DllImport("libc", EntryPoint = "kill", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int SendSignal(int process, int signal);
}
