using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

namespace Mainstay.Tests.Api;

public sealed class SignalsApiTests : IAsyncLifetime, IDisposable
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

    [Fact]
    public async Task Points_that_are_pushed_can_be_read_by_name_label_and_step()
    {
        var answer = await SendAsync("/api/push", """
            {"name": "queue.depth", "labels": {"region": "us-east-1"}, "value": 12}
            {"name": "queue.depth", "labels": {"region": "us-east-2"}, "value": 3}
            {"name": "queue.depth"}
            """, "application/x-ndjson", 200);
        Assert.Equal((2, 1), (answer.GetProperty("taken").GetInt32(), answer.GetProperty("refused").GetInt32()));
        var series = await ReadAsync("/api/series/queue.depth?from=5m&step=10s&label.region=us-east-2");
        Assert.Equal(3, Assert.Single(series.GetProperty("series").EnumerateArray().ToList()).GetProperty("points")[0].GetProperty("last").GetDouble());
        Assert.Equal(2, (await ReadAsync("/api/series?name=queue.depth")).GetProperty("series").GetArrayLength());
        var source = Assert.Single((await ReadAsync("/api/signals")).GetProperty("sources").EnumerateArray().ToList());
        Assert.Equal("push by operator", source.GetProperty("source").GetString());
        Assert.Contains("line 3", source.GetProperty("refused")[0].GetProperty("example").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task OTLP_is_taken_and_what_is_not_is_said_as_its_specification_has_it()
    {
        const string body = """{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"a","gauge":{"dataPoints":[{"asDouble":1},{"asDouble":"NaN"}]}}]}]}]}""";
        var answer = await SendAsync("/v1/metrics", body, "application/json", 200);
        Assert.Equal("1", answer.GetProperty("partialSuccess").GetProperty("rejectedDataPoints").GetString());
    }

    [Theory]
    [InlineData("/api/push", "no", "application/json", 400)]
    [InlineData("/v1/metrics", "no", "application/json", 400)]
    [InlineData("/v1/metrics", "{}", "text/plain", 415)]
    public async Task What_cannot_be_read_is_refused_with_the_cure(string path, string body, string type, int status)
    {
        var answer = await SendAsync(path, body, type, status);
        Assert.Contains(answer.GetProperty("error").GetProperty("message").GetString()!.Split(' '), w => w is "Write" or "Send");
    }

    [Fact]
    public async Task Nobody_pushes_without_a_token()
    {
        using var content = new StringContent("{\"name\":\"a\",\"value\":1}");
        using var answer = await _http.PostAsync(new Uri("/api/push", UriKind.Relative), content);
        Assert.Equal(401, (int)answer.StatusCode);
    }

    [Theory]
    [InlineData("/api/series/a?from=yesterday")]
    [InlineData("/api/series/a?from=1h&to=2h")]
    [InlineData("/api/series/a?from=300d&step=1s")]
    [InlineData("/api/series/a?step=fast")]
    public async Task A_question_that_cannot_be_answered_is_refused(string path) =>
        Assert.Equal(400, (int)(await _http.GetAsync(new Uri(path, UriKind.Relative))).StatusCode);

    private async Task<JsonElement> SendAsync(string path, string body, string type, int status)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new StringContent(body, Encoding.UTF8, type) };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", _listener.Token);
        using var answer = await _http.SendAsync(request);
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True(status == (int)answer.StatusCode, text);
        return JsonDocument.Parse(text).RootElement;
    }

    private async Task<JsonElement> ReadAsync(string path) => JsonDocument.Parse(await _http.GetStringAsync(new Uri(path, UriKind.Relative))).RootElement;
}
