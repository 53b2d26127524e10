using System.Text.Json;

namespace Mainstay.Scenarios;

/// <summary>One Mainstay with two providers behind each API, the first of which the tests let fail.</summary>
public sealed class ClientHouse : IAsyncLifetime
{
    private static readonly string[] Apis = ["openai", "anthropic", "bedrock", "sagemaker", "lambda"];

    internal Dictionary<string, FakeProvider[]> Providers { get; } =
        Apis.ToDictionary(a => a, _ => new[] { new FakeProvider(), new FakeProvider() });

    internal ModelHouse House { get; private set; } = null!;

    public async Task InitializeAsync() => House = await ModelHouse.StartAsync(Providers.Select(p => new HouseModel("fast", p.Key, [.. p.Value.Select(f => (f, Options(p.Key)))])));

    public async Task DisposeAsync() => await House.DisposeAsync();

    internal string Address(string program, string what)
    {
        var traffic = House.Folder.Traffic.GetLeftPart(UriPartial.Authority);
        return program switch
        {
            "openai.mjs" => traffic + ModelCaller.OpenAiPrefix,
            "anthropic.mjs" => traffic + "/anthropic",
            _ => $"{traffic}/{Api(program, what)}",
        };
    }

    internal static string Api(string program, string what) =>
        program == "aws.mjs" ? Apis.First(a => what.StartsWith(a, StringComparison.Ordinal)) : program[..^".mjs".Length];

    private static string Options(string api) => api switch
    {
        "sagemaker" => "endpoint: fake-8b, aws_region: us-east-1, body: openai",
        "lambda" => "endpoint: fake-8b, aws_region: us-east-1, body: openai",
        "bedrock" => "aws_region: us-east-1",
        _ => "",
    };
}

/// <summary>The official clients through Mainstay: they get from it what they get from the providers themselves, and more.</summary>
public sealed class OfficialClientTests(ClientHouse clients) : IClassFixture<ClientHouse>
{
    private static readonly TimeSpan LeftWithin = TimeSpan.FromSeconds(1);

    public static TheoryData<string, string> Doings()
    {
        var data = new TheoryData<string, string>();
        foreach (var (program, what) in ClientExpectations.All)
            data.Add(program, what);
        return data;
    }

    [NodeTheory]
    [MemberData(nameof(Doings))]
    public async Task A_client_is_served(string program, string what)
    {
        var primary = Script(program, what, Fault.None);
        ClientExpectations.Assert(program, what, await AskAsync(program, what), primary.Text);
    }

    /// <summary>The first server fails before a token, or in the middle: its client sees nothing of it.</summary>
    [NodeTheory]
    [InlineData("openai.mjs", "stream", nameof(FaultKind.CutByReset))]
    [InlineData("openai.mjs", "helper", nameof(FaultKind.CutCleanly))]
    [InlineData("openai.mjs", "completion", nameof(FaultKind.CutByReset))]
    [InlineData("openai.mjs", "whole", nameof(FaultKind.CutByReset))]
    [InlineData("openai.mjs", "tools", nameof(FaultKind.ErrorFirst))]
    [InlineData("openai.mjs", "embeddings", nameof(FaultKind.Reset))]
    [InlineData("anthropic.mjs", "stream", nameof(FaultKind.CutByReset))]
    [InlineData("anthropic.mjs", "whole", nameof(FaultKind.Error))]
    [InlineData("aws.mjs", "bedrockStream", nameof(FaultKind.ErrorFirst))]
    [InlineData("aws.mjs", "bedrockWhole", nameof(FaultKind.CutByReset))]
    [InlineData("aws.mjs", "sagemakerWhole", nameof(FaultKind.Error))]
    [InlineData("aws.mjs", "sagemakerStream", nameof(FaultKind.Reset))]
    public async Task A_client_sees_nothing_of(string program, string what, string kind)
    {
        var primary = Script(program, what, new Fault(Enum.Parse<FaultKind>(kind)));
        ClientExpectations.Assert(program, what, await AskAsync(program, what), primary.Text);
    }

    [NodeTheory]
    [InlineData("openai.mjs", "badParameter", "BadRequestError", 400, "Invalid 'temperature'")]
    [InlineData("anthropic.mjs", "badParameter", "BadRequestError", 400, "Invalid 'temperature'")]
    [InlineData("aws.mjs", "bedrockWhole", "ValidationException", 400, "Invalid 'temperature'")]
    public async Task A_client_gets_the_providers_own_reason(string program, string what, string name, int status, string says)
    {
        Script(program, what, Fault.Of(ProviderError.BadParameter));
        AssertError(await AskAsync(program, what), name, status, says);
    }

    [NodeTheory]
    [InlineData("openai.mjs", "whole", "NotFoundError")]
    [InlineData("openai.mjs", "stream", "NotFoundError")]
    [InlineData("anthropic.mjs", "whole", "NotFoundError")]
    [InlineData("aws.mjs", "bedrockWhole", "ResourceNotFoundException")]
    public async Task A_client_is_told_that_a_model_is_unknown(string program, string what, string name)
    {
        Script(program, what, Fault.None);
        AssertError(await AskAsync(program, what, "quick"), name, 404, "quick");
    }

    /// <summary>A cut tool call cannot be gone on with: the client must raise an error, and not take it for whole.</summary>
    [NodeTheory]
    [InlineData("openai.mjs", "tools")]
    [InlineData("anthropic.mjs", "tools")]
    [InlineData("aws.mjs", "bedrockTools")]
    public async Task A_client_takes_no_half_answer_for_whole(string program, string what)
    {
        Script(program, what, new Fault(FaultKind.CutByReset) { After = 2 });
        var made = await AskAsync(program, what);
        Assert.True(made.TryGetProperty("error", out var error) && !string.IsNullOrEmpty(error.GetProperty("message").GetString()), made.ToString());
    }

    [NodeTheory]
    [InlineData("openai.mjs", "cancel")]
    [InlineData("anthropic.mjs", "cancel")]
    public async Task A_client_that_leaves_is_not_worked_for(string program, string what)
    {
        var primary = Script(program, what, Fault.None);
        primary.TokenGap = TimeSpan.FromMilliseconds(100);
        try
        {
            var left = DateTimeOffset.FromUnixTimeMilliseconds((await AskAsync(program, what)).GetProperty("leftAt").GetInt64());
            var request = primary.Requests.Last();
            await request.Abandoned.Patiently();
            Assert.InRange(request.AbandonedOn - left, TimeSpan.FromMilliseconds(-50), LeftWithin);
        }
        finally
        {
            primary.TokenGap = TimeSpan.FromMilliseconds(2);
        }
    }

    [NodeFact]
    public async Task The_list_of_models_is_what_can_be_asked_for() =>
        Assert.Equal("""["fast"]""", (await AskAsync("openai.mjs", "models")).GetProperty("models").GetRawText());

    private static void AssertError(JsonElement made, string name, int status, string says)
    {
        Assert.True(made.TryGetProperty("error", out var error), made.ToString());
        Assert.Equal((name, status), (error.GetProperty("name").GetString(), error.GetProperty("status").GetInt32()));
        Assert.Contains(says, error.GetProperty("message").GetString(), StringComparison.Ordinal);
    }

    /// <summary>The first server has a fault in its next answer; the second works.</summary>
    private FakeProvider Script(string program, string what, Fault fault)
    {
        var primary = clients.Providers[ClientHouse.Api(program, what)][0];
        var next = primary.Requests.Count + 1;
        primary.Script = request => request.Number == next ? fault : Fault.None;
        return primary;
    }

    private Task<JsonElement> AskAsync(string program, string what, string model = "fast") =>
        NodeClient.RunAsync(program, what, clients.Address(program, what), model);
}
