using Mainstay.Control.Config;
using Mainstay.Routing;

namespace Mainstay.Tests.Config;

/// <summary>What a good file comes to.</summary>
public sealed class ConfigReaderTests
{
    private const string Full = """
        # Every key that is built, with a value that is not its default.
        version: 1
        traffic: { listen: "http://127.0.0.1:9400", zone: b }
        control:
          listen: "http://0.0.0.0:9401"
          tokens:
            - name: on-call
              sha256: 2BB80D537B1DA3E38BD30361AA855686BDE0EACD7162FEF6A25FE97BF527A25B
              scope: operate
          hosts: [ops.example.test]
        state: ./data
        remedies: act
        notify:
          - { webhook: "https://hooks.example.test/in?room=1", secret_env: HOOK_SECRET }
          - webhook: http://127.0.0.1:7000

        services:
          - name: moderation
            match: { path: /moderation/, strip: true, host: API.example.test }
            host: keep
            api: http
            servers:
              - { url: "http://10.0.1.10:9000", region: us-east-1 }
              - { url: "http://10.0.1.11:9000/v2/", region: us-east-1, zone: b, weight: 2.5, capacity: 200/s, version: v7, api: http }
              - { url: "http://10.0.2.10:9000", region: us-east-2, capacity: 60/m }
              - { url: "https://10.0.9.10:9443", region: us-west-2, rank: 2 }
            regions: [us-east-2, us-east-1, us-west-2]
            slow_start: 30s
            allowed_regions: [us-east-1, us-east-2, us-west-1, us-west-2]
            health: { path: "/health?deep=1", every: 5s, timeout: 500ms }
            timeouts: { connect: 200ms, first_byte: 1.5s, idle: 20s, total: 1m }
            retry: { attempts: 4, budget: 12.5%, replay: safe, body: 64KiB }
            when_down: error
            depends_on: [s3-images, chat]
            customer: { header: X-Customer }
            slo: { availability: 99.9%, latency: { p99: 800ms }, window: 7d }
            remedies: observe
          - name: chat
            servers:
              - { url: "http://10.0.1.20:8000", region: us-east-1 }
              - { url: "http://10.0.2.20:8000", region: us-east-2 }
            regions: share
        """;

    [Fact]
    public void The_full_sample_is_read_whole()
    {
        var result = Written.Read(Full);
        var config = result.Good();

        Assert.Empty(result.Warnings);
        Assert.Equal("/nowhere/mainstay.yaml", config.File);
        Assert.Equal("/nowhere/data", config.StateFolder);
        Assert.Equal(new Uri("http://127.0.0.1:9400"), config.TrafficListen);
        Assert.Equal("b", config.ToTable(1, []).Zone);
        Assert.Equal(new Uri("http://0.0.0.0:9401"), config.Control.Listen);
        Assert.Equal<string>(["ops.example.test"], config.Control.Hosts);
        var token = Assert.Single(config.Control.Tokens);
        Assert.Equal(new TokenConfig("on-call", "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b", TokenScope.Operate), token);
        Assert.Equal(RemedyMode.Act, config.Remedies);
        Assert.Equal(("webhook-1", ChannelKind.Webhook, new Uri("https://hooks.example.test/in?room=1"), "HOOK_SECRET"),
            (config.Notify[0].Name, config.Notify[0].Kind, config.Notify[0].Address!.Url, config.Notify[0].SecretEnvironment));
        Assert.Equal(("webhook-2", new Uri("http://127.0.0.1:7000"), null), (config.Notify[1].Name, config.Notify[1].Address!.Url, config.Notify[1].SecretEnvironment));
        Assert.Equal(["moderation", "chat"], config.Services.Select(s => s.Routing.Name));
    }

    [Fact]
    public void A_service_is_read_whole()
    {
        var service = Written.Read(Full).Good().Services[0];
        var routing = service.Routing;

        Assert.Equal(("/moderation", true, "api.example.test", true), (routing.PathPrefix, routing.Strip, routing.Host, routing.KeepHost));
        Assert.Equal<string>(["us-east-2", "us-east-1", "us-west-2"], routing.Regions);
        Assert.False(routing.ShareRegions);
        Assert.Equal(TimeSpan.FromSeconds(30), routing.SlowStart);
        Assert.Equal<string>(["us-east-1", "us-east-2", "us-west-1", "us-west-2"], routing.AllowedRegions);
        Assert.Equal(new() { Path = "/health?deep=1", Every = TimeSpan.FromSeconds(5), Timeout = TimeSpan.FromMilliseconds(500) }, routing.Health);
        Assert.Equal(
            new()
            {
                Connect = TimeSpan.FromMilliseconds(200),
                FirstByte = TimeSpan.FromSeconds(1.5),
                Idle = TimeSpan.FromSeconds(20),
                Total = TimeSpan.FromMinutes(1),
            },
            routing.Timeouts);
        Assert.Equal(new() { Attempts = 4, Budget = 0.125, ReplaySafe = true, ReplayLimit = 65_536 }, routing.Retry);
        Assert.Equal("X-Customer", routing.CustomerHeader);
        Assert.Null(routing.AnswerWhenDown);
        Assert.Equal<string>(["s3-images", "chat"], service.DependsOn);
        Assert.Equal(new SloConfig { Availability = 0.999, P99 = TimeSpan.FromMilliseconds(800), Window = TimeSpan.FromDays(7) }, service.Slo);
        Assert.Equal(RemedyMode.Observe, service.Remedies);

        Assert.Equal<Server>(
            [
                new() { Url = new("http://10.0.1.10:9000"), Region = "us-east-1" },
                new() { Url = new("http://10.0.1.11:9000/v2/"), Region = "us-east-1", Zone = "b", Weight = 2.5, Capacity = 200, Version = "v7" },
                new() { Url = new("http://10.0.2.10:9000"), Region = "us-east-2", Capacity = 1 },
                new() { Url = new("https://10.0.9.10:9443"), Region = "us-west-2", Rank = 2 },
            ],
            routing.Servers);
    }

    [Fact]
    public void What_is_not_written_has_its_default()
    {
        var result = Written.Read(Written.Small);
        var config = result.Good();

        Assert.Empty(result.Warnings);
        Assert.Equal("/nowhere/state", config.StateFolder);
        Assert.Equal(new Uri("http://127.0.0.1:8400"), config.TrafficListen);
        Assert.Equal(new Uri("http://127.0.0.1:8401"), config.Control.Listen);
        Assert.Equal(RemedyMode.Propose, config.Remedies);
        var service = config.Services[0];
        Assert.Equal(("/", false, null, false), (service.Routing.PathPrefix, service.Routing.Strip, service.Routing.Host, service.Routing.KeepHost));
        Assert.Equal<string>(["us-east-1", "us-east-2"], service.Routing.Regions);
        Assert.Equal(TimeSpan.FromSeconds(10), service.Routing.SlowStart);
        Assert.Null(config.Zone);
        Assert.Equal(new Timeouts(), service.Routing.Timeouts);
        Assert.Equal(new RetryPolicy(), service.Routing.Retry);
        Assert.Null(service.Routing.Health);
        Assert.Null(service.Slo);
        Assert.Null(service.Remedies);
    }

    /// <summary>Keeps the defaults that <see cref="ConfigKeys"/> tells people equal to those that count.</summary>
    [Fact]
    public void Writing_every_default_changes_nothing()
    {
        var yaml = $$"""
            version: 1
            traffic: { listen: "{{Default("traffic.listen")}}" }
            control: { listen: "{{Default("control.listen")}}" }
            state: {{Default("state")}}
            remedies: {{Default("remedies")}}
            services:
              - name: moderation
                match: { path: {{Default("services[].match.path")}}, strip: {{Default("services[].match.strip")}} }
                host: {{Default("services[].host")}}
                api: {{Default("services[].api")}}
                servers:
                  - { url: "http://10.0.1.10:9000", region: us-east-1, weight: {{Default("services[].servers[].weight")}} }
                  - { url: "http://10.0.2.10:9000", region: us-east-2, rank: {{Default("services[].servers[].rank")}},
                      version: {{Default("services[].servers[].version")}} }
                health: { path: /h, every: {{Default("services[].health.every")}}, timeout: {{Default("services[].health.timeout")}} }
                timeouts: { connect: {{Default("services[].timeouts.connect")}}, idle: {{Default("services[].timeouts.idle")}},
                            total: {{Default("services[].timeouts.total")}} }
                retry: { attempts: {{Default("services[].retry.attempts")}}, budget: {{Default("services[].retry.budget")}},
                         body: {{Default("services[].retry.body")}} }
                when_down: {{Default("services[].when_down")}}
                slo: { availability: 99%, window: {{Default("services[].slo.window")}} }
            """;
        var written = Written.Read(yaml).Good();
        var bare = Written.ReadService("health: { path: /h }", "slo: { availability: 99% }").Good();

        Assert.Equal((bare.TrafficListen, bare.Control.Listen), (written.TrafficListen, written.Control.Listen));
        Assert.Equal((bare.StateFolder, bare.Remedies), (written.StateFolder, written.Remedies));
        var (expected, actual) = (bare.Services[0].Routing, written.Services[0].Routing);
        Assert.Equal<Server>(expected.Servers, actual.Servers);
        Assert.Equal(expected with { Servers = [], Regions = [] }, actual with { Servers = [], Regions = [] });
        Assert.Equal(bare.Services[0].Slo, written.Services[0].Slo);

        static string Default(string path)
        {
            var key = ConfigKeys.All.Single(k => k.Path == path);
            Assert.DoesNotContain("(", key.Default);
            return key.Default;
        }
    }

    [Fact]
    public void When_down_may_be_a_queue_in_short_or_in_full()
    {
        var shortly = Written.ReadService("when_down: { queue: ./waiting }").Good().Services[0].Routing.QueueWhenDown!;
        Assert.Equal((10_000, 1L << 30, TimeSpan.FromHours(24)), (shortly.Max, shortly.Size, shortly.Keep));
        Assert.True(Path.IsPathRooted(shortly.Folder));
        Assert.EndsWith("/waiting", shortly.Folder, StringComparison.Ordinal);
        var fully = Written.ReadService("when_down: { queue: { folder: ./waiting, max: 5, size: 2MiB, keep: 1h } }").Good().Services[0].Routing.QueueWhenDown!;
        Assert.Equal(shortly with { Max = 5, Size = 2 << 20, Keep = TimeSpan.FromHours(1) }, fully);
    }

    [Fact]
    public void When_down_is_an_answer_or_a_queue_but_not_both() => Assert.Contains(
        Written.ReadService("when_down: { answer: none.json, queue: ./waiting }").Errors,
        e => e.Key == "services[0].when_down.queue" && e.Wrong.Contains("beside answer", StringComparison.Ordinal));

    [Theory]
    [InlineData("error", null)]
    [InlineData("{ answer: calm.json }", """{"label":"unknown"}""")]
    public void When_down_is_an_error_or_the_answer_of_a_file(string whenDown, string? answer)
    {
        var folder = Directory.CreateTempSubdirectory("mainstay-config-");
        try
        {
            File.WriteAllText(Path.Combine(folder.FullName, "calm.json"), """{"label":"unknown"}""");
            var file = Path.Combine(folder.FullName, "mainstay.yaml");
            File.WriteAllText(file, Written.Small + "\n    when_down: " + whenDown);

            var config = ConfigReader.ReadFile(file).Good();

            Assert.Equal(answer, config.Services[0].Routing.AnswerWhenDown);
            Assert.Equal(Path.Combine(folder.FullName, "state"), config.StateFolder);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public void One_server_is_a_warning_that_says_what_callers_get()
    {
        var result = Written.Read("""
            version: 1
            services:
              - name: moderation
                servers: [{ url: "http://10.0.1.10:9000", region: us-east-1 }]
            """);
        result.Good();
        Assert.Equal(
            "moderation has one server, 10.0.1.10:9000 in us-east-1: when it fails, "
            + "its callers get an error (502, 503 or 504) until it is back.",
            Assert.Single(result.Warnings));
    }

    [Fact]
    public void Servers_of_one_region_are_a_warning_even_if_they_are_of_two_ranks()
    {
        var result = Written.Read("""
            version: 1
            services:
              - name: moderation
                servers:
                  - { url: "http://10.0.1.10:9000", region: us-east-1 }
                  - { url: "http://10.0.1.11:9000", region: us-east-1, rank: 2 }
            """);
        result.Good();
        Assert.StartsWith("moderation has 2 servers, all in us-east-1: when that region fails", Assert.Single(result.Warnings));
    }

    [Fact]
    public void A_first_token_deadline_without_tokens_is_a_warning()
    {
        var result = Written.ReadService("timeouts: { first_token: 5s }");
        result.Good();
        Assert.Contains("timeouts.first_token (line 7) has no effect", Assert.Single(result.Warnings));
    }

    [Fact]
    public void The_table_holds_the_services()
    {
        var table = Written.Read(Full).Good().ToTable(7, []);
        Assert.Equal(7, table.Version);
        Assert.Equal(["moderation", "chat"], table.Services.Select(s => s.Name));
        Assert.True(table.Services[1].ShareRegions);
    }
}
