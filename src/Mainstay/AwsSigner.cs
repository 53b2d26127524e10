using System.Runtime.InteropServices;
using Amazon.Runtime;
using Amazon.Runtime.Credentials;
using Amazon.Runtime.Endpoints;
using Amazon.Runtime.Internal;
using Amazon.Runtime.Internal.Auth;
using Amazon.Runtime.Internal.Util;
using Mainstay.Routing;
using Mainstay.Routing.Upstream.Protocols;

namespace Mainstay;

/// <summary>
/// Signs requests to AWS (Signature Version 4) with this process's own credentials, whoever the caller is. The credentials come from where AWS's
/// tools look for them: environment, profile, the role of the container or machine. Safe for any number of threads.
/// </summary>
/// <param name="clock">Tells when a request is signed.</param>
/// <param name="find">Looks for credentials; may take seconds and block.</param>
internal sealed class AwsSigner(TimeProvider clock, Func<Task<ImmutableCredentials>> find)
{
    // The SDK itself takes new ones minutes before old ones end; this only keeps its locks and files out of every request.
    private static readonly TimeSpan Fresh = TimeSpan.FromSeconds(60);

    // On a machine without a role each search waits for nobody to answer.
    private static readonly TimeSpan AfterFailure = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan LongestSearch = TimeSpan.FromSeconds(10);

    private readonly Lock _gate = new();
    private Task<ImmutableCredentials>? _search;
    private long _began;
    private volatile ImmutableCredentials? _known;

    /// <summary>Credentials from where AWS's tools look for them.</summary>
    public static AwsSigner OfMachine(TimeProvider clock)
    {
        // Nothing is looked for before a request needs it.
        var resolver = new Lazy<DefaultAWSCredentialsIdentityResolver>(() => new());
        return new AwsSigner(clock, async () => await (await resolver.Value.ResolveIdentityAsync(new SigningConfig())).GetCredentialsAsync());
    }

    /// <inheritdoc cref="RequestSigner"/>
    public async ValueTask<string?> SignAsync(ServerRequest request, Server server, CancellationToken cancel)
    {
        // A key that AWS takes as it is, such as an API key of Bedrock.
        if (request.Fields.Exists(f => f.Name.Equals("Authorization", StringComparison.OrdinalIgnoreCase)))
            return null;
        if (server.Ai is not { AwsRegion: { Length: > 0 } region } ai)
            return $"no AWS region: give server {server.Name} its aws_region";
        try
        {
            Sign(request, server.Url, ServiceOf(ai.Api), region, await CredentialsAsync(cancel));
            return null;
        }
        catch (Exception e) when (e is AmazonClientException or AmazonServiceException or TimeoutException or IOException or InvalidOperationException or ArgumentException)
        {
            return "no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or AWS_PROFILE for this process, or give its machine "
                + $"or container a role ({FirstLine(e.Message)})";
        }
    }

    private static string ServiceOf(ModelApi api) => api switch
    {
        ModelApi.SageMaker => "sagemaker",
        ModelApi.Lambda => "lambda",
        ModelApi.Bedrock => "bedrock",
        _ => throw new ArgumentOutOfRangeException(nameof(api), api, "Not an API of AWS."),
    };

    private void Sign(ServerRequest request, Uri url, string service, string region, ImmutableCredentials credentials)
    {
        var query = request.Target.IndexOf('?', StringComparison.Ordinal);
        var unsigned = new DefaultRequest(new NoRequest(), service)
        {
            HttpMethod = request.Method,
            Endpoint = new Uri(url.GetLeftPart(UriPartial.Authority)),
            Content = BytesOf(request.Body),
            AuthenticationRegion = region,
            OverrideSigningServiceName = service,
        };
        // Segment by segment: a slash inside a name stays one.
        var path = url.AbsolutePath.TrimEnd('/') + (query < 0 ? request.Target : request.Target[..query]);
        foreach (var segment in path[1..].Split('/'))
        {
            var place = $"{{{unsigned.PathResources.Count}}}";
            unsigned.ResourcePath += "/" + place;
            unsigned.AddPathResource(place, Uri.UnescapeDataString(segment));
        }
        if (query >= 0)
            foreach (var pair in request.Target[(query + 1)..].Split('&', StringSplitOptions.RemoveEmptyEntries))
            {
                var equals = pair.IndexOf('=', StringComparison.Ordinal);
                unsigned.AddSubResource(
                    Uri.UnescapeDataString(equals < 0 ? pair : pair[..equals]), equals < 0 ? "" : Uri.UnescapeDataString(pair[(equals + 1)..]));
            }
        foreach (var (name, value) in request.Fields)
            if (name.StartsWith("x-amz-", StringComparison.OrdinalIgnoreCase) || name.Equals("Content-Type", StringComparison.OrdinalIgnoreCase))
                unsigned.Headers[name] = value;
        unsigned.Headers["Host"] = url.Authority;
        if (credentials.UseToken)
            unsigned.Headers["X-Amz-Security-Token"] = credentials.Token;
        var signed = new AWS4Signer(signPayload: true).SignRequest(
            unsigned, new SigningConfig(), new RequestMetrics(), credentials.AccessKey, credentials.SecretKey, clock.GetUtcNow().UtcDateTime);
        foreach (var (name, value) in unsigned.Headers)
            if (name != "Host" && !request.Fields.Exists(f => f.Name.Equals(name, StringComparison.OrdinalIgnoreCase)))
                request.Fields.Add((name, value));
        request.Fields.Add(("Authorization", signed.ForAuthorizationHeader));
    }

    /// <summary>The newest credentials; while newer ones are looked for, and where none are found any more, the ones before.</summary>
    private ValueTask<ImmutableCredentials> CredentialsAsync(CancellationToken cancel)
    {
        Task<ImmutableCredentials> search;
        lock (_gate)
        {
            if (_search is null
                || (_search.IsCompleted && clock.GetElapsedTime(_began) >= (_search.IsCompletedSuccessfully ? Fresh : AfterFailure)))
                // Off the threads that serve traffic: it may block.
                (_search, _began) = (Task.Run(SearchAsync, CancellationToken.None), clock.GetTimestamp());
            search = _search;
        }
        return _known is { } known ? new(known) : new(search.WaitAsync(LongestSearch, clock, cancel));
    }

    private async Task<ImmutableCredentials> SearchAsync() => _known = await find();

    private static byte[] BytesOf(ReadOnlyMemory<byte> body) =>
        MemoryMarshal.TryGetArray(body, out var part) && part.Offset == 0 && part.Count == part.Array!.Length ? part.Array : body.ToArray();

    private static string FirstLine(string text)
    {
        const int Most = 200;
        var end = text.AsSpan().IndexOfAny('\r', '\n');
        text = end < 0 ? text : text[..end];
        return text.Length <= Most ? text : text[..Most] + "...";
    }

    private sealed class NoRequest : AmazonWebServiceRequest;

    /// <summary>What the SDK wants to know of a client that there is none of.</summary>
    private sealed class SigningConfig() : ClientConfig(null)
    {
        public override string RegionEndpointServiceName => "";

        public override string ServiceVersion => "";

        public override string UserAgent => "Mainstay";

        public override Amazon.Runtime.Endpoints.Endpoint DetermineServiceOperationEndpoint(ServiceOperationEndpointParameters parameters) =>
            throw new NotSupportedException("Endpoints stand in the configuration.");
    }
}
