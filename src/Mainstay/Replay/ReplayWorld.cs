using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Mainstay.Demo;

namespace Mainstay.Replay;

/// <summary>What a world of simulated engines consists of.</summary>
/// <param name="Regions">Named region-1 and so on; the first is preferred.</param>
/// <param name="Engines">In each region.</param>
/// <param name="Options">Further options of `mainstay model serve --engine sim`.</param>
internal sealed record WorldPlan(int Regions, int Engines, IReadOnlyList<string> Options)
{
    /// <summary>Further lines of the service in the configuration, indented by four.</summary>
    public string Service { get; init; } = "";
}

/// <summary>A gateway and simulated engines behind it, each a process of its own, in a temporary folder.</summary>
internal sealed class ReplayWorld : IAsyncDisposable
{
    public const string Model = "sim";

    private readonly string _folder = Directory.CreateTempSubdirectory("mainstay-replay-").FullName;
    private readonly List<ModelProcess> _engines = [];
    private OwnProcess? _gateway;

    private ReplayWorld()
    {
    }

    /// <summary>Where chats go.</summary>
    public Uri Chats { get; private set; } = new("http://127.0.0.1:0");

    /// <summary>The engines, region by region.</summary>
    public IReadOnlyList<ModelProcess> Engines => _engines;

    public int GatewayId => _gateway!.Id;

    public static async Task<ReplayWorld> StartAsync(WorldPlan plan, CancellationToken cancel)
    {
        var world = new ReplayWorld();
        try
        {
            for (var region = 1; region <= plan.Regions; region++)
                for (var engine = 1; engine <= plan.Engines; engine++)
                    world._engines.Add(new ModelProcess(
                        ["--engine", "sim", "--model", Model, "--name", Text($"region-{region}/{engine}"), .. plan.Options], Text($"region-{region}")));
            await Task.WhenAll(world._engines.Select(e => e.StartAsync(cancel)));
            var file = Path.Combine(world._folder, "mainstay.yaml");
            await File.WriteAllTextAsync(file, world.Config(plan), cancel);
            (world._gateway, world.Chats) = await ServeAsync(file, "/v1", cancel);
            return world;
        }
        catch
        {
            await world.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts `mainstay serve` with a configuration.</summary>
    /// <param name="file">The configuration.</param>
    /// <param name="path">Of the service that is asked.</param>
    /// <returns>The process and where its chats go.</returns>
    public static async Task<(OwnProcess Gateway, Uri Chats)> ServeAsync(string file, string path, CancellationToken cancel)
    {
        var (gateway, line) = await OwnProcess.StartAsync(["serve", "-c", file, "--with-parent"], "traffic on ", cancel);
        return (gateway, new Uri(new Uri(line.Split(',')[0]), $"{path.TrimEnd('/')}/chat/completions"));
    }

    /// <summary>SIGKILL to every engine of a region.</summary>
    public void Kill(string region)
    {
        foreach (var engine in _engines.Where(e => e.Region == region))
            engine.Kill();
    }

    public async ValueTask DisposeAsync()
    {
        if (_gateway is not null)
            await _gateway.DisposeAsync();
        foreach (var engine in _engines)
            await engine.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    private string Config(WorldPlan plan)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $$"""
            version: 1
            traffic: { listen: "http://127.0.0.1:{{FreePort()}}" }
            control: { listen: "http://127.0.0.1:{{FreePort()}}" }
            state: ./state
            remedies: act
            services:
              - name: chat
                match: { path: /v1 }
                api: openai
            {{plan.Service}}    models:
                  {{Model}}:
                    servers:

            """);
        foreach (var engine in _engines)
            text.Append(CultureInfo.InvariantCulture, $"          - {{ url: \"{engine.Url.GetLeftPart(UriPartial.Authority)}/v1\", region: {engine.Region}, model: {Model} }}\n");
        return text.ToString();
    }

    private static int FreePort()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
