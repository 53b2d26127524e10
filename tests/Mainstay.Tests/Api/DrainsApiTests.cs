using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Mainstay.Api;
using Mainstay.Control;
using Mainstay.Control.Mitigation;
using Mainstay.Tests.Dashboard;

namespace Mainstay.Tests.Api;

public sealed class DrainsApiTests : IAsyncLifetime, IDisposable
{
    private ListenerFixture _listener = null!;
    private HttpClient _http = null!;

    public async Task InitializeAsync()
    {
        _listener = await ListenerFixture.StartAsync();
        _http = new HttpClient(new SocketsHttpHandler { UseCookies = false }) { BaseAddress = _listener.Address };
    }

    public async Task DisposeAsync() => await _listener.DisposeAsync();

    public void Dispose() => _http.Dispose();

    [Theory]
    [InlineData("""{"region":"us-east-1","for":"30m","why":"kernel","service":"chat"}""", 200, "DrainOrder { Who = operator, Why = kernel, Service = chat, Region = us-east-1, Server = , For = 00:30:00, Force = False }")]
    [InlineData("""{"server":"10.0.1.10:9000","force":true}""", 200, "DrainOrder { Who = operator, Why = , Service = , Region = , Server = 10.0.1.10:9000, For = , Force = True }")]
    [InlineData("""{"region":"us-east-1","for":"30"}""", 400, "add the unit")]
    [InlineData("""{"region":"us-east-1","for":"90d"}""", 400, "from 1s to 30d")]
    [InlineData("""{"region":"us-east-1","dry_run":true}""", 400, "The body must be JSON")]
    [InlineData("", 400, "The body must be JSON")]
    [InlineData("[]", 400, "The body must be JSON")]
    public async Task A_drain_is_ordered_or_refused_with_the_cure(string body, int status, string said)
    {
        using var answer = await SendAsync(HttpMethod.Post, "/api/drains", body);
        var text = await answer.Content.ReadAsStringAsync();
        Assert.Equal(status, (int)answer.StatusCode);
        Assert.Contains(said, status == 200 ? Assert.Single(_listener.Orders).ToString() : JsonDocument.Parse(text).RootElement.GetProperty("error").GetProperty("message").GetString()!, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/api/drains/7", 200)]
    [InlineData("/api/drains/x", 404)]
    [InlineData("/api/drains/-1", 404)]
    public async Task An_undrain_names_its_drain(string path, int status)
    {
        using var answer = await SendAsync(HttpMethod.Delete, path, """{"why":"done"}""");
        Assert.Equal(status, (int)answer.StatusCode);
        Assert.Equal(status == 200 ? [new UndrainOrder(7, "operator", "done")] : [], _listener.Orders);
    }

    [Fact]
    public async Task Drains_and_their_blast_radius_can_be_read_back()
    {
        var drain = new Drain { Number = 3, Region = "us-west-2", Who = "ada", Why = "kernel", Since = DashboardSamples.Now, Until = DashboardSamples.Now.AddHours(1) };
        _listener.Snapshot = DashboardSamples.Calm with { Drains = [drain] };
        Assert.Equal(drain, Assert.Single(JsonSerializer.Deserialize<DrainList>(await _http.GetStringAsync("/api/drains"), ApiJson.Options)!.Drains));
        Assert.Equal(drain, Assert.Single(JsonSerializer.Deserialize<Snapshot>(await _http.GetStringAsync("/api/status"), ApiJson.Options)!.Drains));

        var blast = JsonSerializer.Deserialize<BlastRadius>(await _http.GetStringAsync("/api/blast-radius?region=us-east-2&service=chat"), ApiJson.Options)!;
        Assert.Equal("us-east-2 of chat", blast.Title);
        Assert.Equal("chat", Assert.Single(blast.Services).Service);
        Assert.Contains(blast.Elsewhere, line => line.Contains("drain 3", StringComparison.Ordinal));
        using var unknown = await _http.GetAsync("/api/blast-radius?region=mars");
        Assert.Equal(404, (int)unknown.StatusCode);
    }

    [Fact]
    public async Task The_overview_lists_them_for_everybody_and_undrains_for_those_who_may()
    {
        _listener.Snapshot = DashboardSamples.Calm with
        {
            Drains = [new Drain { Number = 3, Region = "us-west-2", Service = "chat", Who = "<ada>", Why = "kernel", Since = DashboardSamples.Now }],
        };
        var stranger = await _http.GetStringAsync("/");
        Assert.Contains("us-west-2 of chat", stranger, StringComparison.Ordinal);
        Assert.Contains("&lt;ada&gt;", stranger, StringComparison.Ordinal);
        Assert.DoesNotContain("/drains/3/undrain", stranger, StringComparison.Ordinal);
        using var page = await SendAsync(HttpMethod.Get, "/", "");
        Assert.Contains("action=\"/drains/3/undrain\"", await page.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        using var done = await SendAsync(HttpMethod.Post, "/drains/3/undrain", "");
        Assert.Equal(new UndrainOrder(3, "operator", ""), Assert.Single(_listener.Orders));
    }

    private Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, string body)
    {
        var request = new HttpRequestMessage(method, path);
        if (method != HttpMethod.Get)
            request.Content = new StringContent(body, Encoding.UTF8, "application/json");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", _listener.Token);
        return _http.SendAsync(request);
    }
}
