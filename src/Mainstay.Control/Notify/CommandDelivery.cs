using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.InteropServices;
using Mainstay.Control.Config;

namespace Mainstay.Control.Notify;

/// <summary>
/// Runs a program of this machine for a message, which it finds in its environment; exit code 0 means that it was taken. The program
/// stands in a process group of its own, and all of it is ended when the time is over. It gets no secrets of Mainstay's: of
/// the environment only the few variables that programs need.
/// </summary>
internal static class CommandDelivery
{
    private const int Kill = 9;
    private const int MostOfAnError = 500;
    private static readonly string[] Kept = ["PATH", "HOME", "LANG", "LC_ALL", "TZ", "USER", "TMPDIR"];
    private static readonly string? Setsid = new[] { "/usr/bin/setsid", "/bin/setsid" }.FirstOrDefault(File.Exists);

    public static async Task<DeliveryResult> RunAsync(ChannelConfig channel, Message message, CancellationToken cancel)
    {
        using var process = new Process { StartInfo = Start(channel, message) };
        try
        {
            process.Start();
        }
        catch (Win32Exception e)
        {
            return new DeliveryResult($"{channel.Command[0]} cannot be started: {e.Message}");
        }
        var said = ReadAsync(process.StandardError, cancel);
        var told = ReadAsync(process.StandardOutput, cancel);
        try
        {
            process.StandardInput.Close();
            await process.WaitForExitAsync(cancel);
            if (process.ExitCode == 0)
                return DeliveryResult.Taken;
            // What it left running may hold the other end of the pipe for long.
            End(process);
            var why = (await said).Trim();
            return new DeliveryResult($"{channel.Command[0]} ended with {process.ExitCode}{(why.Length > 0 ? $": {why}" : "")}");
        }
        catch (OperationCanceledException)
        {
            End(process);
            throw;
        }
        finally
        {
            _ = told;
        }
    }

    private static ProcessStartInfo Start(ChannelConfig channel, Message message)
    {
        IEnumerable<string> line = Setsid is null ? channel.Command : [Setsid, .. channel.Command];
        var start = new ProcessStartInfo(line.First(), line.Skip(1))
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var name in start.Environment.Keys.Except(Kept).ToList())
            start.Environment.Remove(name);
        foreach (var place in Template.Places)
            start.Environment[$"MAINSTAY_{place.ToUpperInvariant()}"] = Clean(Bodies.Place(message, place));
        var (title, text) = Bodies.Words(channel, new Parcel(message.Id, [new Waiting(message)]));
        start.Environment["MAINSTAY_TITLE"] = Clean(title);
        start.Environment["MAINSTAY_TEXT"] = Clean(text);
        return start;
    }

    private static string Clean(string value) => value.Replace("\0", "", StringComparison.Ordinal);

    private static void End(Process process)
    {
        // The group outlives its first process: children that it left behind are in it.
        if (Setsid is not null)
            _ = SendSignal(-process.Id, Kill);
        if (!process.HasExited)
            process.Kill(entireProcessTree: true);
    }

    /// <summary>The first of what it says; the rest is read and dropped, so that it never waits for a reader.</summary>
    private static async Task<string> ReadAsync(StreamReader reader, CancellationToken cancel)
    {
        var kept = "";
        var buffer = new char[1024];
        try
        {
            while (await reader.ReadAsync(buffer, cancel) is > 0 and var read)
            {
                if (kept.Length < MostOfAnError)
                    kept += new string(buffer, 0, Math.Min(read, MostOfAnError - kept.Length));
            }
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or ObjectDisposedException or InvalidOperationException)
        {
            // The time is over, or the program is gone.
        }
        return new string([.. kept.Select(c => char.IsControl(c) ? ' ' : c)]);
    }

    [DllImport("libc", EntryPoint = "kill", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int SendSignal(int process, int signal);
}
