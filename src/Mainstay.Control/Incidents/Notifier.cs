using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Threading.Channels;
using Mainstay.Control.Config;
using Microsoft.Extensions.Logging;
using Polly;
using Polly.Retry;

namespace Mainstay.Control.Incidents;

/// <summary>
/// Tells people what happens in an incident: a log line at once, and a signed webhook that is tried again for about a
/// quarter of an hour. Signatures follow the Standard Webhooks specification (webhook-id, webhook-timestamp,
/// webhook-signature "v1," + base64 HMAC-SHA256 of id.timestamp.body).
/// </summary>
public sealed partial class Notifier
{
    private const int MostWaiting = 1000;
    private static readonly TimeSpan SendTimeout = TimeSpan.FromSeconds(10);
    private readonly Channel<News> _waiting =
        Channel.CreateBounded<News>(new BoundedChannelOptions(MostWaiting) { FullMode = BoundedChannelFullMode.Wait, SingleReader = true });
    private readonly HttpMessageInvoker _connections;
    private readonly Func<IReadOnlyList<WebhookConfig>> _webhooks;
    private readonly TimeProvider _clock;
    private readonly ILogger<Notifier> _log;
    private readonly ResiliencePipeline _again;

    /// <param name="webhooks">Where to post, as configured now.</param>
    /// <param name="clock">Times the retries.</param>
    /// <param name="log">Gets every news as a line.</param>
    /// <param name="connections">Sends the posts.</param>
    public Notifier(Func<IReadOnlyList<WebhookConfig>> webhooks, TimeProvider clock, ILogger<Notifier> log, HttpMessageInvoker connections)
    {
        (_webhooks, _clock, _log, _connections) = (webhooks, clock, log, connections);
        _again = new ResiliencePipelineBuilder { TimeProvider = clock }
            .AddRetry(new RetryStrategyOptions
            {
                MaxRetryAttempts = 9,
                BackoffType = DelayBackoffType.Exponential,
                Delay = TimeSpan.FromSeconds(1),
                MaxDelay = TimeSpan.FromMinutes(5),
                ShouldHandle = new PredicateBuilder().Handle<HttpRequestException>().Handle<OperationCanceledException>(),
            })
            .Build();
    }

    /// <summary>Logs the news and queues it for the webhooks. Never waits.</summary>
    public void Tell(News news)
    {
        if (news.Incident is { } incident)
            LogNews(incident, news.Kind, news.Text);
        else
            LogNotice(news.Kind, news.Text);
        if (_webhooks().Count > 0 && !_waiting.Writer.TryWrite(news))
            LogDropped(MostWaiting);
    }

    /// <summary>Posts what is queued, in order, until cancelled.</summary>
    public async Task RunAsync(CancellationToken cancel)
    {
        try
        {
            await foreach (var news in _waiting.Reader.ReadAllAsync(cancel))
                await Task.WhenAll(_webhooks().Select(webhook => PostAsync(webhook, news, cancel)));
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            // The program ends.
        }
    }

    /// <summary>The signature of a message, as Standard Webhooks defines it.</summary>
    /// <param name="secret">Base64 after "whsec_", or else its UTF-8 bytes are the key.</param>
    public static string Sign(string secret, string id, long timestamp, string body)
    {
        var key = secret.StartsWith("whsec_", StringComparison.Ordinal)
            ? Convert.FromBase64String(secret["whsec_".Length..])
            : Encoding.UTF8.GetBytes(secret);
        var signed = string.Create(CultureInfo.InvariantCulture, $"{id}.{timestamp}.{body}");
        return "v1," + Convert.ToBase64String(HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(signed)));
    }

    private async Task PostAsync(WebhookConfig webhook, News news, CancellationToken cancel)
    {
        try
        {
            await _again.ExecuteAsync(async token => await PostOnceAsync(webhook, news, token), cancel);
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException or FormatException)
        {
            if (!cancel.IsCancellationRequested)
                LogUndelivered(webhook.Url, news.Id, e.Message);
        }
    }

    private async Task PostOnceAsync(WebhookConfig webhook, News news, CancellationToken cancel)
    {
        using var timeout = new CancellationTokenSource(SendTimeout, _clock);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancel, timeout.Token);
        var body = JsonSerializer.Serialize(news, NewsJson.Default.News);
        using var request = new HttpRequestMessage(HttpMethod.Post, webhook.Url)
        {
            Content = new StringContent(body, Encoding.UTF8, "application/json"),
        };
        var timestamp = _clock.GetUtcNow().ToUnixTimeSeconds();
        request.Headers.Add("webhook-id", news.Id);
        request.Headers.Add("webhook-timestamp", timestamp.ToString(CultureInfo.InvariantCulture));
        if (webhook.SecretEnvironment is { } name && Environment.GetEnvironmentVariable(name) is { Length: > 0 } secret)
            request.Headers.Add("webhook-signature", Sign(secret, news.Id, timestamp, body));
        using var answer = await _connections.SendAsync(request, both.Token);
        answer.EnsureSuccessStatusCode();
    }

    [LoggerMessage(LogLevel.Warning, "Incident {Incident}: {Kind}: {Text}")]
    private partial void LogNews(int incident, string kind, string text);

    [LoggerMessage(LogLevel.Warning, "{Kind}: {Text}")]
    private partial void LogNotice(string kind, string text);

    [LoggerMessage(LogLevel.Error, "{Count} news wait for the webhooks already; this one is only logged.")]
    private partial void LogDropped(int count);

    [LoggerMessage(LogLevel.Error, "Webhook {Url} did not take {Id}: {Message}")]
    private partial void LogUndelivered(Uri url, string id, string message);
}

/// <summary>One message to people.</summary>
/// <param name="Id">The same for every attempt to deliver it, so that a receiver can tell repeats.</param>
/// <param name="Incident">Number of the incident; null: it is about none.</param>
/// <param name="Kind">detected, cause, stage, remedy, mitigated or resolved; drain, undrain or practice without an incident.</param>
/// <param name="Region">Where.</param>
/// <param name="Services">What.</param>
/// <param name="Stage">The incident's stage now; empty without one.</param>
/// <param name="At">When it happened.</param>
/// <param name="Text">In words.</param>
public sealed record News(
    string Id, int? Incident, string Kind, string Region, IReadOnlyList<string> Services, string Stage, DateTimeOffset At, string Text);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(News))]
internal sealed partial class NewsJson : JsonSerializerContext;
