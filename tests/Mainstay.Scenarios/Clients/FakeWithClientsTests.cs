namespace Mainstay.Scenarios;

/// <summary>The official clients against the fake providers alone: what they take from these is what the APIs are.</summary>
public sealed class FakeWithClientsTests
{
    public static TheoryData<string, string> Doings()
    {
        var data = new TheoryData<string, string>();
        foreach (var (program, what) in ClientExpectations.All)
            data.Add(program, what);
        return data;
    }

    [NodeTheory]
    [MemberData(nameof(Doings))]
    public async Task A_client_understands(string program, string what)
    {
        await using var provider = new FakeProvider();
        var address = provider.Url + (program == "openai.mjs" ? "v1" : "");
        var made = await NodeClient.RunAsync(program, what, address.TrimEnd('/'), "fake-8b", "http1");
        Assert.Empty(provider.Defects);
        ClientExpectations.Assert(program, what, made, provider.Text);
    }

    [NodeTheory]
    [InlineData("openai.mjs", "badParameter", "BadRequestError")]
    [InlineData("anthropic.mjs", "badParameter", "BadRequestError")]
    [InlineData("aws.mjs", "bedrockWhole", "ValidationException")]
    public async Task A_client_understands_an_error(string program, string what, string name)
    {
        await using var provider = new FakeProvider().Always(Fault.Of(ProviderError.BadParameter));
        var address = provider.Url + (program == "openai.mjs" ? "v1" : "");
        var error = (await NodeClient.RunAsync(program, what, address.TrimEnd('/'), "fake-8b", "http1")).GetProperty("error");
        Assert.Equal((name, 400), (error.GetProperty("name").GetString(), error.GetProperty("status").GetInt32()));
        Assert.Contains("Invalid 'temperature'", error.GetProperty("message").GetString(), StringComparison.Ordinal);
    }
}
