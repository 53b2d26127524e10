using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using Mainstay.Control.Config;

namespace Mainstay.Control.Notify;

/// <summary>
/// Posts JSON. Signatures follow the Standard Webhooks specification (webhook-id, webhook-timestamp,
/// webhook-signature "v1," + base64 HMAC-SHA256 of id.timestamp.body).
/// </summary>
internal sealed class HttpDelivery(TimeProvider clock) : IDisposable
{
    private const int MostOfAnError = 200;
    private static readonly TimeSpan LongestRetryAfter = TimeSpan.FromHours(1);
    private readonly HttpMessageInvoker _guarded = Connections(mayReachLinkLocal: false);
    private readonly HttpMessageInvoker _open = Connections(mayReachLinkLocal: true);

    /// <param name="id">Tells a receiver repeats.</param>
    /// <param name="secret">Signs it; null: it is not signed.</param>
    public async Task<DeliveryResult> PostAsync(ChannelConfig channel, string id, string body, string? secret, CancellationToken cancel)
    {
        if (channel.Address!.Read() is not { } url)
            return new DeliveryResult($"the variable {channel.Address.Variable} holds no http or https address");
        using var request = new HttpRequestMessage(HttpMethod.Post, url) { Content = new StringContent(body, Encoding.UTF8, "application/json") };
        var timestamp = clock.GetUtcNow().ToUnixTimeSeconds();
        request.Headers.Add("webhook-id", id);
        request.Headers.Add("webhook-timestamp", timestamp.ToString(CultureInfo.InvariantCulture));
        try
        {
            if (secret is not null)
                request.Headers.Add("webhook-signature", Sign(secret, id, timestamp, body));
            using var answer = await (channel.MayReachLinkLocal ? _open : _guarded).SendAsync(request, cancel);
            return await JudgeAsync(answer, cancel);
        }
        catch (FormatException)
        {
            return new DeliveryResult("the secret begins with whsec_ and is not base64 after it");
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            return new DeliveryResult($"{channel.Address.Shown}: {(e.InnerException ?? e).Message}");
        }
    }

    /// <summary>A POST without a body, for the dead-man's switch.</summary>
    public async Task<string?> BeatAsync(WebAddress address, CancellationToken cancel)
    {
        if (address.Read() is not { } url)
            return $"the variable {address.Variable} holds no http or https address";
        using var request = new HttpRequestMessage(HttpMethod.Post, url) { Content = new ByteArrayContent([]) };
        try
        {
            using var answer = await _guarded.SendAsync(request, cancel);
            return answer.IsSuccessStatusCode ? null : $"{address.Shown} answered {(int)answer.StatusCode}";
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            return $"{address.Shown}: {(e.InnerException ?? e).Message}";
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

    public void Dispose()
    {
        _guarded.Dispose();
        _open.Dispose();
    }

    private async Task<DeliveryResult> JudgeAsync(HttpResponseMessage answer, CancellationToken cancel)
    {
        if (answer.IsSuccessStatusCode)
            return DeliveryResult.Taken;
        var status = (int)answer.StatusCode;
        var said = await StartAsync(answer, cancel);
        var error = $"answered {status}{(said.Length > 0 ? $": {said}" : "")}";
        // A wrong key or address is mended by a person while the message waits; what the receiver finds wrong in the message is not.
        var refused = answer.StatusCode is HttpStatusCode.BadRequest or HttpStatusCode.RequestEntityTooLarge or HttpStatusCode.UnprocessableEntity
            or HttpStatusCode.UnsupportedMediaType;
        var after = answer.Headers.RetryAfter switch
        {
            { Delta: { } delta } => delta,
            { Date: { } date } => date - clock.GetUtcNow(),
            _ => (TimeSpan?)null,
        };
        if (after < TimeSpan.Zero)
            after = null;
        return new DeliveryResult(error, refused, after > LongestRetryAfter ? LongestRetryAfter : after);
    }

    private static async Task<string> StartAsync(HttpResponseMessage answer, CancellationToken cancel)
    {
        var start = new byte[MostOfAnError];
        await using var body = await answer.Content.ReadAsStreamAsync(cancel);
        var read = await body.ReadAtLeastAsync(start, start.Length, throwOnEndOfStream: false, cancel);
        return new string([.. Encoding.UTF8.GetString(start, 0, read).Select(c => char.IsControl(c) ? ' ' : c)]).Trim();
    }

    private static HttpMessageInvoker Connections(bool mayReachLinkLocal) => new(new SocketsHttpHandler
    {
        UseCookies = false,
        AllowAutoRedirect = false,
        ConnectCallback = (context, cancel) => GuardedConnect.OpenAsync(context.DnsEndPoint.Host, context.DnsEndPoint.Port, mayReachLinkLocal, cancel),
    });
}
