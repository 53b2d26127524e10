using System.Globalization;
using System.Text;

namespace Mainstay.Scenarios;

/// <summary>A running Mainstay with models on fake providers, and a caller in front of it.</summary>
internal sealed class ModelHouse : IAsyncDisposable
{
    /// <summary>The key of all fake providers; must never be seen anywhere.</summary>
    public const string ServerKey = "sk-secret-of-the-providers-3f9a";

    /// <summary>The secret that requests to AWS are signed with; nor may this.</summary>
    public const string AwsSecret = "aws-secret-of-the-providers-91c7";

    public const string AwsKeyId = "AKIDSCENARIO";

    /// <summary>The variable that holds it.</summary>
    public const string KeyName = "MAINSTAY_SCENARIO_PROVIDER_KEY";

    private static readonly string[] Regions = ["us-east-1", "us-east-2", "us-west-2", "eu-west-1"];
    private readonly List<FakeProvider> _providers = [];

    private ModelHouse() => Caller = new ModelCaller(Folder.Traffic);

    public ScenarioFolder Folder { get; } = new();

    public ModelCaller Caller { get; }

    public MainstayProcess Serve { get; private set; } = null!;

    /// <param name="models">By API: what callers of each may ask for.</param>
    /// <param name="timeouts">Of all.</param>
    /// <param name="more">Further lines of each service, with four spaces before them.</param>
    /// <param name="root">A further line of the root mapping.</param>
    public static async Task<ModelHouse> StartAsync(
        IEnumerable<HouseModel> models, string timeouts = "connect: 1s, first_token: 1s, first_byte: 1s, idle: 1s, total: 30s", string more = "", string root = "")
    {
        var house = new ModelHouse();
        try
        {
            await File.WriteAllTextAsync(house.Folder.Config, house.Text([.. models], timeouts, more, root));
            house.Serve = await MainstayProcess.StartAsync(house.Folder.Root, "traffic on ", "serve", "-c", house.Folder.Config);
            return house;
        }
        catch
        {
            await house.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        Caller.Dispose();
        if (Serve is not null)
            await Serve.DisposeAsync();
        await Task.WhenAll(_providers.Select(p => p.DisposeAsync().AsTask()));
        Folder.Dispose();
    }

    private string Text(IReadOnlyCollection<HouseModel> models, string timeouts, string more, string root)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $$"""
            version: 1
            traffic: { listen: "{{Folder.Traffic.GetLeftPart(UriPartial.Authority)}}" }
            control: { listen: "{{Folder.Control.GetLeftPart(UriPartial.Authority)}}" }
            state: ./state
            {{root}}
            services:

            """);
        foreach (var api in models.GroupBy(m => m.Api))
        {
            var path = api.Key switch { "openai" => ModelCaller.OpenAiPrefix, "anthropic" => ModelCaller.AnthropicPrefix, _ => "/" + api.Key };
            text.Append(CultureInfo.InvariantCulture, $$"""
                  - name: {{api.Key}}-models
                    match: { path: {{path}} }
                    api: {{api.Key}}
                    timeouts: { {{timeouts}} }

                """);
            foreach (var line in more.Split('\n', StringSplitOptions.RemoveEmptyEntries))
                text.Append(line).Append('\n');
            text.Append("    models:\n");
            foreach (var model in api)
                Append(text, model);
        }
        return text.ToString();
    }

    private void Append(StringBuilder text, HouseModel model)
    {
        text.Append(CultureInfo.InvariantCulture, $"      {model.Name}:\n");
        if (model.Options.Length > 0)
            text.Append(CultureInfo.InvariantCulture, $"        {model.Options}\n");
        text.Append("        servers:\n");
        for (var i = 0; i < model.Servers.Count; i++)
        {
            var (provider, options) = model.Servers[i];
            _providers.Add(provider);
            provider.Key ??= ServerKey;
            var name = options.Contains("model:", StringComparison.Ordinal) || options.Contains("endpoint:", StringComparison.Ordinal) ? "" : ", model: fake-8b";
            var isAws = model.Api is "sagemaker" or "lambda" or "bedrock" || options.Contains("aws_region", StringComparison.Ordinal);
            text.Append(CultureInfo.InvariantCulture,
                $"          - {{ url: \"http://127.0.0.1:{provider.Port}{(isAws ? "" : "/v1")}\", region: {Regions[i]}{name}")
                .Append(isAws ? "" : ", key_env: " + KeyName)
                .Append(options.Length > 0 ? ", " + options : "")
                .Append(" }\n");
        }
    }
}

/// <summary>A model of a house.</summary>
/// <param name="Name">As callers name it.</param>
/// <param name="Api">As callers ask.</param>
/// <param name="Servers">In the order of preference, each in a region of its own, with further keys such as <c>prefill: false</c>.</param>
internal sealed record HouseModel(string Name, string Api, IReadOnlyList<(FakeProvider Provider, string Options)> Servers)
{
    /// <summary>A further line, such as <c>continue: any</c>.</summary>
    public string Options { get; init; } = "";
}
