using Mainstay.Control.Config;
using Mainstay.Routing;

namespace Mainstay.Tests.Config;

/// <summary>The keys of telemetry, and of the affinity of models.</summary>
public sealed class TelemetryConfigTests
{
    [Fact]
    public void Nothing_is_exported_unless_it_is_written() =>
        Assert.Equal(new TelemetryConfig(null, null), Written.Read(Written.Small).Good().Telemetry);

    [Fact]
    public void A_collector_has_an_address_and_the_name_of_what_holds_its_key() => Assert.Equal(
        new TelemetryConfig(new Uri("http://127.0.0.1:4318"), "OTLP_HEADERS"),
        Written.Read(Written.Small + "\ntelemetry: { otlp: \"http://127.0.0.1:4318\", headers_env: OTLP_HEADERS }").Good().Telemetry);

    [Fact]
    public void A_key_that_stands_in_the_file_by_mistake_is_not_repeated()
    {
        var error = Written.Read(Written.Small + "\ntelemetry: { otlp: \"http://127.0.0.1:4318\", headers_env: \"x-key=hunter2\" }").OnlyError();
        Assert.Equal("telemetry.headers_env", error.Key);
        Assert.DoesNotContain("hunter2", error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void What_has_no_prompts_has_no_affinity_by_their_beginning()
    {
        Assert.EndsWith("affinity", Written.ReadService("affinity: prefix").OnlyError().Key, StringComparison.Ordinal);
        Assert.Equal(AffinityPolicy.Prefix, Written.ReadService("api: openai", "affinity: prefix").Good().Services[0].Routing.Affinity);
    }
}
