using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Mainstay.Api;
using Mainstay.Control;
using Mainstay.Tests.Dashboard;

namespace Mainstay.Tests.Api;

public sealed class ControlListenerTests : IAsyncLifetime, IDisposable
{
    private ListenerFixture _listener = null!;
    private HttpClient _http = null!;

    public async Task InitializeAsync()
    {
        _listener = await ListenerFixture.StartAsync();
        _http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false }) { BaseAddress = _listener.Address };
    }

    public async Task DisposeAsync() => await _listener.DisposeAsync();

    public void Dispose() => _http.Dispose();

    [Fact]
    public async Task Status_is_the_snapshot_in_snake_case_with_words()
    {
        using var json = JsonDocument.Parse(await _http.GetStringAsync("/api/status"));
        var root = json.RootElement;

        Assert.Equal("propose", root.GetProperty("mode").GetString());
        Assert.Equal(119, root.GetProperty("table_version").GetInt64());
        Assert.Equal(300, root.GetProperty("services")[0].GetProperty("history").GetArrayLength());
        Assert.True(root.GetProperty("services")[0].GetProperty("regions")[0].GetProperty("servers")[0].GetProperty("breaker_open").GetBoolean());
        var incident = root.GetProperty("incidents")[0];
        Assert.Equal("mitigation", incident.GetProperty("stage").GetString());
        Assert.True(incident.GetProperty("open").GetBoolean());
        Assert.Equal("proposed", incident.GetProperty("remedies")[1].GetProperty("state").GetString());
        Assert.Equal("drain us-east-1 of chat", incident.GetProperty("remedies")[1].GetProperty("title").GetString());
    }

    [Fact]
    public async Task Status_can_be_read_back()
    {
        var again = JsonSerializer.Deserialize<Snapshot>(await _http.GetStringAsync("/api/status?history=none"), ApiJson.Options)!;
        Assert.Empty(again.Services[0].History);
        Assert.Equal(DashboardSamples.Open.Stage, again.Incidents[0].Stage);
        Assert.Equal(DashboardSamples.Open.Remedies[0], again.Incidents[0].Remedies[0]);
    }

    [Theory]
    [InlineData("/api/incidents/41", 200, "application/json")]
    [InlineData("/api/incidents/99", 404, "application/json")]
    [InlineData("/api/incidents/x", 404, "application/json")]
    [InlineData("/api/incidents/40/review", 200, "text/markdown")]
    [InlineData("/api/incidents/41/review", 404, "application/json")]
    [InlineData("/api/nothing", 404, "application/json")]
    [InlineData("/api/pause", 405, "application/json")]
    [InlineData("/health", 200, "application/json")]
    [InlineData("/", 200, "text/html")]
    [InlineData("/status", 200, "text/html")]
    [InlineData("/login", 200, "text/html")]
    [InlineData("/incidents/41", 200, "text/html")]
    [InlineData("/incidents/99", 404, "text/html")]
    [InlineData("/incidents/40/review", 200, "text/html")]
    [InlineData("/incidents/41/review", 404, "text/html")]
    [InlineData("/nothing", 404, "text/html")]
    [InlineData("/assets/nothing", 404, "text/html")]
    [InlineData("/assets/site.css", 200, "text/css")]
    [InlineData("/assets/live.js", 200, "text/javascript")]
    public async Task Each_room_answers_in_its_own_kind(string path, int status, string kind)
    {
        using var answer = await _http.GetAsync(path);
        Assert.Equal(status, (int)answer.StatusCode);
        Assert.Equal(kind, answer.Content.Headers.ContentType!.MediaType);
        Assert.Contains("default-src 'none'", answer.Headers.GetValues("Content-Security-Policy").Single(), StringComparison.Ordinal);
        Assert.Equal("nosniff", answer.Headers.GetValues("X-Content-Type-Options").Single());
        if (status >= 400 && kind == "application/json")
        {
            using var json = JsonDocument.Parse(await answer.Content.ReadAsStringAsync());
            Assert.Equal(status, json.RootElement.GetProperty("error").GetProperty("status").GetInt32());
            Assert.NotEmpty(json.RootElement.GetProperty("error").GetProperty("message").GetString()!);
        }
    }

    [Theory]
    [InlineData("/health")]
    [InlineData("/status")]
    public async Task Uptime_watchers_may_ask_with_HEAD(string path)
    {
        using var answer = await _http.SendAsync(new HttpRequestMessage(HttpMethod.Head, path));
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    [Fact]
    public async Task An_asset_that_the_browser_has_is_not_sent_again()
    {
        using var first = await _http.GetAsync("/assets/site.css");
        using var again = new HttpRequestMessage(HttpMethod.Get, "/assets/site.css") { Headers = { { "If-None-Match", first.Headers.ETag!.Tag } } };
        using var second = await _http.SendAsync(again);
        Assert.Equal(HttpStatusCode.NotModified, second.StatusCode);
    }

    [Theory]
    [InlineData("/api/pause", "{\"why\":\"deploy\\nnow\"}", 200)]
    [InlineData("/api/resume", "", 200)]
    [InlineData("/api/remedies/41-2/approve", "{}", 200)]
    [InlineData("/api/remedies/41-9/approve", "", 409)]
    [InlineData("/api/pause", "{\"why\":", 400)]
    [InlineData("/api/pause", "null", 400)]
    public async Task An_order_reaches_the_loop_with_who_and_why(string path, string body, int status)
    {
        using var answer = await PostAsync(path, body, _listener.Token);
        Assert.Equal(status, (int)answer.StatusCode);
        Assert.Equal(status == 400 ? 0 : 1, _listener.Orders.Count);
        Assert.All(_listener.Orders, order => Assert.Equal("operator", order.Who));
        if (body.Contains("deploy", StringComparison.Ordinal))
            Assert.Equal("deploy now", _listener.Orders[0].Why);
    }

    [Fact]
    public async Task An_order_without_a_token_never_reaches_the_loop()
    {
        using var answer = await PostAsync("/api/pause", "", null);
        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
        Assert.Empty(_listener.Orders);
    }

    [Fact]
    public async Task A_body_that_is_too_large_is_refused()
    {
        using var answer = await PostAsync("/api/pause", new string(' ', 100_000), _listener.Token);
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, answer.StatusCode);
    }

    [Fact]
    public async Task A_person_signs_in_and_approves_without_script()
    {
        using var signed = await FormAsync("/login", null, ("token", _listener.Token), ("back", "//evil.example"));
        Assert.Equal(HttpStatusCode.SeeOther, signed.StatusCode);
        Assert.Equal("/", signed.Headers.Location!.OriginalString);
        var set = signed.Headers.GetValues("Set-Cookie").Single();
        Assert.Contains("httponly", set, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("samesite=strict", set, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain(_listener.Token, set, StringComparison.Ordinal);

        using var approved = await FormAsync("/incidents/41/approve/41-2", set.Split(';')[0], ("why", "I looked"));
        Assert.Equal("/incidents/41", approved.Headers.Location!.OriginalString);
        Assert.Equal(new ApproveOrder("41-2", "operator", "I looked"), Assert.Single(_listener.Orders));

        using var refused = await FormAsync("/incidents/41/approve/41-7", set.Split(';')[0]);
        Assert.Equal(HttpStatusCode.Conflict, refused.StatusCode);
        Assert.Contains("No such remedy waits", await refused.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_wrong_token_signs_nobody_in()
    {
        using var answer = await FormAsync("/login", null, ("token", "wrong"));
        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
        Assert.False(answer.Headers.Contains("Set-Cookie"));
    }

    [Fact]
    public async Task Events_follow_the_snapshots()
    {
        using var stream = new StreamReader(await _http.GetStreamAsync("/api/events"));
        Assert.Contains("\"open_incidents\":1", await NextTickAsync(stream), StringComparison.Ordinal);
        _listener.Snapshot = DashboardSamples.Calm with { At = DashboardSamples.Now.AddSeconds(1) };
        Assert.Contains("\"open_incidents\":0", await NextTickAsync(stream), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Listeners_are_bounded()
    {
        var streams = new List<Stream>();
        for (var i = 0; i < 100; i++)
            streams.Add(await _http.GetStreamAsync("/api/events"));
        using var refused = await _http.GetAsync("/api/events");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
        foreach (var stream in streams)
            await stream.DisposeAsync();
    }

    [Theory]
    [InlineData("/incidents/41", "/incidents/41")]
    [InlineData("//evil.example", "/")]
    [InlineData("/\\evil.example", "/")]
    [InlineData("https://evil.example", "/")]
    [InlineData("/a\r\nSet-Cookie: x", "/")]
    [InlineData("", "/")]
    [InlineData(null, "/")]
    public void The_way_back_stays_inside(string? back, string path) => Assert.Equal(path, Mainstay.Dashboard.DashboardRoutes.Inside(back));

    private static async Task<string> NextTickAsync(StreamReader stream)
    {
        while (await stream.ReadLineAsync() is { } line)
        {
            if (line.StartsWith("data: ", StringComparison.Ordinal))
                return line;
        }
        throw new InvalidOperationException("the stream ended");
    }

    private async Task<HttpResponseMessage> PostAsync(string path, string body, string? token)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new StringContent(body, Encoding.UTF8, "application/json") };
        if (token is not null)
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return await _http.SendAsync(request);
    }

    private async Task<HttpResponseMessage> FormAsync(string path, string? cookie, params (string Name, string Value)[] fields)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new FormUrlEncodedContent(fields.Select(f => KeyValuePair.Create(f.Name, f.Value))) };
        request.Headers.Add("Origin", _listener.Address.GetLeftPart(UriPartial.Authority));
        if (cookie is not null)
            request.Headers.Add("Cookie", cookie);
        return await _http.SendAsync(request);
    }
}
