using System.Net.Http.Headers;
using System.Text;

namespace Mainstay.Scenarios;

/// <summary>One Mainstay with one model for callers of each API.</summary>
public sealed class PlainModelHouse : IAsyncLifetime
{
    internal FakeProvider Provider { get; } = new();

    internal FakeProvider Other { get; } = new();

    internal ModelHouse House { get; private set; } = null!;

    public async Task InitializeAsync() => House = await ModelHouse.StartAsync(
        [new HouseModel("fast", "openai", [(Provider, "")]), new HouseModel("fast", "anthropic", [(Other, "")])],
        // What it is asked is large, and a crowded machine takes its time to read it.
        "connect: 1s, first_token: 20s, first_byte: 20s, idle: 20s, total: 60s");

    public async Task DisposeAsync() => await House.DisposeAsync();
}

/// <summary>Requests that are none: an error in the API's own shape that says what is wrong, nothing forwarded, and the process stays well.</summary>
public sealed class ModelBadInputTests(PlainModelHouse plain) : IClassFixture<PlainModelHouse>
{
    private const long MostMemory = 900L << 20;

    private static readonly Dictionary<string, (Func<string> Body, int Status, string Says)> Bodies = new()
    {
        ["nothing"] = (() => "", 400, ""),
        ["no JSON"] = (() => "model=fast&messages=hi", 400, "JSON"),
        ["half a document"] = (() => """{"model":"fast","messages":[{"role":"user","con""", 400, "JSON"),
        ["two documents"] = (() => """{"model":"fast","messages":[]}{"model":"fast"}""", 400, "JSON"),
        ["an array"] = (() => """[{"model":"fast"}]""", 400, "object"),
        ["a number"] = (() => "42", 400, ""),
        ["null"] = (() => "null", 400, ""),
        ["no model"] = (() => """{"messages":[{"role":"user","content":"hi"}]}""", 400, "model"),
        ["a model that is a number"] = (() => """{"model":7,"messages":[{"role":"user","content":"hi"}]}""", 400, "model"),
        ["an unknown model"] = (() => """{"model":"quick","messages":[{"role":"user","content":"hi"}],"max_tokens":9}""", 404, "quick"),
        ["a stream that is a word"] = (() => """{"model":"fast","messages":[{"role":"user","content":"hi"}],"stream":"yes","max_tokens":9}""", 400, "stream"),
        ["messages that are a word"] = (() => """{"model":"fast","messages":"hi","max_tokens":9}""", 400, "messages"),
        ["deep nesting"] = (() => """{"model":"fast","messages":""" + new string('[', 100_000) + new string(']', 100_000) + "}", 400, ""),
        ["a control character"] = (() => "{\"model\":\"fast\",\"messages\":[{\"role\":\"user\",\"content\":\"a\u0001b\"}]}", 400, "JSON"),
    };

    public static TheoryData<string, string> Cases()
    {
        var data = new TheoryData<string, string>();
        foreach (var name in Bodies.Keys)
        {
            data.Add("openai", name);
            data.Add("anthropic", name);
        }
        return data;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task A_body_is_refused_that_is(string api, string name)
    {
        var (body, status, says) = Bodies[name];
        var mode = new CallerMode(api, false);
        var answer = await plain.House.Caller.PostAsync(mode.Path, body()).Patiently();
        Assert.True(answer.Status == status && !string.IsNullOrEmpty(answer.Error), answer.ToString());
        Assert.Contains(says, answer.Error, StringComparison.Ordinal);
        AssertNothingForwarded();
        await AssertServesAsync(mode);
    }

    [Fact]
    public async Task Bytes_that_are_no_UTF8_are_refused()
    {
        byte[] body = [.. "{\"model\":\"fast\",\"messages\":[{\"role\":\"user\",\"content\":\""u8, 0xC3, 0x28, .. "\"}]}"u8];
        using var content = new ByteArrayContent(body);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        var answer = await plain.House.Caller.PostAsync(CallerMode.OpenAiWhole.Path, content);
        Assert.True(answer.Status == 400 && !string.IsNullOrEmpty(answer.Error), answer.ToString());
        AssertNothingForwarded();
    }

    [Fact]
    public async Task A_hundred_megabytes_are_refused_and_not_kept()
    {
        byte[] body = [.. Encoding.UTF8.GetBytes(CallerMode.OpenAiWhole.Body("fast", ",\"user\":\"")[..^1]), .. new byte[100 << 20], .. "\"}"u8];
        body.AsSpan().Replace((byte)0, (byte)'x');
        for (var i = 0; i < 3; i++)
        {
            using var content = new ByteArrayContent(body);
            content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
            var answer = await plain.House.Caller.PostAsync(CallerMode.OpenAiWhole.Path, content).Patiently();
            // Whoever is still sending when it is refused may see the connection end.
            Assert.True(answer.Status == 413 || answer.Broken is not null, answer.ToString());
        }
        AssertNothingForwarded();
        await AssertServesAsync(CallerMode.OpenAiWhole);
        Assert.InRange(plain.House.Serve.Memory, 1, MostMemory);
    }

    [Fact]
    public async Task A_million_messages_are_served_or_refused_in_good_time()
    {
        var messages = new StringBuilder("""{"model":"fast","max_tokens":9,"messages":[{"role":"user","content":"a"}""");
        for (var i = 0; i < 1_000_000; i++)
            messages.Append(""",{"role":"user","content":"b"}""");
        var answer = await plain.House.Caller.PostAsync(CallerMode.OpenAiWhole.Path, messages.Append("]}").ToString()).Patiently();
        Assert.True(answer.Status is 200 or 400 or 413, answer.ToString());
        await AssertServesAsync(CallerMode.OpenAiStream);
        Assert.InRange(plain.House.Serve.Memory, 1, MostMemory);
    }

    [Theory]
    [InlineData("openai")]
    [InlineData("anthropic")]
    public async Task Fields_that_nobody_knows_go_on_as_they_are(string api)
    {
        var provider = api == "openai" ? plain.Provider : plain.Other;
        const string Unknown = """,  "x_new" : {"deep":[1, 2.50, "ß\u00df", null, {}]},"temperature":0.10, "seed":12345678901234567890""";
        var answer = await plain.House.Caller.AskAsync(new CallerMode(api, false), "fast", Unknown);
        Assert.Equal(200, answer.Status);
        Assert.Contains(Unknown, Encoding.UTF8.GetString(provider.Requests.Last().Body), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("GET", "/v1/chat/completions")]
    [InlineData("DELETE", "/v1/chat/completions")]
    [InlineData("GET", "/anthropic/v1/messages")]
    public async Task A_method_that_the_API_does_not_have_is_refused_in_its_shape(string method, string path)
    {
        using var http = new HttpClient(new SocketsHttpHandler { UseProxy = false });
        using var request = new HttpRequestMessage(new HttpMethod(method), new Uri(plain.House.Folder.Traffic, path));
        using var answer = await http.SendAsync(request);
        var body = await answer.Content.ReadAsStringAsync();
        Assert.True((int)answer.StatusCode is >= 400 and < 500, $"{answer.StatusCode} {body}");
        Assert.Contains("\"error\"", body, StringComparison.Ordinal);
        AssertNothingForwarded();
    }

    private void AssertNothingForwarded() => Assert.All(
        plain.Provider.Requests.Concat(plain.Other.Requests), r => Assert.Contains("\"fake-8b\"", Encoding.UTF8.GetString(r.Body, 0, Math.Min(400, r.Body.Length)), StringComparison.Ordinal));

    private async Task AssertServesAsync(CallerMode mode)
    {
        Assert.False(plain.House.Serve.HasEnded);
        Assert.Equal(plain.Provider.Text, (await plain.House.Caller.AskAsync(mode, "fast").Patiently()).Text);
    }
}
