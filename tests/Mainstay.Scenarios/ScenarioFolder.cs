using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Mainstay.Scenarios;

/// <summary>A temporary folder with a mainstay.yaml and ports of its own; deleted at the end.</summary>
internal sealed class ScenarioFolder : IDisposable
{
    private static readonly HashSet<int> Taken = [];

    public string Root { get; } = Directory.CreateTempSubdirectory("mainstay-scenario-").FullName;

    public Uri Traffic { get; } = new($"http://127.0.0.1:{FreePort()}");

    public Uri Control { get; } = new($"http://127.0.0.1:{FreePort()}");

    public string Config => Path.Combine(Root, "mainstay.yaml");

    public string State => Path.Combine(Root, "state");

    public string Database => Path.Combine(State, "mainstay.db");

    public string Token => Path.Combine(State, "token");

    /// <summary>A port of the loopback that nobody listens on now and no other test gets.</summary>
    public static int FreePort()
    {
        lock (Taken)
        {
            while (true)
            {
                using var probe = new TcpListener(IPAddress.Loopback, 0);
                probe.Start();
                var port = ((IPEndPoint)probe.LocalEndpoint).Port;
                if (Taken.Add(port))
                    return port;
            }
        }
    }

    /// <summary>Writes mainstay.yaml: one service, moderation, on these servers.</summary>
    /// <param name="servers">Address and region of each, regions in the order of preference.</param>
    /// <param name="remedies">observe, propose or act.</param>
    /// <param name="root">Further lines of the root mapping.</param>
    public string Write(IEnumerable<(Uri Url, string Region)> servers, string remedies = "propose", string root = "")
    {
        var text = Text(servers, remedies, root);
        // Moved into place: nobody reads half a file.
        File.WriteAllText(Config + ".new", text);
        File.Move(Config + ".new", Config, overwrite: true);
        return text;
    }

    public string Text(IEnumerable<(Uri Url, string Region)> servers, string remedies = "propose", string root = "")
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $$"""
            version: 1
            traffic: { listen: "{{Plain(Traffic)}}" }
            control: { listen: "{{Plain(Control)}}" }
            state: ./state
            remedies: {{remedies}}
            {{root}}
            services:
              - name: moderation
                match: { path: /moderation, strip: true }
                health: { path: /health, every: 300ms, timeout: 2s }
                timeouts: { connect: 2s, first_byte: 5s, idle: 10s, total: 30s }
                retry: { attempts: 3, budget: 20%, replay: safe }
                servers:

            """);
        foreach (var (url, region) in servers)
            text.Append(CultureInfo.InvariantCulture, $"      - {{ url: \"{Plain(url)}\", region: {region}, capacity: 1000/s }}\n");
        return text.ToString();
    }

    public void Dispose()
    {
        try
        {
            Directory.Delete(Root, recursive: true);
        }
        catch (IOException)
        {
            // A process that is ending may still write; temporary folders are cleared by the system.
        }
    }

    private static string Plain(Uri url) => url.GetLeftPart(UriPartial.Authority);
}
