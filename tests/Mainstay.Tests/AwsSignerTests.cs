using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Amazon.Runtime;
using Mainstay.Routing;
using Mainstay.Routing.Upstream.Protocols;

namespace Mainstay.Tests;

public sealed class AwsSignerTests
{
    private const string Key = "AKIDEXAMPLE";
    private const string Secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
    private readonly ManualTime _clock = new(new DateTimeOffset(2015, 8, 30, 12, 36, 0, TimeSpan.Zero));

    /// <summary>The check of these tests itself, against the vectors that AWS publishes (get-vanilla, post-vanilla).</summary>
    [Theory]
    [InlineData("GET", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31")]
    [InlineData("POST", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b")]
    public void The_signature_computed_here_is_the_published_one(string method, string signature) =>
        Assert.Equal(signature, Expected(
            method, "/", "", [("host", "example.amazonaws.com"), ("x-amz-date", "20150830T123600Z")], [], "service"));

    [Theory]
    [InlineData(ModelApi.SageMaker, "sagemaker", "/endpoints/chat-prod/invocations", "/endpoints/chat-prod/invocations", "")]
    [InlineData(ModelApi.Lambda, "lambda", "/2015-03-31/functions/answer/invocations?Qualifier=live%20one&A=%C3%BC", "/2015-03-31/functions/answer/invocations", "A=%C3%BC&Qualifier=live%20one")]
    [InlineData(ModelApi.Bedrock, "bedrock", "/model/anthropic.claude-v1%3A0/converse", "/model/anthropic.claude-v1%253A0/converse", "")]
    [InlineData(ModelApi.Bedrock, "bedrock", "/model/arn%3Aaws%3Abedrock%3Aus-west-2%3A1%3Ainference-profile%2Fus.x/converse-stream",
        "/model/arn%253Aaws%253Abedrock%253Aus-west-2%253A1%253Ainference-profile%252Fus.x/converse-stream", "")]
    public async Task A_request_is_signed_as_AWS_asks_for(ModelApi api, string service, string target, string path, string query)
    {
        var body = "{\"a\":1}"u8.ToArray();
        var request = new ServerRequest { Method = "POST", Target = target, Body = body };
        request.Fields.Add(("Content-Type", "application/json"));
        request.Fields.Add(("Accept-Encoding", "identity"));
        request.Fields.Add(("X-Amz-Invocation-Type", "RequestResponse"));

        Assert.Null(await Signer(new ImmutableCredentials(Key, Secret, "the+token/==")).SignAsync(request, Server(api), default));

        var expected = Expected("POST", "/prefix" + path, query,
            [
                ("content-type", "application/json"), ("host", "runtime.test:8443"), ("x-amz-content-sha256", Hex(SHA256.HashData(body))),
                ("x-amz-date", "20150830T123600Z"), ("x-amz-invocation-type", "RequestResponse"), ("x-amz-security-token", "the+token/=="),
            ], body, service);
        Assert.Equal(
            $"AWS4-HMAC-SHA256 Credential={Key}/20150830/us-east-1/{service}/aws4_request, "
            + $"SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date;x-amz-invocation-type;x-amz-security-token, Signature={expected}",
            Field(request, "Authorization"));
        Assert.Equal("20150830T123600Z", Field(request, "X-Amz-Date"));
        Assert.Equal("the+token/==", Field(request, "X-Amz-Security-Token"));
        Assert.Equal(request.Fields.Count, request.Fields.Select(f => f.Name.ToLowerInvariant()).Distinct().Count());
    }

    [Fact]
    public async Task A_request_that_has_a_key_of_its_own_stays_as_it_is()
    {
        var request = Request();
        request.Fields.Add(("authorization", "Bearer of-bedrock"));
        Assert.Null(await Signer(new ImmutableCredentials(Key, Secret, null)).SignAsync(request, Server(ModelApi.Bedrock), default));
        Assert.Equal(("authorization", "Bearer of-bedrock"), Assert.Single(request.Fields));
    }

    [Fact]
    public async Task Without_credentials_the_cure_is_told_and_the_search_rests_a_while()
    {
        var searches = 0;
        var signer = new AwsSigner(_clock, () =>
        {
            searches++;
            throw new AmazonClientException("Failed to resolve AWS credentials.\nLong story.");
        });
        for (var i = 0; i < 3; i++)
        {
            var request = Request();
            var trouble = await signer.SignAsync(request, Server(ModelApi.Bedrock), default);
            Assert.StartsWith("no AWS credentials: set AWS_ACCESS_KEY_ID", trouble, StringComparison.Ordinal);
            Assert.EndsWith("(Failed to resolve AWS credentials.)", trouble, StringComparison.Ordinal);
            Assert.Empty(request.Fields);
        }
        Assert.Equal(1, searches);
        _clock.Advance(TimeSpan.FromSeconds(10));
        Assert.NotNull(await signer.SignAsync(Request(), Server(ModelApi.Bedrock), default));
        Assert.Equal(2, searches);
    }

    [Fact]
    public async Task New_credentials_are_looked_for_beside_the_traffic_and_old_ones_serve_until_they_are_there()
    {
        var searches = new Queue<TaskCompletionSource<ImmutableCredentials>>([new(), new()]);
        var begun = new SemaphoreSlim(0);
        var (first, second) = (searches.First(), searches.Last());
        var signer = new AwsSigner(_clock, () =>
        {
            var search = searches.Dequeue().Task;
            begun.Release();
            return search;
        });
        first.SetResult(new ImmutableCredentials("FIRST", Secret, null));
        Assert.Contains("Credential=FIRST/", await SignedAsync(signer), StringComparison.Ordinal);
        await begun.WaitAsync();
        _clock.Advance(TimeSpan.FromSeconds(61));
        Assert.Contains("Credential=FIRST/", await SignedAsync(signer), StringComparison.Ordinal);
        await begun.WaitAsync();
        second.SetResult(new ImmutableCredentials("SECOND", Secret, null));
        await Until("Credential=SECOND/").Patiently();

        async Task Until(string credential)
        {
            while (!(await SignedAsync(signer)).Contains(credential, StringComparison.Ordinal))
                await Task.Yield();
        }
    }

    [Fact]
    public async Task A_server_without_a_region_cannot_be_signed_for() => Assert.Equal(
        "no AWS region: give server runtime.test:8443/prefix its aws_region",
        await Signer(new ImmutableCredentials(Key, Secret, null)).SignAsync(Request(), Server(ModelApi.Lambda, region: null), default));

    private AwsSigner Signer(ImmutableCredentials credentials) => new(_clock, () => Task.FromResult(credentials));

    private static async Task<string> SignedAsync(AwsSigner signer)
    {
        var request = Request();
        Assert.Null(await signer.SignAsync(request, Server(ModelApi.Bedrock), default));
        return Field(request, "Authorization");
    }

    private static ServerRequest Request() => new() { Method = "POST", Target = "/model/m/converse", Body = "{}"u8.ToArray() };

    private static Server Server(ModelApi api, string? region = "us-east-1") => new()
    {
        Url = new Uri("https://runtime.test:8443/prefix/"),
        Region = "us-east-1",
        Ai = new ModelServer { Api = api, AwsRegion = region },
    };

    private static string Field(ServerRequest request, string name) =>
        request.Fields.Single(f => f.Name.Equals(name, StringComparison.OrdinalIgnoreCase)).Value;

    /// <summary>Signature Version 4, written down from AWS's description; the path and query as they are canonical.</summary>
    private static string Expected(string method, string path, string query, (string Name, string Value)[] fields, byte[] body, string service)
    {
        var names = string.Join(';', fields.Select(f => f.Name));
        var canonical = string.Join('\n', [method, path, query, .. fields.Select(f => $"{f.Name}:{f.Value}"), "", names, Hex(SHA256.HashData(body))]);
        var scope = string.Create(CultureInfo.InvariantCulture, $"20150830/us-east-1/{service}/aws4_request");
        var text = string.Join('\n', "AWS4-HMAC-SHA256", "20150830T123600Z", scope, Hex(SHA256.HashData(Encoding.UTF8.GetBytes(canonical))));
        var key = scope.Split('/').Aggregate(Encoding.UTF8.GetBytes("AWS4" + Secret), (k, part) => HMACSHA256.HashData(k, Encoding.UTF8.GetBytes(part)));
        return Hex(HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(text)));
    }

    private static string Hex(byte[] bytes) => Convert.ToHexStringLower(bytes);
}
