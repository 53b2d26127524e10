using Mainstay.Routing;

namespace Mainstay.Tests.Config;

/// <summary>The models of a service, as the file names them.</summary>
public sealed class ModelConfigTests
{
    private const string Good = """
        version: 1
        services:
          - name: chat
            match: { path: /v1 }
            api: openai
            continue: any
            models:
              fast:
                servers:
                  - { url: "http://10.0.1.20:8000/v1", region: us-east-1, model: llama-3-8b, key_env: POOL_A_KEY }
                  - { url: "http://10.0.2.20:8000/v1", region: us-east-2, model: llama-3-8b, key_env: POOL_A_KEY }
                  - { url: "https://example.test/v1", region: us-west-2, rank: 2, model: other-8b, prefill: false, context: 32k, price: { prompt: 0.1, answer: 0.4 } }
                  - { api: sagemaker, endpoint: chat-prod, aws_region: us-west-2, body: openai, region: us-west-2, rank: 2 }
              meta/large:
                continue: never
                servers:
                  - { url: "https://one.openai.azure.test", region: west, model: big, path: "/openai/deployments/{model}{path}?api-version=2024-10-21", headers: [ "api-key: {key}" ], key_file: key.txt }
        """;

    [Fact]
    public void Each_model_is_a_service_of_its_own_behind_one_path()
    {
        var services = Written.Read(Good).Good().Services.Select(s => s.Routing).ToList();
        Assert.Equal(["chat/fast", "chat/meta/large"], services.Select(s => s.Name));
        Assert.Equal(["fast", "meta/large"], services.Select(s => s.Model!));
        Assert.All(services, s => Assert.Equal((ModelApi.OpenAi, "/v1"), (s.Api, s.PathPrefix)));
        Assert.Equal([ContinuePolicy.Any, ContinuePolicy.Never], services.Select(s => s.Continue));
        Assert.Equal<string>(["us-east-1", "us-east-2", "us-west-2"], [.. services[0].Regions]);
        Assert.Equal<string>(["west"], [.. services[1].Regions]);
        Assert.True(services[0].Retry.ReplaySafe);
        Assert.Equal(TimeSpan.FromSeconds(30), services[0].Timeouts.FirstToken);
    }

    [Fact]
    public void A_server_is_asked_as_it_is_written()
    {
        var services = Written.Read(Good).Good().Services.Select(s => s.Routing).ToList();
        var servers = services[0].Servers;
        Assert.Equal(("llama-3-8b", "POOL_A_KEY", true), (servers[0].Ai!.Model, servers[0].Ai!.KeyEnv, servers[0].Ai!.Prefill));
        Assert.Equal((32_000, false, 0.1, 0.4), (servers[2].Ai!.Context, servers[2].Ai!.Prefill, servers[2].Ai!.PromptPrice, servers[2].Ai!.AnswerPrice));
        Assert.Equal((ModelApi.SageMaker, "chat-prod", "us-west-2", ModelApi.OpenAi), (servers[3].Ai!.Api, servers[3].Ai!.Endpoint, servers[3].Ai!.AwsRegion, servers[3].Ai!.Body));
        Assert.Equal("https://runtime.sagemaker.us-west-2.amazonaws.com/", servers[3].Url.AbsoluteUri);
        var azure = services[1].Servers[0].Ai!;
        Assert.Equal<HeaderTemplate>([new HeaderTemplate("api-key", "{key}")], [.. azure.Headers]);
        Assert.Equal("/nowhere/key.txt", azure.KeyFile);
    }

    [Theory]
    [InlineData("key_env: sk-secret/1", "key_env", "not the name of an environment variable")]
    [InlineData("context: many", "context", "\"many\" is not a number of tokens")]
    [InlineData("endpoint: e", "endpoint", "openai has no endpoints")]
    [InlineData("body: openai", "body", "openai has a form of its own")]
    [InlineData("headers: [ nothing ]", "headers[0]", "not a header field")]
    [InlineData("metrics: metrics", "metrics", "\"metrics\" is not an http or https address")]
    [InlineData("metrics: \"/a b\"", "metrics", "\"/a b\" is not a path")]
    [InlineData("prefill: maybe", "prefill", "\"maybe\" is not one of the words for it")]
    [InlineData("api: http", "api", "callers of openai cannot be served by http")]
    public void A_wrong_value_is_told(string more, string key, string wrong)
    {
        var error = Written.Read($$"""
            version: 1
            services:
              - name: chat
                api: openai
                models:
                  fast:
                    servers: [ { url: "http://10.0.0.1/v1", region: r1, {{more}} } ]
            """).OnlyError();
        Assert.Equal(("services[0].models.fast.servers[0]." + key, wrong), (error.Key, error.Wrong));
        Assert.NotEmpty(error.Cure);
        Assert.DoesNotContain("sk-secret", error.ToString());
    }

    [Theory]
    [InlineData("models: {}", "services[0].models", "no model is named")]
    [InlineData("models: { fast: 1 }", "services[0].models.fast", "is a single value, not a mapping")]
    [InlineData("models: { fast: {} }", "services[0].models.fast.servers", "is missing")]
    [InlineData("models: { \"a b\": { servers: [ { url: \"http://10.0.0.1\", region: r1 } ] } }", "services[0].models.a b", "is not a name of a model")]
    public void Models_that_are_none_are_told(string line, string key, string wrong)
    {
        var error = Written.Read($"version: 1\nservices:\n  - name: chat\n    api: openai\n    {line}\n").OnlyError();
        Assert.Equal((key, wrong), (error.Key, error.Wrong));
    }

    [Fact]
    public void What_belongs_to_models_is_refused_of_http()
    {
        var result = Written.Read("version: 1\nservices:\n  - { name: a, servers: [ { url: \"http://10.0.0.1\", region: r1, model: m } ] }\n");
        Assert.Equal("belongs to an API of models, and the service speaks http", result.OnlyError().Wrong);
    }

    [Fact]
    public void How_long_a_body_may_be_is_said_for_models_alone()
    {
        Assert.Equal(64 << 20, Written.ReadService("api: openai").Good().Services[0].Routing.LongestBody);
        Assert.Equal(2 << 20, Written.ReadService("api: openai", "body: 2MiB").Good().Services[0].Routing.LongestBody);
        Assert.EndsWith("body", Written.ReadService("body: 2MiB").OnlyError().Key, StringComparison.Ordinal);
        Assert.EndsWith("body", Written.ReadService("api: openai", "body: 4GiB").OnlyError().Key, StringComparison.Ordinal);
    }
}
