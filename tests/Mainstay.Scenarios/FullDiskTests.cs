using System.Diagnostics;
using System.Text.Json;

namespace Mainstay.Scenarios;

/// <summary>A test that mounts a small disk of its own; where that is not allowed it is skipped and says why.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class OnSmallDiskFactAttribute : FactAttribute
{
    public OnSmallDiskFactAttribute()
    {
        if (SmallDisk.Refusal.Value is { } why)
            Skip = $"needs to mount a tmpfs: {why}";
    }
}

/// <summary>A tmpfs of a few hundred kilobytes, for a state folder to run out of.</summary>
internal sealed class SmallDisk : IDisposable
{
    private readonly string _folder;

    public SmallDisk(string folder)
    {
        _folder = folder;
        Directory.CreateDirectory(folder);
        if (Run("mount", "-t", "tmpfs", "-o", "size=512k,mode=0700", "mainstay-scenario", folder) is { Length: > 0 } why)
            throw new InvalidOperationException(why);
    }

    /// <summary>Why this user cannot mount one; null if it can. Tried once.</summary>
    public static Lazy<string?> Refusal { get; } = new(() =>
    {
        if (!OperatingSystem.IsLinux() || Environment.UserName != "root")
            return "only root on Linux can";
        var folder = Directory.CreateTempSubdirectory("mainstay-disk-").FullName;
        try
        {
            using var trial = new SmallDisk(folder);
            return null;
        }
        catch (InvalidOperationException e)
        {
            return e.Message;
        }
        finally
        {
            Directory.Delete(folder);
        }
    });

    /// <summary>Fills what is left with one file.</summary>
    /// <returns>The file, to be deleted.</returns>
    public string Fill()
    {
        var path = Path.Combine(_folder, "filler");
        try
        {
            using var file = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0);
            var block = new byte[4096];
            while (true)
                file.Write(block);
        }
        catch (IOException)
        {
            return path;
        }
    }

    public void Dispose() => Run("umount", "-l", _folder);

    /// <summary>What it complained about; empty if all went well.</summary>
    private static string Run(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { UseShellExecute = false, RedirectStandardError = true })!;
        var error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? "" : $"{program}: {error}";
    }
}

public sealed class FullDiskTests
{
    [OnSmallDiskFact]
    public async Task Traffic_flows_on_while_the_disk_is_full_and_all_is_written_when_it_is_not()
    {
        using var folder = new ScenarioFolder();
        using var disk = new SmallDisk(folder.State);
        await using var doomed = await ModelServer.StartNewAsync("east");
        await using var other = await ModelServer.StartNewAsync("west");
        folder.Write([(doomed.Url, "east"), (other.Url, "west")], remedies: "act");
        await using var serve = await MainstayProcess.StartAsync(folder.Root, "traffic on ", "serve", "-c", folder.Config);
        var instance = new Instance(folder);
        await using var callers = new Callers(folder.Traffic, rate: 200);
        await instance.SeesTrafficAsync();
        await Patience.UntilAsync("the first fact in the database", () => FactTable.Read(folder.Database).Count > 0);

        var filler = disk.Fill();
        await doomed.KillAsync();
        await instance.UntilTroubleAsync("No remedy starts");
        await callers.MoreAsync(300);
        Assert.DoesNotContain("A tick failed", serve.Errors, StringComparison.Ordinal);

        File.Delete(filler);
        await instance.UntilNoTroubleAsync();
        await instance.UntilAsync("the drain", s => Regions(s).Any(r => r.GetProperty("state").GetString() == "drained"));
        await doomed.StartAsync();
        await instance.UntilAsync("a resolved incident", s => s.GetProperty("incidents").EnumerateArray() is var incidents
            && incidents.Any() && incidents.All(i => !i.GetProperty("open").GetBoolean()));
        await callers.StopAsync();

        Assert.Empty(callers.Failures);
        await Patience.UntilAsync("the last fact", () => FactTable.Read(folder.Database).Any(f => f.Kind == "resolved"));
        var facts = FactTable.Read(folder.Database);
        FactTable.AssertWhole(facts);
        Assert.Contains(facts, f => f.Kind == "detected" || f.Text.StartsWith("Detection", StringComparison.Ordinal));
    }

    [OnSmallDiskFact]
    public async Task Pausing_takes_remedies_off_on_a_full_disk_too()
    {
        using var folder = new ScenarioFolder();
        using var disk = new SmallDisk(folder.State);
        await using var doomed = new StubServer("""{"label":"fine"}""");
        await using var other = new StubServer("""{"label":"fine"}""");
        folder.Write([(doomed.Url, "east"), (other.Url, "west")], remedies: "act");
        await using var serve = await MainstayProcess.StartAsync(folder.Root, "traffic on ", "serve", "-c", folder.Config);
        var instance = new Instance(folder);
        await using var callers = new Callers(folder.Traffic, rate: 50);
        await instance.SeesTrafficAsync();
        await doomed.DisposeAsync();
        await instance.UntilAsync("the drain", s => Regions(s).Any(r => r.GetProperty("state").GetString() == "drained"));
        disk.Fill();
        await using var back = new StubServer("""{"label":"fine"}""", doomed.Url.Port);

        var pause = await instance.RunAsync("pause", "--state", folder.State, "--token-file", folder.Token);

        Assert.True(pause.ExitCode == 0, pause.Everything);
        await instance.UntilAsync("the pause", s => s.GetProperty("paused").GetBoolean());
        await Patience.UntilAsync("traffic in the region that was drained", () => back.Requests.Count > 20);
        await callers.StopAsync();
        Assert.Empty(callers.Failures);
    }

    [OnSmallDiskFact]
    public async Task It_starts_again_on_a_full_disk()
    {
        using var folder = new ScenarioFolder();
        using var disk = new SmallDisk(folder.State);
        await using var server = new StubServer("""{"label":"fine"}""");
        folder.Write([(server.Url, "east")]);
        await using (var first = await MainstayProcess.StartAsync(folder.Root, "traffic on ", "serve", "-c", folder.Config))
        {
            await new Instance(folder).UntilAsync("a first tick", s => s.GetProperty("table_version").GetInt64() > 0);
            await first.KillAsync();
        }
        var filler = disk.Fill();

        await using var serve = await MainstayProcess.StartAsync(folder.Root, "traffic on ", "serve", "-c", folder.Config);

        await using var callers = new Callers(folder.Traffic, rate: 50);
        await callers.MoreAsync(50);
        await new Instance(folder).UntilTroubleAsync("No space");
        File.Delete(filler);
        await new Instance(folder).UntilNoTroubleAsync();
        await callers.StopAsync();
        Assert.Empty(callers.Failures);
    }

    private static IEnumerable<JsonElement> Regions(JsonElement status) =>
        status.GetProperty("services").EnumerateArray().SelectMany(s => s.GetProperty("regions").EnumerateArray());
}
