using System.Collections.Concurrent;
using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Mainstay.Bench.Proxy;

/// <summary>The processes that a benchmark started: all end with it. Safe for any number of threads.</summary>
internal sealed class Children : IDisposable
{
    private readonly Lock _lock = new();
    private readonly List<Process> _running = [];
    private readonly ConcurrentDictionary<int, string> _complaints = new();
    private bool _ended;

    /// <summary>A port that is free now.</summary>
    public static int FreePort()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }

    /// <summary>Full path of a program of this machine; null if it is not installed.</summary>
    public static string? Find(string program) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Concat(["/usr/sbin", "/sbin"])
            .Select(folder => Path.Combine(folder, program)).FirstOrDefault(File.Exists);

    /// <summary>Starts a program whose output nobody wants.</summary>
    public Process Start(string program, params string[] arguments)
    {
        var process = Launch(program, arguments);
        process.BeginOutputReadLine();
        return process;
    }

    /// <summary>Starts a program whose output the caller reads. Its standard input stays open as long as this process lives.</summary>
    public Process Launch(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        foreach (var argument in arguments)
            start.ArgumentList.Add(argument);
        Process process;
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_ended, this);
            process = Process.Start(start)!;
            _running.Add(process);
        }
        var pid = process.Id;
        process.ErrorDataReceived += (_, line) => _complaints.AddOrUpdate(pid, line.Data ?? "", (_, first) => first.Length > 0 ? first : line.Data ?? "");
        process.BeginErrorReadLine();
        return process;
    }

    /// <summary>Starts a part of this benchmark as a process of its own.</summary>
    public Process LaunchSelf(params string[] arguments) =>
        Launch("dotnet", [typeof(Children).Assembly.Location, .. arguments]);

    /// <summary>Runs a program to its end and returns what it said.</summary>
    public async Task<string> RunAsync(string program, string[] arguments, CancellationToken cancel)
    {
        var process = Launch(program, arguments);
        var output = await process.StandardOutput.ReadToEndAsync(cancel);
        await process.WaitForExitAsync(cancel);
        lock (_lock)
            _running.Remove(process);
        if (process.ExitCode != 0)
            throw new InvalidOperationException($"{program} {string.Join(' ', arguments)} ended with exit code {process.ExitCode}: {output}");
        process.Dispose();
        return output;
    }

    /// <summary>The first line that a process wrote to its standard error.</summary>
    public string ComplaintOf(Process process) => _complaints.GetValueOrDefault(process.Id, "");

    /// <summary>A process and those that it started.</summary>
    public static List<int> Family(int root)
    {
        var family = new List<int> { root };
        foreach (var folder in Directory.GetDirectories("/proc"))
            if (int.TryParse(Path.GetFileName(folder), NumberStyles.None, CultureInfo.InvariantCulture, out var pid)
                && StatOf(pid) is [_, var parent, ..] && parent == root.ToString(CultureInfo.InvariantCulture))
                family.Add(pid);
        return family;
    }

    /// <summary>CPU seconds that processes used so far, in user mode and in the kernel.</summary>
    public static double CpuSeconds(IEnumerable<int> pids) =>
        pids.Sum(pid => StatOf(pid) is { Length: > 13 } stat
            ? double.Parse(stat[11], CultureInfo.InvariantCulture) + double.Parse(stat[12], CultureInfo.InvariantCulture)
            : 0) / ClockTicks;

    /// <summary>Resident memory of processes in MB (10⁶ bytes).</summary>
    public static double ResidentMb(IEnumerable<int> pids) =>
        pids.Sum(pid => File.ReadLines($"/proc/{pid}/status").FirstOrDefault(line => line.StartsWith("VmRSS:", StringComparison.Ordinal)) is { } line
            ? double.Parse(line.AsSpan(6, line.Length - 9), CultureInfo.InvariantCulture) * 1024 / 1e6
            : 0);

    public void Stop(Process process)
    {
        lock (_lock)
            _running.Remove(process);
        End(process);
    }

    /// <summary>Ends them all; from now on none is started.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            _ended = true;
            foreach (var process in _running)
                End(process);
            _running.Clear();
        }
    }

    /// <summary>USER_HZ, which Linux fixes at 100 for all programs.</summary>
    private const double ClockTicks = 100;

    private static void End(Process process)
    {
        try
        {
            process.Kill(entireProcessTree: true);
            process.WaitForExit(5000);
        }
        catch (Exception e) when (e is InvalidOperationException or Win32Exception or AggregateException)
        {
            // It had ended before.
        }
        process.Dispose();
    }

    /// <summary>The fields of /proc/PID/stat after the name, from the state on; empty if there is no such process.</summary>
    private static string[] StatOf(int pid)
    {
        try
        {
            var text = File.ReadAllText($"/proc/{pid}/stat", Encoding.Latin1);
            return text[(text.LastIndexOf(')') + 2)..].Split(' ');
        }
        catch (IOException)
        {
            return [];
        }
    }
}
