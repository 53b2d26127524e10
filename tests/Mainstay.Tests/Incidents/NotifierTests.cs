using System.Globalization;
using System.Text.Json;
using Mainstay.Control.Config;
using Mainstay.Control.Incidents;
using Mainstay.Tests.Routing;

namespace Mainstay.Tests.Incidents;

public sealed class NotifierTests : IAsyncDisposable
{
    private const string Secret = "whsec_plJ3nmyCDGBKInavdOK15jsl";
    private const string SecretVariable = "MAINSTAY_TEST_NOTIFIER_SECRET";
    private readonly ManualTime _clock = new();
    private readonly LogLines<Notifier> _log = new();
    private readonly HttpMessageInvoker _connections = new(new SocketsHttpHandler { UseProxy = false });
    private readonly CancellationTokenSource _stop = new();
    private Task _running = Task.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running.Patiently();
        _connections.Dispose();
        _stop.Dispose();
    }

    /// <summary>The example of the Standard Webhooks specification.</summary>
    [Fact]
    public void Signatures_follow_Standard_Webhooks() => Assert.Equal(
        "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0=",
        Notifier.Sign(Secret, "msg_loFOjxBNrRLzqYUf", 1731705121, """{"event_type":"ping","data":{"success":true}}"""));

    [Fact]
    public void A_secret_without_the_prefix_is_taken_as_it_is() =>
        Assert.Equal(
            Notifier.Sign("whsec_" + Convert.ToBase64String("plain"u8), "m", 1, "{}"),
            Notifier.Sign("plain", "m", 1, "{}"));

    [Fact]
    public async Task News_are_signed_and_sent_again_until_they_are_taken()
    {
        Environment.SetEnvironmentVariable(SecretVariable, Secret);
        var bodies = new List<string>();
        await using var receiver = new ScriptedServer(async delivery =>
        {
            bodies.Add(await delivery.ReadBodyAsync());
            await delivery.AnswerAsync(bodies.Count < 3 ? 503 : 204, "");
        });
        var notifier = Run(receiver, SecretVariable);
        notifier.Tell(News(1));

        var first = await receiver.NextAsync();
        await AfterAsync(seconds: 1);
        var second = await receiver.NextAsync();
        await AfterAsync(seconds: 2);
        var third = await receiver.NextAsync();
        notifier.Tell(News(2));
        var next = await receiver.NextAsync();

        Assert.Equal(["1-a", "1-a", "1-a", "2-a"], new[] { first, second, third, next }.Select(d => d.Header("webhook-id")!));
        Assert.Equal("application/json; charset=utf-8", first.Header("Content-Type"));
        var timestamp = long.Parse(third.Header("webhook-timestamp")!, CultureInfo.InvariantCulture);
        Assert.Equal(_clock.GetUtcNow().ToUnixTimeSeconds(), timestamp);
        Assert.Equal(Notifier.Sign(Secret, "1-a", timestamp, bodies[2]), third.Header("webhook-signature"));
        using var body = JsonDocument.Parse(bodies[0]);
        Assert.Equal("detected", body.RootElement.GetProperty("kind").GetString());
        Assert.Equal("us-east-1", body.RootElement.GetProperty("region").GetString());
        Assert.DoesNotContain(_log.Lines, l => l.StartsWith("Error", StringComparison.Ordinal));
    }

    [Fact]
    public async Task What_nobody_takes_is_given_up_and_said_and_the_next_is_sent()
    {
        await using var receiver = new ScriptedServer(async delivery =>
        {
            await delivery.ReadBodyAsync();
            await delivery.AnswerAsync(delivery.Header("webhook-id") == "1-a" ? 500 : 204, "");
        });
        var notifier = Run(receiver, secret: null);
        notifier.Tell(News(1));
        for (var i = 0; i < 10; i++)
        {
            Assert.Null((await receiver.NextAsync()).Header("webhook-signature"));
            if (i < 9)
                await AfterAsync(Math.Min(300, 1 << i));
        }
        notifier.Tell(News(2));
        Assert.Equal("2-a", (await receiver.NextAsync()).Header("webhook-id"));
        Assert.Contains(_log.Lines, l => l.StartsWith("Error", StringComparison.Ordinal) && l.Contains("1-a", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_thousand_news_wait_and_more_are_only_logged()
    {
        await using var receiver = ScriptedServer.Answering("");
        var notifier = Make(receiver, secret: null);
        for (var i = 0; i < 1010; i++)
            notifier.Tell(News(i));
        Assert.Equal(10, _log.Lines.Count(l => l.StartsWith("Error", StringComparison.Ordinal)));
        Assert.Equal(1010, _log.Lines.Count(l => l.StartsWith("Warning: Incident", StringComparison.Ordinal)));
        _running = notifier.RunAsync(_stop.Token);
        for (var i = 0; i < 1000; i++)
            Assert.Equal($"{i}-a", (await receiver.NextAsync()).Header("webhook-id"));
    }

    private static News News(int incident) =>
        new($"{incident}-a", incident, "detected", "us-east-1", ["chat"], "Detection", Scene.Start, "errors of chat");

    private Notifier Make(ScriptedServer receiver, string? secret)
    {
        var webhook = new WebhookConfig(new Uri($"http://{receiver.Name}/hook"), secret);
        return new(() => [webhook], _clock, _log, _connections);
    }

    private Notifier Run(ScriptedServer receiver, string? secret)
    {
        var notifier = Make(receiver, secret);
        _running = notifier.RunAsync(_stop.Token);
        return notifier;
    }

    /// <summary>Waits until the failure was noticed, and lets the pause after it pass. The deadline of a post is no pause.</summary>
    private async Task AfterAsync(int seconds)
    {
        while (_clock.UntilNextTimer != TimeSpan.FromSeconds(seconds))
            await Task.Yield();
        _clock.Advance(TimeSpan.FromSeconds(seconds));
    }
}
