using Mainstay.Routing;
using Mainstay.Routing.Keys;

namespace Mainstay.Tests.Config;

/// <summary>The keys of callers, as the file names them.</summary>
public sealed class KeyReaderTests
{
    private const string Hash = "8f434346648f6b96df89dda901c5176b10a6d83961dd3c1ac88b59b2dc327aa4";

    private static string File(string keys, string service = "continue: same") => $$"""
        version: 1
        {{keys}}
        services:
          - name: chat
            api: openai
            {{service}}
            models:
              fast:
                servers: [ { url: "http://10.0.0.1/v1", region: r1 }, { url: "http://10.0.0.2/v1", region: r2 } ]
        """;

    [Fact]
    public void A_key_is_read_with_all_that_it_may_do()
    {
        var config = Written.Read(File(
            $"keys: [ {{ name: team-a, sha256: {Hash.ToUpperInvariant()}, models: [fast], priority: critical, limits: {{ requests: 60/m, tokens: 1.5k/m, models: {{ fast: {{ requests: 2/m }} }} }}, budget: {{ tokens: 5M/d, cost: 20.5/d }} }} ]")).Good();
        var key = config.ToTable(1, []).Keys.Single();
        Assert.Equal(("team-a", Hash, Priority.Critical, 5_000_000L, 20.5), (key.Name, key.Sha256, key.Priority, key.DayTokens, key.DayCost));
        Assert.Equal(new KeyRate(60, 1500), key.Rate);
        Assert.Equal<ModelRate>([new ModelRate("fast", new KeyRate(2, null))], [.. key.ModelRates]);
        Assert.Equal<string>(["fast"], [.. key.Models]);
        Assert.True(config.Services[0].Routing.RequiresKey);
    }

    [Fact]
    public void A_service_may_serve_those_without_a_key() =>
        Assert.False(Written.Read(File($"keys: [ {{ name: a, sha256: {Hash} }} ]", "keys: optional")).Good().Services[0].Routing.RequiresKey);

    [Fact]
    public void A_cost_that_nobody_knows_is_warned_of() =>
        Assert.Contains(Written.Read(File($"keys: [ {{ name: a, sha256: {Hash}, budget: {{ cost: 1/d }} }} ]")).Warnings, w => w.Contains("2 servers have no price"));

    [Theory]
    [InlineData("limits: { requests: 60 }", "limits.requests", "\"60\" is not a number a minute", "write requests a minute, such as 60/m")]
    [InlineData("limits: { requests: 60/s }", "limits.requests", "\"60/s\" is not a number a minute", "write requests a minute, such as 60/m")]
    [InlineData("limits: { requests: 0.5/m }", "limits.requests", "\"0.5/m\" is not a number a minute", "write requests a minute, such as 60/m")]
    [InlineData("limits: { models: { fast: { tokens: 0/m } } }", "limits.models.fast.tokens", "\"0/m\" is not a number a minute", "write tokens a minute, such as 100k/m")]
    [InlineData("budget: { cost: 20 }", "budget.cost", "\"20\" is not a number a day", "write cost a day, such as 20/d")]
    [InlineData("budget: { tokens: -5/d }", "budget.tokens", "\"-5/d\" is not a number a day", "write tokens a day, such as 5M/d")]
    [InlineData("models: [ fats ]", "models[0]", "no service has a model \"fats\"", "did you mean `fast`?")]
    [InlineData("models: []", "models", "no model is named", "name those that it may use, or take the key out: then it may use all")]
    [InlineData("priority: high", "priority", "\"high\" is not one of the words for it", "write `critical` or `default` or `sheddable`")]
    public void A_wrong_value_is_told(string more, string key, string wrong, string cure)
    {
        var error = Written.Read(File($"keys: [ {{ name: a, sha256: {Hash}, {more} }} ]")).OnlyError();
        Assert.Equal(("keys[0]." + key, wrong, cure), (error.Key, error.Wrong, error.Cure));
    }

    [Fact]
    public void A_key_that_stands_there_itself_is_not_repeated()
    {
        var error = Written.Read(File("keys: [ { name: a, sha256: mk-secret } ]")).OnlyError();
        Assert.Equal(("keys[0].sha256", "not a SHA-256 in 64 hexadecimal digits"), (error.Key, error.Wrong));
        Assert.DoesNotContain("mk-secret", error.ToString());
    }

    [Fact]
    public void Two_keys_differ_in_name_and_hash()
    {
        var result = Written.Read(File($"keys: [ {{ name: a, sha256: {Hash} }}, {{ name: a, sha256: {Hash} }} ]"));
        Assert.Equal(["another key has the name a", "is that of the key a as well"], result.Errors.Select(e => e.Wrong));
    }

    [Fact]
    public void A_service_cannot_want_keys_that_nobody_wrote()
    {
        Assert.Equal("no keys are written at the root of the file", Written.Read(File("remedies: act", "keys: required")).OnlyError().Wrong);
        Assert.Equal("callers of http bring no keys", Written.ReadService("keys: required").OnlyError().Wrong);
    }
}
