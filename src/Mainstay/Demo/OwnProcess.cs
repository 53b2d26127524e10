using System.Collections.Concurrent;
using System.Diagnostics;
using Mainstay.Commands;

namespace Mainstay.Demo;

/// <summary>This program once more, as a process of its own, with another command. Disposing kills it; it also ends with this
/// one, if its command takes `--with-parent`.</summary>
internal sealed class OwnProcess : IAsyncDisposable
{
    private const int MostLines = 20;
    private readonly ConcurrentQueue<string> _errors = new();
    private readonly Process _process;

    private OwnProcess(Process process) => _process = process;

    public int Id => _process.Id;

    /// <summary>Starts it and waits for the line that says it is there.</summary>
    /// <param name="arguments">Its command line.</param>
    /// <param name="sign">How that line begins.</param>
    /// <returns>The process and the rest of the line.</returns>
    /// <exception cref="CommandException">It ended instead.</exception>
    public static async Task<(OwnProcess Process, string Line)> StartAsync(IEnumerable<string> arguments, string sign, CancellationToken cancel)
    {
        var program = Environment.ProcessPath ?? throw new CommandException("The path of this program is unknown, so it cannot start others.");
        var start = new ProcessStartInfo(program)
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        // Started as `dotnet mainstay.dll`, or by a benchmark that uses this program: the host needs its name.
        if (Path.GetFileNameWithoutExtension(program) != "mainstay")
        {
            start.FileName = Path.GetFileNameWithoutExtension(program) == "dotnet" ? program : "dotnet";
            start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "mainstay.dll"));
        }
        foreach (var argument in arguments)
            start.ArgumentList.Add(argument);
        // Many share this machine: one that tunes and collects with many threads would slow the others down.
        start.Environment["DOTNET_gcServer"] = "0";
        start.Environment["DOTNET_GCHeapCount"] = "1";
        var own = new OwnProcess(Process.Start(start)!);
        own._process.ErrorDataReceived += (_, line) => own.Keep(line.Data);
        own._process.BeginErrorReadLine();
        try
        {
            while (await own._process.StandardOutput.ReadLineAsync(cancel) is { } line)
                if (line.StartsWith(sign, StringComparison.Ordinal))
                {
                    // What nobody reads must not make it wait.
                    _ = own._process.StandardOutput.BaseStream.CopyToAsync(Stream.Null, CancellationToken.None);
                    return (own, line[sign.Length..]);
                }
            await own._process.WaitForExitAsync(cancel);
            throw new CommandException($"`mainstay {string.Join(' ', arguments)}` ended at once: {string.Join(Environment.NewLine, own._errors)}");
        }
        catch
        {
            await own.DisposeAsync();
            throw;
        }
    }

    public void Kill()
    {
        _process.Kill();
        _process.WaitForExit();
    }

    public ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
            Kill();
        _process.Dispose();
        return ValueTask.CompletedTask;
    }

    private void Keep(string? line)
    {
        if (line is null)
            return;
        _errors.Enqueue(line);
        while (_errors.Count > MostLines)
            _errors.TryDequeue(out _);
    }
}
