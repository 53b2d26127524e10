using System.Diagnostics;
using System.Text.Json;

namespace Mainstay.Scenarios;

/// <summary>Runs one of the programs beside this file, which drive official clients of providers.</summary>
internal static class NodeClient
{
    private static readonly TimeSpan Within = TimeSpan.FromSeconds(60);
    private static readonly string Folder = Find();

    /// <summary>What is not there; null: all is.</summary>
    public static string? Missing { get; } =
        !HasNode() ? "node is missing: apt-get install nodejs npm, or run test.sh as root."
        : !Directory.Exists(Path.Combine(Folder, "node_modules", "openai")) ? "The clients' packages are missing: npm ci in tests/Mainstay.Scenarios/Clients, or run test.sh."
        : null;

    /// <summary>What the client made of it: its line of JSON.</summary>
    /// <param name="program">Such as <c>openai.mjs</c>.</param>
    /// <param name="arguments">What to do, address, model.</param>
    public static async Task<JsonElement> RunAsync(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo("node", [program, .. arguments])
        {
            WorkingDirectory = Folder,
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var name in start.Environment.Keys.Where(k => k.StartsWith("AWS_", StringComparison.Ordinal) || k.EndsWith("_PROXY", StringComparison.OrdinalIgnoreCase)).ToList())
            start.Environment.Remove(name);
        using var process = Process.Start(start)!;
        try
        {
            using var limit = new CancellationTokenSource(Within, Patience.Clock);
            var (output, errors) = (process.StandardOutput.ReadToEndAsync(limit.Token), process.StandardError.ReadToEndAsync(limit.Token));
            await process.WaitForExitAsync(limit.Token);
            var last = (await output).TrimEnd().Split('\n')[^1];
            return last.StartsWith('{')
                ? JsonSerializer.Deserialize<JsonElement>(last)
                : throw new InvalidOperationException($"{program} {string.Join(' ', arguments)} said nothing of use.\n{await output}\n{await errors}");
        }
        finally
        {
            if (!process.HasExited)
                process.Kill();
        }
    }

    private static bool HasNode() => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(d => File.Exists(Path.Combine(d, "node")));

    private static string Find()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (File.Exists(Path.Combine(folder.FullName, "Mainstay.slnx")))
                return Path.Combine(folder.FullName, "tests", "Mainstay.Scenarios", "Clients");
        throw new InvalidOperationException($"No Mainstay.slnx above {AppContext.BaseDirectory}: run the tests inside the project.");
    }
}
