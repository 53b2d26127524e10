using System.Globalization;
using System.Text;
using Mainstay.Bench.Load;
using Mainstay.Bench.Peers;
using Mainstay.Demo;
using Mainstay.Replay;

namespace Mainstay.Bench.Streams;

/// <summary>Milliseconds to the first token when the preferred server keeps silent.</summary>
/// <param name="FallbackP50Ms">The other server's own time, asked without Mainstay and by as many at once.</param>
/// <param name="BeyondP50Ms">What callers waited beyond the deadline and the fallback's own time.</param>
/// <param name="Wrong">Answers that were not whole and exact.</param>
internal sealed record SilenceRow(
    string Silence, int Requests, double DeadlineMs, double FallbackP50Ms, double CallerP50Ms, double CallerMaxMs, double BeyondP50Ms, double BeyondMaxMs, int Wrong);

/// <summary>Callers that come at once, so that every one of them meets the silence; later ones would find the breaker open.</summary>
internal sealed class SilentProvider(StreamsPlan plan, TimeProvider clock)
{
    private const int PromptTokens = 100;
    private const int AnswerTokens = 20;
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(1);

    private int AtOnce => plan.IsQuick ? 10 : 20;

    public async Task<IReadOnlyList<SilenceRow>> RunAsync(CancellationToken cancel)
    {
        var folder = Directory.CreateTempSubdirectory("mainstay-bench-").FullName;
        // The first failover of a process runs code that is still being compiled, so it has a row of its own.
        SilentServer[] silent = [new("first", Silence.Nothing, clock), .. Enum.GetValues<Silence>().Select(kind => new SilentServer(kind.ToString().ToLowerInvariant(), kind, clock))];
        await using var engine = new ModelProcess(["--engine", "sim", "--model", ReplayWorld.Model, "--decode", "100000"], "b");
        try
        {
            await engine.StartAsync(cancel);
            var file = Path.Combine(folder, "mainstay.yaml");
            await File.WriteAllTextAsync(file, Config(silent, engine.Url), cancel);
            var (gateway, chats) = await ReplayWorld.ServeAsync(file, "/v1", cancel);
            await using var _ = gateway;
            using var direct = new ChatCaller(new Uri(engine.Url, "/v1/chat/completions"), ReplayWorld.Model, clock);
            using var warm = new ChatCaller(chats, "warm", clock);
            for (var i = 0; i < 5; i++)
                foreach (var caller in (ChatCaller[])[direct, warm])
                    await WaveAsync(caller, cancel);
            var rows = new List<SilenceRow>();
            foreach (var server in silent)
            {
                var own = await WaveAsync(direct, cancel);
                using var caller = new ChatCaller(chats, server.Name, clock);
                rows.Add(Row(server.Name, own, await WaveAsync(caller, cancel)));
            }
            return rows;
        }
        finally
        {
            foreach (var server in silent)
                await server.DisposeAsync();
            Directory.Delete(folder, recursive: true);
        }
    }

    private static SilenceRow Row(string name, (double FirstMs, bool IsRight)[] own, (double FirstMs, bool IsRight)[] seen)
    {
        var fallback = Numbers.Median(own.Select(o => o.FirstMs));
        var (half, longest) = (Numbers.Median(seen.Select(s => s.FirstMs)), seen.Max(s => s.FirstMs));
        return new(
            name, seen.Length, Deadline.TotalMilliseconds, fallback, half, longest,
            half - Deadline.TotalMilliseconds - fallback, longest - Deadline.TotalMilliseconds - own.Max(o => o.FirstMs), seen.Count(s => !s.IsRight));
    }

    private async Task<(double FirstMs, bool IsRight)[]> WaveAsync(ChatCaller caller, CancellationToken cancel) =>
        await Task.WhenAll(Enumerable.Range(0, AtOnce).Select(async i =>
        {
            var prompt = ReplayTrace.Prompt(i, PromptTokens);
            var start = clock.GetTimestamp();
            var seen = await caller.AskAsync(prompt, AnswerTokens, null, cancel);
            var first = seen.FirstAt == 0 ? double.PositiveInfinity : clock.GetElapsedTime(start, seen.FirstAt).TotalMilliseconds;
            return (first, seen.Fault(ReplayTrace.Answer(prompt, AnswerTokens)).Length == 0);
        }));

    private static string Config(IEnumerable<SilentServer> silent, Uri engine)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $$"""
            version: 1
            traffic: { listen: "http://127.0.0.1:{{Peer.FreePort()}}" }
            control: { listen: "http://127.0.0.1:{{Peer.FreePort()}}" }
            state: ./state
            services:
              - name: chat
                match: { path: /v1 }
                api: openai
                regions: [a, b]
                timeouts: { first_token: {{(int)Deadline.TotalMilliseconds}}ms }
                models:
                  warm: { servers: [ { url: "{{engine.GetLeftPart(UriPartial.Authority)}}/v1", region: b, model: {{ReplayWorld.Model}} } ] }

            """);
        foreach (var server in silent)
            text.Append(CultureInfo.InvariantCulture, $$"""
                      {{server.Name}}:
                        servers:
                          - { url: "http://127.0.0.1:{{server.Port}}/v1", region: a, model: {{ReplayWorld.Model}} }
                          - { url: "{{engine.GetLeftPart(UriPartial.Authority)}}/v1", region: b, model: {{ReplayWorld.Model}} }

                """);
        return text.ToString();
    }
}
