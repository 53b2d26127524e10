using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using System.Text.Json;
using Mainstay.Control;
using Mainstay.Control.Config;
using Mainstay.Control.Notify;
using Mainstay.Tests.Routing;

namespace Mainstay.Tests.Notify;

public sealed class DispatcherTests : IAsyncDisposable
{
    private const string Secret = "whsec_plJ3nmyCDGBKInavdOK15jsl";
    private const string SecretVariable = "MAINSTAY_TEST_DISPATCHER_SECRET";
    private readonly ManualTime _clock = new();
    private readonly LogLines<Dispatcher> _log = new();
    private readonly Outbox _outbox = new(null, 1);
    private readonly Troubles _troubles = new();
    private readonly CancellationTokenSource _stop = new();
    private Dispatcher? _dispatcher;
    private Task _running = Task.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running.Patiently();
        _dispatcher?.Dispose();
        _outbox.Dispose();
        _stop.Dispose();
    }

    /// <summary>The example of the Standard Webhooks specification.</summary>
    [Fact]
    public void Signatures_follow_Standard_Webhooks() => Assert.Equal(
        "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0=",
        HttpDelivery.Sign(Secret, "msg_loFOjxBNrRLzqYUf", 1731705121, """{"event_type":"ping","data":{"success":true}}"""));

    [Fact]
    public void A_secret_without_the_prefix_is_taken_as_it_is() =>
        Assert.Equal(HttpDelivery.Sign("whsec_" + Convert.ToBase64String("plain"u8), "m", 1, "{}"), HttpDelivery.Sign("plain", "m", 1, "{}"));

    [Fact]
    public async Task Webhooks_are_signed_and_sent_again_until_they_are_taken()
    {
        Environment.SetEnvironmentVariable(SecretVariable, Secret);
        var bodies = new List<string>();
        await using var receiver = new ScriptedServer(async delivery =>
        {
            bodies.Add(await delivery.ReadBodyAsync());
            await delivery.AnswerAsync(bodies.Count < 3 ? 503 : 204, "");
        });
        Run(Web(receiver, ChannelKind.Webhook) with { SecretEnvironment = SecretVariable });
        Save(Message("m-1"), Message("m-2"));
        var deliveries = new[] { await NextAsync(receiver), await NextAsync(receiver), await NextAsync(receiver), await NextAsync(receiver) };

        Assert.Equal(["m-1", "m-2"], deliveries.Select(d => d.Header("webhook-id")!).Distinct().Order(StringComparer.Ordinal));
        var third = deliveries[2];
        Assert.Equal("application/json; charset=utf-8", third.Header("Content-Type"));
        var timestamp = long.Parse(third.Header("webhook-timestamp")!, CultureInfo.InvariantCulture);
        Assert.Equal(HttpDelivery.Sign(Secret, third.Header("webhook-id")!, timestamp, bodies[2]), third.Header("webhook-signature"));
        using var body = JsonDocument.Parse(bodies[0]);
        Assert.Equal(("opened", "us-east-1", 41, "page"), (
            body.RootElement.GetProperty("kind").GetString(), body.RootElement.GetProperty("region").GetString(),
            body.RootElement.GetProperty("incident").GetInt32(), body.RootElement.GetProperty("severity").GetString()));
        await UntilAsync(() => _outbox.Status()[0] is { Waiting: 0, Delivered: 2 });
        Assert.Empty(_troubles.List());
    }

    [Fact]
    public async Task What_a_receiver_finds_wrong_is_not_sent_again_and_the_next_is_sent()
    {
        await using var receiver = new ScriptedServer(async delivery =>
        {
            await delivery.ReadBodyAsync();
            await delivery.AnswerAsync(delivery.Header("webhook-id") == "m-1" ? 400 : 204, "no\nsuch thing");
        });
        Run(Web(receiver, ChannelKind.Webhook));
        Save(Message("m-1"), Message("m-2"));
        await UntilAsync(() => _outbox.Status()[0].Delivered == 1);
        var failed = Assert.Single(_outbox.Status()[0].Failed);
        Assert.Equal(("m-1", "answered 400: no such thing"), (failed.Id, failed.Error));
        Assert.Equal(2, receiver.Received);
    }

    [Fact]
    public async Task A_receiver_that_hangs_holds_up_no_other()
    {
        await using var hanging = new ScriptedServer(delivery => delivery.WaitForOtherSideToLeaveAsync());
        await using var well = ScriptedServer.Answering("");
        Run(Web(hanging, ChannelKind.Webhook) with { Name = "hanging" }, Web(well, ChannelKind.Webhook) with { Name = "well" });
        Save([.. Enumerable.Range(0, 10).SelectMany(i => new[] { Message($"h-{i}") with { Channel = "hanging" }, Message($"w-{i}") with { Channel = "well" } })]);
        await UntilAsync(() => _outbox.Status().Any(s => s is { Name: "well", Delivered: 10 }));
        await UntilAsync(() => _outbox.Status().Any(s => s is { Name: "hanging", LastError: "no end within 300 s" }), TimeSpan.FromMinutes(1));
        Assert.Contains("notify hanging", Assert.Single(_troubles.List()), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(ChannelKind.Slack, "{\"text\":\":rotating_light: *us-east-1: \\u0026lt;all\\u0026gt; gone*\\nline 1\\nline 2\"}")]
    [InlineData(ChannelKind.Teams, "\"type\":\"AdaptiveCard\"")]
    public async Task Chats_get_what_they_understand(ChannelKind kind, string part)
    {
        string? body = null;
        await using var receiver = new ScriptedServer(async delivery =>
        {
            body = await delivery.ReadBodyAsync();
            await delivery.AnswerAsync(200, "ok");
        });
        Run(Web(receiver, kind));
        Save(Message("m-1") with { Title = "us-east-1: <all> gone", Text = "line 1\nline 2" });
        await NextAsync(receiver);
        await UntilAsync(() => _outbox.Status()[0].Delivered == 1);
        Assert.Contains(part, body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task PagerDuty_is_told_of_begin_acknowledgement_and_end_under_one_key()
    {
        Environment.SetEnvironmentVariable(SecretVariable, Secret);
        var bodies = new List<JsonElement>();
        await using var receiver = new ScriptedServer(async delivery =>
        {
            bodies.Add(JsonDocument.Parse(await delivery.ReadBodyAsync()).RootElement);
            await delivery.AnswerAsync(202, "{}");
        });
        Run(Web(receiver, ChannelKind.PagerDuty) with { SecretEnvironment = SecretVariable });
        Save(Message("m-1"), Message("m-2") with { Kind = MessageKind.Acknowledged }, Message("m-3") with { Kind = MessageKind.Resolved });
        await UntilAsync(() => bodies.Count == 3);
        Assert.Equal(["trigger", "acknowledge", "resolve"], bodies.Select(b => b.GetProperty("event_action").GetString()));
        Assert.All(bodies, b => Assert.Equal((Secret, "mainstay-1"), (b.GetProperty("routing_key").GetString(), b.GetProperty("dedup_key").GetString())));
        Assert.Equal("critical", bodies[0].GetProperty("payload").GetProperty("severity").GetString());
    }

    [Fact]
    public async Task A_test_goes_out_at_once_and_says_what_became_of_it()
    {
        await using var receiver = new ScriptedServer(async delivery =>
        {
            await delivery.ReadBodyAsync();
            await delivery.AnswerAsync(delivery.Target == "/good" ? 200 : 403, "who are you");
        });
        Run(Web(receiver, ChannelKind.Webhook, "/good") with { Name = "good" }, Web(receiver, ChannelKind.Webhook, "/bad") with { Name = "bad" });
        Assert.Equal("", await _dispatcher!.TestAsync("good", "ada", default).Patiently());
        Assert.Equal("answered 403: who are you", await _dispatcher.TestAsync("bad", "ada", default).Patiently());
        Assert.Contains("Known are: good, bad", await _dispatcher.TestAsync("bat", "ada", default).Patiently(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_address_of_the_machines_own_link_is_refused_unless_allowed()
    {
        var metadata = new ChannelConfig { Name = "ops", Kind = ChannelKind.Webhook, Address = new WebAddress(new Uri("http://169.254.169.254/latest/meta-data"), null), Timeout = TimeSpan.FromMinutes(5) };
        Run(metadata);
        Assert.Contains("metadata service", await _dispatcher!.TestAsync("ops", "ada", default).Patiently(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("169.254.169.254", true)]
    [InlineData("::ffff:169.254.1.1", true)]
    [InlineData("64:ff9b::a9fe:a9fe", true)]
    [InlineData("fe80::1", true)]
    [InlineData("fd00:ec2::254", true)]
    [InlineData("0.0.0.0", true)]
    [InlineData("::", true)]
    [InlineData("255.255.255.255", true)]
    [InlineData("100.100.100.200", true)]
    [InlineData("127.0.0.1", false)]
    [InlineData("::1", false)]
    [InlineData("10.0.0.1", false)]
    [InlineData("192.168.1.1", false)]
    [InlineData("fd00::1", false)]
    [InlineData("8.8.8.8", false)]
    public void Addresses_are_told_apart(string address, bool isRefused) => Assert.Equal(isRefused, GuardedConnect.IsRefused(IPAddress.Parse(address)));

    [Fact]
    public async Task A_variable_that_holds_no_address_is_said_and_the_message_waits()
    {
        Run(new ChannelConfig { Name = "ops", Kind = ChannelKind.Slack, Address = new WebAddress(null, "MAINSTAY_TEST_NO_SUCH_VARIABLE") });
        Save(Message("m-1"));
        await UntilAsync(() => _outbox.Status()[0].LastError is not null);
        Assert.Contains("MAINSTAY_TEST_NO_SUCH_VARIABLE holds no http or https address", _outbox.Status()[0].LastError, StringComparison.Ordinal);
        Assert.Equal(1, _outbox.Status()[0].Waiting);
    }

    [Fact]
    public async Task The_dead_mans_switch_is_held_while_the_loop_ticks_and_let_go_when_it_stands_still()
    {
        var beats = 0;
        await using var receiver = new ScriptedServer(async delivery =>
        {
            Interlocked.Increment(ref beats);
            await delivery.AnswerAsync(200, "");
        });
        _dispatcher = new Dispatcher(_outbox, () => [], _troubles, _clock, _log);
        var ticked = _clock.GetUtcNow();
        var heartbeat = new OwnHeartbeat(new WebAddress(new Uri($"http://{receiver.Name}/"), null), TimeSpan.FromSeconds(30));
        _running = new DeadMansSwitch(_dispatcher, () => heartbeat, () => ticked, _troubles, _clock).RunAsync(_stop.Token);
        await UntilAsync(() => Volatile.Read(ref beats) == 1);
        for (var i = 0; i < 4; i++)
        {
            ticked = _clock.GetUtcNow() + TimeSpan.FromMinutes(1);
            var before = beats;
            await UntilAsync(() => Volatile.Read(ref beats) > before, TimeSpan.FromSeconds(1));
        }
        ticked = _clock.GetUtcNow() - TimeSpan.FromMinutes(1);
        var last = beats;
        for (var i = 0; i < 200; i++)
        {
            _clock.Advance(TimeSpan.FromSeconds(1));
            await Task.Yield();
        }
        Assert.InRange(Volatile.Read(ref beats), last, last);
    }

    private static Message Message(string id) => new()
    {
        Id = id,
        Channel = "ops",
        Kind = MessageKind.Opened,
        Thread = "mainstay-1",
        At = Scene.Start,
        Title = "us-east-1: gone",
        Text = "why",
        Region = "us-east-1",
        Incident = 41,
        Alert = 7,
    };

    private static ChannelConfig Web(ScriptedServer receiver, ChannelKind kind, string path = "/hook") => new()
    {
        Name = "ops",
        Kind = kind,
        Address = new WebAddress(new Uri($"http://{receiver.Name}{path}"), null),
        Limit = 1000,
        // The clock is pushed on while real sockets work.
        Timeout = TimeSpan.FromMinutes(5),
        Keep = TimeSpan.FromDays(7),
    };

    private void Run(params ImmutableArray<ChannelConfig> channels)
    {
        _dispatcher = new Dispatcher(_outbox, () => channels, _troubles, _clock, _log);
        _running = _dispatcher.RunAsync(_stop.Token);
    }

    private void Save(params Message[] messages) => Assert.True(_outbox.Save(new Dictionary<string, string?>(), messages, _clock.GetUtcNow(), out _));

    private async Task<Delivery> NextAsync(ScriptedServer receiver)
    {
        var next = receiver.NextAsync();
        await UntilAsync(() => next.IsCompleted);
        return await next;
    }

    /// <summary>Pushes the clock on until something is so.</summary>
    private async Task UntilAsync(Func<bool> isSo, TimeSpan? step = null)
    {
        for (var i = 0; i < 10_000 && !isSo(); i++)
        {
            _clock.Advance(step ?? TimeSpan.FromMilliseconds(250));
            await Task.Delay(TimeSpan.FromMilliseconds(2), TimeProvider.System);
        }
        Assert.True(isSo(), string.Join('\n', _log.Lines.Concat(_troubles.List())));
    }
}
