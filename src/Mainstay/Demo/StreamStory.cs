using System.Globalization;
using Mainstay.Commands;
using Mainstay.Control.Config;
using Mainstay.Engine;
using Mainstay.Replay;
using Mainstay.Routing;
using Spectre.Console;

namespace Mainstay.Demo;

/// <summary>
/// One answer, told word by word, whose server dies in the middle of a word: real processes, a real SIGKILL. The sentence goes on from
/// another region, and what is read at the end is byte for byte what one server alone would have said.
/// </summary>
/// <param name="listen">Where the gateway listens.</param>
/// <param name="folder">Where the configuration goes.</param>
/// <param name="live">True: in colour.</param>
internal sealed class StreamStory(Uri listen, string folder, int seed, bool live, TimeProvider clock, TextWriter output) : IAsyncDisposable
{
    private const string Model = "storyteller";
    private const string Prompt = "Tell me a story about a lighthouse that never goes dark.";
    private const int FewestTokens = 75;

    /// <summary>So much of the answer is told before its server dies.</summary>
    private const int KillAfter = 36;

    private const int Width = 96;
    private static readonly string[] Regions = ["us-east-1", "us-east-2"];
    private readonly List<ModelProcess> _engines = [];
    private readonly int _tokens = ToTheEndOfASentence();
    private int _column;
    private int _told;
    private string _sentBy = "";
    private int _saidBefore;

    /// <summary>Tells it.</summary>
    /// <returns>True if the answer came whole, although its server died.</returns>
    /// <exception cref="CommandException">Something that it needs is missing; the message says what.</exception>
    public async Task<bool> RunAsync(CancellationToken cancel)
    {
        Directory.CreateDirectory(folder);
        foreach (var region in Regions)
            _engines.Add(new ModelProcess(["--engine", "sim", "--model", Model, "--name", region, "--step", "80ms"], region));
        await Task.WhenAll(_engines.Select(e => e.StartAsync(cancel)));
        var config = ReadConfig();
        using var logs = Composition.MakeLogs(LogLevel.Error);
        await using var composition = new Composition(clock, seed, logs);
        var routes = new LiveRoutes(clock, seed + 2);
        routes.Swap(config.ToTable(0, []));
        var url = new Uri(await composition.StartDataPlaneAsync(routes, config.TrafficListen, null, cancel));

        await SayAsync("Two model servers, one in each region, and Mainstay in front of them:");
        foreach (var engine in _engines)
            await SayAsync($"  {engine.Region}   process {engine.Id}, {engine.Url.GetLeftPart(UriPartial.Authority)}");
        await SayAsync($"  Mainstay    {url.GetLeftPart(UriPartial.Authority)}/v1, configured by {config.File}");
        await SayAsync("");
        await SayAsync($"You ask: {Prompt}");
        await SayAsync("");
        Begin();
        using var caller = new ChatCaller(new Uri(url, "/v1/chat/completions"), Model, clock);
        var longest = TimeSpan.Zero;
        var last = 0L;
        var seen = await caller.AskAsync(Prompt, _tokens, heard =>
        {
            if (last != 0 && clock.GetElapsedTime(last, heard.At) is var gap && gap > longest)
                longest = gap;
            last = heard.At;
            Tell(heard);
        }, cancel);
        cancel.ThrowIfCancellationRequested();
        await output.WriteLineAsync();
        var fault = seen.Fault(SimulatedText.Whole($"user: {Prompt}\n", _tokens));
        var decision = composition.Explain(seen.RequestId);
        var goneOnBy = decision?.Steps.LastOrDefault(s => s.Kind == DecisionStepKind.Attempt)?.Region ?? "";
        await EndAsync(seen, goneOnBy, longest, fault, decision);
        return fault.Length == 0 && _sentBy.Length > 0 && goneOnBy != _sentBy;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var engine in _engines)
            await engine.DisposeAsync();
    }

    private MainstayConfig ReadConfig()
    {
        var file = Path.Combine(folder, "mainstay.yaml");
        var servers = string.Concat(_engines.Select(e =>
            $"          - {{ url: \"{e.Url.GetLeftPart(UriPartial.Authority)}/v1\", region: {e.Region}, model: {Model} }}\n"));
        File.WriteAllText(file, $$"""
            version: 1
            traffic: { listen: "{{listen.GetLeftPart(UriPartial.Authority)}}" }
            state: ./state
            services:
              - name: chat
                match: { path: /v1 }
                api: openai
                models:
                  {{Model}}:
                    servers:
            {{servers}}
            """);
        var result = ConfigReader.ReadFile(file);
        return result.Config ?? throw new CommandException(string.Join(Environment.NewLine, result.Errors));
    }

    private void Begin()
    {
        output.Write("  ");
        _column = 2;
    }

    /// <summary>Prints a token; kills its server when enough is told and the word is not over.</summary>
    private void Tell(ChatEvent heard)
    {
        var colour = _sentBy.Length > 0 ? "green" : "default";
        if (_column + heard.Text.Length > Width && heard.Text.StartsWith(' '))
        {
            output.WriteLine();
            Begin();
            Write(heard.Text.TrimStart(), colour);
        }
        else
            Write(heard.Text, colour);
        _told++;
        if (_sentBy.Length > 0 || _told < KillAfter || IsWordOver(_told))
            return;
        _sentBy = heard.Engine;
        _saidBefore = _told;
        _engines.First(e => e.Region == heard.Engine).Kill();
        Write("✖", "bold red");
    }

    private static int ToTheEndOfASentence()
    {
        var tokens = FewestTokens;
        while (!SimulatedText.Whole($"user: {Prompt}\n", tokens).EndsWith('.'))
            tokens++;
        return tokens;
    }

    /// <summary>The story is known beforehand: what begins with a letter belongs to the word before.</summary>
    private static bool IsWordOver(int told) =>
        !char.IsLetter(SimulatedText.Whole($"user: {Prompt}\n", told + 1)[SimulatedText.Whole($"user: {Prompt}\n", told).Length]);

    private void Write(string text, string colour)
    {
        _column += text.Length;
        if (live)
            AnsiConsole.Markup($"[{colour}]{Markup.Escape(text)}[/]");
        else
            output.Write(text);
        output.Flush();
    }

    private async Task EndAsync(ChatSeen seen, string goneOnBy, TimeSpan longest, string fault, Decision? decision)
    {
        await SayAsync("");
        if (_sentBy.Length > 0)
            await SayAsync($"At ✖, in the middle of a word, the server in {_sentBy} got SIGKILL. {_saidBefore} tokens had come from it.");
        await SayAsync(fault.Length > 0
            ? $"The answer did not come whole: {fault}"
            : string.Create(CultureInfo.InvariantCulture,
                $"The other {seen.Tokens - _saidBefore} came from {goneOnBy}; the longest pause between two tokens was {longest.TotalMilliseconds:0} ms (80 ms is usual here).\nAll {seen.Tokens} tokens are byte for byte what one server alone would have said."));
        await SayAsync("");
        await SayAsync($"$ mainstay explain {seen.RequestId}");
        foreach (var line in decision is null ? ["Its record is not there any more."] : DecisionText.Lines(decision))
            await SayAsync(StatusText.Clean(line));
    }

    private Task SayAsync(string line) => output.WriteLineAsync(line);
}
