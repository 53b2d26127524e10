using System.Runtime.InteropServices;
using Mainstay.Control.Config;

namespace Mainstay;

/// <summary>
/// Reads the configuration again when its file changes, or at once on SIGHUP. A file with errors changes nothing: what is
/// in force stays, and people are told.
/// </summary>
/// <param name="started">What the program started with; its file is watched.</param>
/// <param name="changed">Gets each good new configuration.</param>
/// <param name="refused">Gets the errors of one that is not.</param>
internal sealed partial class ConfigWatch(
    MainstayConfig started, Action<MainstayConfig> changed, Action<string> refused, TimeProvider clock, ILogger<ConfigWatch> log)
{
    private static readonly TimeSpan Look = TimeSpan.FromSeconds(1);

    public async Task RunAsync(CancellationToken cancel)
    {
        var hangUps = 0;
        using var hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, signal =>
        {
            signal.Cancel = true;
            Interlocked.Increment(ref hangUps);
        });
        var seen = Stamp();
        using var timer = new PeriodicTimer(Look, clock);
        while (await timer.WaitForNextTickAsync(cancel))
        {
            var stamp = Stamp();
            if (Interlocked.Exchange(ref hangUps, 0) == 0 && stamp == seen)
                continue;
            seen = stamp;
            Reload();
        }
    }

    private void Reload()
    {
        var file = started.File;
        var result = ConfigReader.ReadFile(file);
        if (result.Config is { } config)
        {
            LogReloaded(file);
            foreach (var warning in result.Warnings.Concat(NeedRestart(config)))
                LogWarning(warning);
            changed(config);
            return;
        }
        var errors = string.Join(Environment.NewLine, result.Errors);
        LogRefused(file, Environment.NewLine + errors);
        refused($"{file} was refused and the configuration before stays in force: {string.Join("; ", result.Errors)}");
    }

    /// <summary>What cannot change while the program runs.</summary>
    private IEnumerable<string> NeedRestart(MainstayConfig config)
    {
        if (config.TrafficListen != started.TrafficListen)
            yield return $"traffic.listen changed to {config.TrafficListen}: it takes effect when mainstay starts again.";
        if (config.Control.Listen != started.Control.Listen)
            yield return $"control.listen changed to {config.Control.Listen}: it takes effect when mainstay starts again.";
        if (config.StateFolder != started.StateFolder)
            yield return $"state changed to {config.StateFolder}: it takes effect when mainstay starts again.";
    }

    /// <summary>Follows links, so that a file swapped by renaming or by a mounted volume is noticed too.</summary>
    private (DateTime, long) Stamp()
    {
        try
        {
            var info = new FileInfo(started.File);
            info = (FileInfo?)info.ResolveLinkTarget(returnFinalTarget: true) ?? info;
            return info.Exists ? (info.LastWriteTimeUtc, info.Length) : default;
        }
        catch (IOException)
        {
            return default;
        }
    }

    [LoggerMessage(LogLevel.Information, "{File} was read again.")]
    private partial void LogReloaded(string file);

    [LoggerMessage(LogLevel.Warning, "{Warning}")]
    private partial void LogWarning(string warning);

    [LoggerMessage(LogLevel.Error, "{File} was refused; the configuration before stays in force:{Errors}")]
    private partial void LogRefused(string file, string errors);
}
