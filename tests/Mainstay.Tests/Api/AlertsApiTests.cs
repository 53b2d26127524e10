using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Mainstay.Control;
using Mainstay.Control.Config;

namespace Mainstay.Tests.Api;

public sealed class AlertsApiTests : IAsyncLifetime, IDisposable
{
    private ListenerFixture _listener = null!;
    private HttpClient _http = null!;

    public async Task InitializeAsync()
    {
        _listener = await ListenerFixture.StartAsync();
        _http = new HttpClient(new SocketsHttpHandler { UseCookies = false, Expect100ContinueTimeout = Patience.Generous }) { BaseAddress = _listener.Address };
    }

    public async Task DisposeAsync() => await _listener.DisposeAsync();

    public void Dispose() => _http.Dispose();

    [Theory]
    [InlineData("""[{"name":"DiskFull"}]""", 200, "")]
    [InlineData("""[{"name":"DiskFull","severity":"warning","labels":{"a":"b"},"since":"2026-01-01T00:00:00Z","until":"2026-01-01T01:00:00Z"}]""", 200, "")]
    [InlineData("""[{"name":""}]""", 400, "Alert 1: The body must be a list")]
    [InlineData("""[{"name":"a"},null]""", 400, "Alert 2: The body must be a list")]
    [InlineData("""[{"name":"a","severity":"bad"}]""", 400, "write page or warning")]
    [InlineData("""[{"name":"a","colour":"red"}]""", 400, "The body must be a list")]
    [InlineData("""{"name":"a"}""", 400, "The body must be a list")]
    [InlineData("[]", 400, "The body must be a list")]
    [InlineData("", 400, "The body must be a list")]
    [InlineData("""[{"name":"a","until":"tomorrow"}]""", 400, "The body must be a list")]
    public async Task Alerts_are_raised_or_refused_with_the_cure(string body, int status, string said)
    {
        var text = await SendAsync(HttpMethod.Post, "/api/alerts", body, status);
        Assert.Contains(said, text, StringComparison.Ordinal);
        Assert.Equal(status == 200 ? 1 : 0, _listener.Orders.Count);
    }

    [Fact]
    public async Task Bounds_hold()
    {
        var many = string.Join(',', Enumerable.Range(0, 1001).Select(i => $$"""{"name":"n{{i}}"}"""));
        Assert.Contains("More than 1000 alerts", await SendAsync(HttpMethod.Post, "/api/alerts", $"[{many}]", 400), StringComparison.Ordinal);
        Assert.Contains("more than 200 characters", await SendAsync(HttpMethod.Post, "/api/alerts", $$"""[{"name":"{{new string('x', 201)}}"}]""", 400), StringComparison.Ordinal);
        await SendAsync(HttpMethod.Post, "/api/alerts", $$"""[{"name":"a","summary":"{{new string('x', 200_000)}}"}]""", 200);
        Assert.Equal(2000, Assert.Single(((RaiseOrder)_listener.Orders.Single()).Alerts).Summary.Length);
        await SendAsync(HttpMethod.Post, "/api/alerts", $$"""[{"name":"a","summary":"{{new string('x', 2_000_000)}}"}]""", 413);
    }

    [Fact]
    public async Task Prometheus_is_understood()
    {
        await SendAsync(HttpMethod.Post, "/api/v2/alerts", """
            [{"labels":{"alertname":"HighErrors","job":"chat","instance":"10.0.0.1:80","region":"us-east-1","severity":"critical","team":"ml"},
              "annotations":{"summary":"5 % fail","description":"of\n1000"},"startsAt":"2026-01-01T00:00:00.000Z","endsAt":"2026-01-01T00:04:00.000Z","generatorURL":"http://p/"},
             {"labels":{"alertname":"Slow","service":"vision","severity":"info"},"endsAt":"0001-01-01T00:00:00Z"}]
            """, 200);
        var alerts = ((RaiseOrder)_listener.Orders.Single()).Alerts;
        Assert.Equal(("prometheus", "HighErrors", "chat", "us-east-1", "10.0.0.1:80", Severity.Page, "5 % fail", "of 1000"),
            (alerts[0].Source, alerts[0].Name, alerts[0].Service, alerts[0].Region, alerts[0].Server, alerts[0].Severity, alerts[0].Summary, alerts[0].Observed));
        Assert.Equal("ml", Assert.Single(alerts[0].Labels).Value);
        Assert.Equal(("vision", Severity.Warning, (DateTimeOffset?)null), (alerts[1].Service, alerts[1].Severity, alerts[1].Until));
    }

    [Theory]
    [InlineData("""{"matchers":["region=us-east-1","service!=chat*"],"for":"2h","why":"known"}""", 200, "")]
    [InlineData("""{"matchers":["region=us-east-1"]}""", 400, "say how long")]
    [InlineData("""{"matchers":["region=us-east-1"],"for":"2"}""", 400, "add the unit")]
    [InlineData("""{"matchers":["zone=x"],"for":"2h"}""", 400, "has no \\u0022zone\\u0022")]
    [InlineData("""{"matchers":[],"for":"2h"}""", 400, "The body must be JSON")]
    [InlineData("""{"for":"2h"}""", 400, "The body must be JSON")]
    public async Task A_silence_is_ordered_or_refused_with_the_cure(string body, int status, string said)
    {
        Assert.Contains(said, await SendAsync(HttpMethod.Post, "/api/silences", body, status), StringComparison.Ordinal);
        if (status != 200)
            return;
        var order = (SilenceOrder)Assert.Single(_listener.Orders);
        Assert.Equal(("region=us-east-1, service!=chat*", TimeSpan.FromHours(2), "operator", "known"), (string.Join(", ", order.Matchers), order.For, order.Who, order.Why));
    }

    [Fact]
    public async Task Orders_of_a_responder_carry_who_and_why()
    {
        await SendAsync(HttpMethod.Post, "/api/alerts/7/ack", """{"why":"mine"}""", 200);
        await SendAsync(HttpMethod.Delete, "/api/silences/3", """{"why":"done"}""", 200);
        await SendAsync(HttpMethod.Post, "/api/heartbeats/backup", "", 200);
        await SendAsync(HttpMethod.Delete, "/api/silences/x", "", 404);
        Assert.Equal<Order>([new AcknowledgeOrder("7", "operator", "mine"), new UnsilenceOrder(3, "operator", "done"), new HeartbeatOrder("backup", "operator")], _listener.Orders);
    }

    [Fact]
    public async Task A_channel_is_tested()
    {
        Assert.Contains("ops took the test", await SendAsync(HttpMethod.Post, "/api/notify/ops/test", "", 200), StringComparison.Ordinal);
        Assert.Contains("it is broken", await SendAsync(HttpMethod.Post, "/api/notify/broken/test", "", 502), StringComparison.Ordinal);
        Assert.Equal(["ops by operator", "broken by operator"], _listener.Tests);
    }

    [Fact]
    public async Task Nobody_raises_acknowledges_or_silences_without_a_token()
    {
        foreach (var path in new[] { "/api/alerts", "/api/v2/alerts", "/api/alerts/1/ack", "/api/silences", "/api/heartbeats/backup", "/api/notify/ops/test" })
        {
            using var answer = await _http.PostAsync(new Uri(path, UriKind.Relative), null);
            Assert.Equal(401, (int)answer.StatusCode);
        }
        Assert.Empty(_listener.Orders);
        using var list = await _http.GetAsync(new Uri("/api/alerts", UriKind.Relative));
        using var body = JsonDocument.Parse(await list.Content.ReadAsStringAsync());
        Assert.Equal(0, body.RootElement.GetProperty("count").GetInt32());
    }

    private async Task<string> SendAsync(HttpMethod method, string path, string body, int status)
    {
        using var request = new HttpRequestMessage(method, path) { Content = new StringContent(body, Encoding.UTF8, "application/json") };
        // Who sends what is too large must hear of it before the connection ends.
        request.Headers.ExpectContinue = status == 413;
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", _listener.Token);
        using var answer = await _http.SendAsync(request);
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True(status == (int)answer.StatusCode, $"{(int)answer.StatusCode}: {text}");
        return text;
    }
}
