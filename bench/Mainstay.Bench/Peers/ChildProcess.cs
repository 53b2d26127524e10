using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

namespace Mainstay.Bench.Peers;

/// <summary>
/// A program that a benchmark started, with whatever that program starts in turn. It never outlives the benchmark: a shell
/// between the two holds one end of a pipe and ends the whole group when the other end goes, however that happens
/// (disposal, Ctrl+C, SIGKILL), and even if the program is frozen.
/// </summary>
internal sealed class ChildProcess : IAsyncDisposable
{
    private const int MostLines = 200;

    /// <summary>Prints the program's process id, then what the program prints.</summary>
    private const string Guard = """
        trap : INT TERM HUP
        exec 3<&0
        setsid "$@" < /dev/null 3<&- &
        program=$!
        echo $program
        { read -r _; kill -KILL -$program; } <&3 3<&- 2> /dev/null &
        reader=$!
        wait $program
        kill -KILL -$program 2> /dev/null
        kill -KILL $reader 2> /dev/null
        """;

    private readonly Process _guard;
    private readonly ConcurrentQueue<string> _errors = new();
    private bool _ended;

    private ChildProcess(Process guard, int id)
    {
        (_guard, Id) = (guard, id);
        guard.ErrorDataReceived += (_, line) => Keep(line.Data);
        guard.BeginErrorReadLine();
    }

    /// <summary>Process id of the program itself.</summary>
    public int Id { get; }

    /// <summary>The last lines of its standard error.</summary>
    public string Errors => string.Join('\n', _errors);

    public bool HasEnded => _guard.HasExited;

    /// <summary>Processor time of the program and its children so far.</summary>
    public TimeSpan Cpu => Family().Aggregate(TimeSpan.Zero, (sum, id) => sum + ProcessFacts.Cpu(id));

    /// <summary>Resident memory in bytes of the program and its children.</summary>
    public long Memory => Family().Sum(ProcessFacts.Memory);

    /// <summary>Starts a program.</summary>
    /// <param name="program">Path, or a name on the search path.</param>
    /// <param name="environment">Variables beside those of this process.</param>
    public static async Task<ChildProcess> StartAsync(
        string program, IEnumerable<string> arguments, CancellationToken cancel, IEnumerable<(string Name, string Value)>? environment = null)
    {
        var start = new ProcessStartInfo("/bin/sh", ["-c", Guard, "guard", program, .. arguments])
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (name, value) in environment ?? [])
            start.Environment[name] = value;
        var guard = Process.Start(start)!;
        try
        {
            var id = await guard.StandardOutput.ReadLineAsync(cancel) ?? throw new InvalidOperationException($"{program} could not be started.");
            return new ChildProcess(guard, int.Parse(id, CultureInfo.InvariantCulture));
        }
        catch
        {
            guard.StandardInput.Close();
            guard.Dispose();
            throw;
        }
    }

    /// <summary>The next line of its standard output; null at its end.</summary>
    public async Task<string?> ReadLineAsync(CancellationToken cancel) => await _guard.StandardOutput.ReadLineAsync(cancel);

    /// <summary>Reads its standard output to nowhere, so that a talkative program does not block.</summary>
    public void IgnoreOutput() => _ = _guard.StandardOutput.BaseStream.CopyToAsync(Stream.Null);

    public void Signal(int number) => _ = SendSignal(Id, number);

    /// <summary>Ends the program with SIGKILL, frozen or not, and waits until it is gone.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_ended)
            return;
        _ended = true;
        _guard.StandardInput.Close();
        await _guard.WaitForExitAsync();
        _guard.Dispose();
    }

    private IEnumerable<int> Family() => ProcessFacts.Children(Id).Prepend(Id);

    private void Keep(string? line)
    {
        if (line is null)
            return;
        _errors.Enqueue(line);
        while (_errors.Count > MostLines)
            _errors.TryDequeue(out _);
    }

    [DllImport("libc", EntryPoint = "kill", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int SendSignal(int process, int signal);
}

/// <summary>What /proc says of a process. Zero or nothing once it is gone.</summary>
internal static class ProcessFacts
{
    /// <summary>Clock ticks a second in /proc (USER_HZ), the same on every Linux.</summary>
    private const double TicksPerSecond = 100;

    public static TimeSpan Cpu(int id)
    {
        // The name stands in brackets and may hold spaces; what follows it does not.
        if (Read($"/proc/{id}/stat") is not { } stat)
            return TimeSpan.Zero;
        var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        var ticks = long.Parse(fields[11], CultureInfo.InvariantCulture) + long.Parse(fields[12], CultureInfo.InvariantCulture);
        return TimeSpan.FromSeconds(ticks / TicksPerSecond);
    }

    public static long Memory(int id) => Status(id, "VmRSS:") * 1024;

    public static int Threads(int id) => (int)Status(id, "Threads:");

    /// <summary>Open files and sockets, but for the assemblies of .NET: it keeps two files open for each, loaded when first used.</summary>
    public static int OpenFiles(int id)
    {
        try
        {
            return Directory.EnumerateFileSystemEntries($"/proc/{id}/fd")
                .Count(file => new FileInfo(file).LinkTarget?.EndsWith(".dll", StringComparison.Ordinal) != true);
        }
        catch (IOException)
        {
            return 0;
        }
    }

    public static IEnumerable<int> Children(int id) =>
        (Read($"/proc/{id}/task/{id}/children") ?? "").Split(' ', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
        .Select(child => int.Parse(child, CultureInfo.InvariantCulture));

    private static long Status(int id, string name) =>
        (Read($"/proc/{id}/status") ?? "").Split('\n').FirstOrDefault(line => line.StartsWith(name, StringComparison.Ordinal)) is { } found
            ? long.Parse(found[name.Length..].Replace("kB", "", StringComparison.Ordinal).Trim(), CultureInfo.InvariantCulture)
            : 0;

    private static string? Read(string file)
    {
        try
        {
            return File.ReadAllText(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
