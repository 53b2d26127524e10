using FsCheck.Fluent;
using Mainstay.Routing;
using Mainstay.Routing.Certificates;
using Mainstay.Routing.Models;
using Mainstay.Tests.Routing;

namespace Mainstay.Tests.Models;

/// <summary>What engines say of their load, and what becomes of it.</summary>
public sealed class EngineWatchTests : IDisposable
{
    private const string Vllm = "# HELP vllm:num_requests_running x\nvllm:num_requests_running{model_name=\"m\"} 7\nvllm:num_requests_waiting{model_name=\"m\"} 3\nvllm:kv_cache_usage_perc{model_name=\"m\"} 0.25\n";

    private readonly ManualTime _clock = new();
    private readonly ServerProbe _probe;
    private readonly EngineWatch _watch;

    public EngineWatchTests()
    {
        _probe = new ServerProbe(_clock);
        _watch = new EngineWatch(_probe, _clock, new Random(1));
    }

    public void Dispose() => _probe.Dispose();

    [Theory]
    [InlineData(Vllm, 7, 3, 0.25)]
    [InlineData("vllm:num_requests_running{engine=\"0\",model_name=\"a}b\"} 2.0\r\nvllm:num_requests_running{engine=\"1\"} 3.0\nvllm:num_requests_waiting 1 1700000000000\nvllm:gpu_cache_usage_perc{engine=\"0\"} 0.1\nvllm:gpu_cache_usage_perc{engine=\"1\"} 0.9\n", 5, 1, 0.9)]
    [InlineData("sglang:num_running_reqs{model_name=\"m\"} 12.0\nsglang:num_queue_reqs{model_name=\"m\"} 4.0\nsglang:token_usage{model_name=\"m\"} 0.5\n", 12, 4, 0.5)]
    [InlineData("tgi_queue_size 2\ntgi_batch_current_size 8\ntgi_batch_current_max_tokens 900\n", 8, 2, null)]
    [InlineData("tgi_queue_size 2\n", 0, 2, null)]
    public void Each_engine_is_understood(string text, int running, int waiting, double? cache) =>
        Assert.Equal(new EngineSample(running, waiting, cache), EngineSample.Read(text));

    [Theory]
    [InlineData("")]
    [InlineData("<html>vllm:num_requests_running 3</html>")]
    [InlineData("vllm:num_requests_running NaN\nvllm:num_requests_waiting +Inf\n")]
    [InlineData("vllm:num_requests_running -4\n")]
    [InlineData("vllm:num_requests_running_total 4\nother_metric 1\n")]
    public void What_is_no_number_of_an_engine_counts_for_nothing(string text) => Assert.Null(EngineSample.Read(text));

    [Fact]
    public void Arbitrary_text_does_no_harm() => Property.Holds(
        Gen.Elements("vllm:num_requests_running", "{", "}", " ", "\n", "\"", "7", "1e999", "-1", "#", "é").ListOf(),
        parts => EngineSample.Read(string.Concat(parts)) is null or { Running: >= 0, Waiting: 0, Cache: null });

    [Fact]
    public async Task Work_that_others_sent_counts_as_load_and_one_of_equals_is_left_for_it()
    {
        await using var busy = ScriptedServer.Answering(Vllm);
        await using var idle = ScriptedServer.Answering("vllm:num_requests_running 2\nvllm:num_requests_waiting 0\n");
        var service = Live(busy.In("r1").As(a => a with { Metrics = "/metrics" }), idle.In("r1").As(a => a with { Metrics = $"http://{idle.Name}/other" }));
        var (one, two) = (service.Servers[0], service.Servers[1]);
        var places = Enumerable.Range(0, 2).Select(_ => two.TryEnter(force: false)!).ToList();
        places.ForEach(p => p.SetTokens(100));
        await _watch.AskAsync(one, service, default).Patiently();
        await _watch.AskAsync(two, service, default).Patiently();
        Assert.Equal("/metrics", (await busy.NextAsync()).Target);
        Assert.Equal("/other", (await idle.NextAsync()).Target);
        Assert.Equal((10, 0), (one.Report(_clock.GetUtcNow()).Engine!.Others, two.Report(_clock.GetUtcNow()).Engine!.Others));
        // Ten of the usual length, against two of our own with a hundred tokens each.
        Assert.Equal((1 + (10 * service.State.Answers.Expected(null)), 201), ((long)one.Load(service.Now, 0), (long)two.Load(service.Now, 0)));
        var picker = new Picker(seed: 1);
        Assert.All(Enumerable.Range(0, 20), _ => Assert.Same(two, picker.Pick(service, [], 0.5)));
        var why = new PassedOver[2];
        Picker.Explain(service, [], 0.5, two, why);
        Assert.Equal([PassedOver.Busier, PassedOver.No], why);
    }

    [Fact]
    public async Task What_is_stale_counts_for_nothing_and_that_is_said()
    {
        var isBroken = false;
        await using var server = new ScriptedServer(async delivery => await delivery.AnswerAsync(isBroken ? 500 : 200, Vllm));
        var service = Live(server.In("r1").As(a => a with { Metrics = "/metrics" }));
        var live = service.Servers[0];
        await _watch.AskAsync(live, service, default).Patiently();
        isBroken = true;
        await _watch.AskAsync(live, service, default).Patiently();
        // Good for a few seconds more.
        Assert.Equal((10, "answered 500"), (live.Report(_clock.GetUtcNow()).Engine!.Others, live.Report(_clock.GetUtcNow()).EngineTrouble));
        Assert.True(live.Load(service.Now, 0) > 1);
        _clock.Advance(EngineLoad.GoodFor);
        Assert.Equal(1, live.Load(service.Now, 0));
        Assert.Null(live.Report(_clock.GetUtcNow()).Engine);
        Assert.Equal("answered 500", live.Report(_clock.GetUtcNow()).EngineTrouble);
    }

    [Theory]
    [InlineData("<html>", "they name no engine that is known: vLLM, SGLang or TGI")]
    [InlineData(null, "it refused the connection")]
    public async Task What_cannot_be_read_is_said(string? answer, string trouble)
    {
        await using var server = answer is null ? ScriptedServer.Refusing() : ScriptedServer.Answering(answer);
        var service = Live(server.In("r1").As(a => a with { Metrics = "/metrics" }));
        await _watch.AskAsync(service.Servers[0], service, default).Patiently();
        Assert.Equal((null, trouble), (service.Servers[0].Report(_clock.GetUtcNow()).Engine, service.Servers[0].Report(_clock.GetUtcNow()).EngineTrouble));
    }

    [Fact]
    public async Task Each_is_asked_about_once_a_second_and_only_those_that_name_metrics()
    {
        await using var server = ScriptedServer.Answering(Vllm);
        await using var other = ScriptedServer.Answering(Vllm);
        var service = Live(server.In("r1").As(a => a with { Metrics = "/metrics" }), other.In("r2"));
        Assert.Equal([ServerTrust.OfMachine], _watch.Beat([service], default));
        await server.NextAsync();
        await _watch.UnderWay.Patiently();
        _watch.Beat([service], default);
        _clock.Advance(TimeSpan.FromSeconds(1.1));
        _watch.Beat([service], default);
        await server.NextAsync();
        await _watch.UnderWay.Patiently();
        Assert.Equal((2, 0), (server.Received, other.Received));
    }

    [Fact]
    public void Explain_says_how_much_of_it_is_of_others()
    {
        var choice = new DecisionStep(DecisionStepKind.Choice, default)
        {
            Server = "b",
            Region = "r1",
            Candidates = [new("b", "r1", 1, 1, PassedOver.No, null), new("a", "r1", 0, 1, PassedOver.Busier, null) { Others = 10 }],
        };
        var lines = DecisionText.Lines(new Decision("r-1", _clock.GetUtcNow(), "chat/fast", 1, 0.5, OutcomeResult.Succeeded, 200, default, default, [choice], 0));
        Assert.Contains(lines, l => l.Contains("b chosen (1 outstanding, least of 2); a passed over: busier (0 outstanding and 10 of others).", StringComparison.Ordinal));
    }

    private LiveService Live(params Server[] servers)
    {
        var routes = new LiveRoutes(_clock);
        routes.Swap(new RouteTable(1, [ModelHouse.Fast(servers)], []));
        return routes.Current.Services[0];
    }
}
