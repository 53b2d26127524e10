using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Mainstay.Scenarios;

/// <summary>The real executable in a process of its own. Disposing ends the process, whatever state it is in.</summary>
internal sealed class MainstayProcess : IAsyncDisposable
{
    private static readonly string Program = Find();
    private static readonly ConcurrentDictionary<int, MainstayProcess> Running = new();
    private readonly ConcurrentQueue<string> _output = new();
    private readonly ConcurrentQueue<string> _errors = new();
    private readonly Process _process;
    private readonly int _id;

    static MainstayProcess() => AppDomain.CurrentDomain.ProcessExit += (_, _) =>
    {
        foreach (var left in Running.Values)
            left.Signal(SignalNumber.Kill);
    };

    private MainstayProcess(Process process)
    {
        (_process, _id) = (process, process.Id);
        Running[_id] = this;
        process.OutputDataReceived += (_, line) => Keep(_output, line.Data);
        process.ErrorDataReceived += (_, line) => Keep(_errors, line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    public string Output => string.Join('\n', _output);

    public string Errors => string.Join('\n', _errors);

    public bool HasEnded => _process.HasExited;

    public int Id => _id;

    /// <summary>Resident memory in bytes.</summary>
    public long Memory
    {
        get
        {
            _process.Refresh();
            return _process.WorkingSet64;
        }
    }

    /// <param name="folder">The folder in which it runs.</param>
    /// <param name="arguments">Its command line.</param>
    public static MainstayProcess Start(string folder, params string[] arguments)
    {
        var start = new ProcessStartInfo(Program, arguments)
        {
            WorkingDirectory = folder,
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment.Remove("MAINSTAY_TOKEN");
        start.Environment[StubServer.SecretName] = StubServer.Secret;
        start.Environment[ModelHouse.KeyName] = ModelHouse.ServerKey;
        start.Environment["AWS_ACCESS_KEY_ID"] = ModelHouse.AwsKeyId;
        start.Environment["AWS_SECRET_ACCESS_KEY"] = ModelHouse.AwsSecret;
        start.Environment["DOTNET_GCHeapCount"] = "1";
        return new MainstayProcess(Process.Start(start)!);
    }

    /// <summary>Starts a long-running command and waits for the line that says it is there.</summary>
    public static async Task<MainstayProcess> StartAsync(string folder, string sign, params string[] arguments)
    {
        var process = Start(folder, arguments);
        try
        {
            await process.LineAsync(sign);
            return process;
        }
        catch
        {
            await process.DisposeAsync();
            throw;
        }
    }

    /// <summary>Runs a command to its end.</summary>
    public static async Task<Ended> RunAsync(string folder, params string[] arguments)
    {
        await using var process = Start(folder, arguments);
        return await process.EndAsync();
    }

    /// <summary>The first line of the standard output that begins so.</summary>
    public async Task<string> LineAsync(string start)
    {
        string? Line() => _output.FirstOrDefault(l => l.StartsWith(start, StringComparison.Ordinal));
        await Patience.UntilAsync(
            $"a line \"{start}…\" of process {_id}",
            () => Line() is not null || (_process.HasExited ? throw new InvalidOperationException($"It ended: {Output}\n{Errors}") : false),
            () => Output + Errors);
        return Line()!;
    }

    public void Signal(SignalNumber signal) => _ = SendSignal(_id, (int)signal);

    /// <summary>SIGKILL, and waits until it is gone.</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
    }

    /// <summary>Waits until it ends by itself.</summary>
    public async Task<Ended> EndAsync(TimeSpan? within = null)
    {
        using var limit = new CancellationTokenSource(within ?? TimeSpan.FromMinutes(3), Patience.Clock);
        try
        {
            await _process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException e)
        {
            throw new TimeoutException($"Process {_id} did not end in time.\n{Output}\n{Errors}", e);
        }
        return new Ended(_process.ExitCode, Output, Errors);
    }

    public async ValueTask DisposeAsync()
    {
        // Twice is fine: a test may end one before its time.
        if (!Running.TryRemove(_id, out _))
            return;
        if (!_process.HasExited)
            await KillAsync();
        _process.Dispose();
    }

    private static void Keep(ConcurrentQueue<string> lines, string? line)
    {
        if (line is null)
            return;
        lines.Enqueue(line);
        if (lines.Count > 5000)
            lines.TryDequeue(out _);
    }

    /// <summary>What was built together with these tests, in the same configuration.</summary>
    private static string Find()
    {
        var own = new DirectoryInfo(AppContext.BaseDirectory.TrimEnd('/'));
        var framework = own.Name;
        var configuration = own.Parent!.Name;
        for (var folder = own; folder is not null; folder = folder.Parent)
            if (File.Exists(Path.Combine(folder.FullName, "Mainstay.slnx")))
                return Path.Combine(folder.FullName, "src", "Mainstay", "bin", configuration, framework, "mainstay");
        throw new InvalidOperationException($"No Mainstay.slnx above {own}: run the tests inside the project.");
    }

    [DllImport("libc", EntryPoint = "kill", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int SendSignal(int process, int signal);
}

/// <summary>The numbers of Linux.</summary>
internal enum SignalNumber
{
    HangUp = 1,
    Kill = 9,
    Terminate = 15,
    Continue = 18,
    Stop = 19,
}

/// <summary>How a process ended and what it said.</summary>
internal sealed record Ended(int ExitCode, string Output, string Errors)
{
    public string Everything => $"exit {ExitCode}\n{Output}\n{Errors}";
}
