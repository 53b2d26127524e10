using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using Mainstay.Control.Notify;

namespace Mainstay.Control.Signals;

/// <summary>Gets a text from an address that a person wrote: bounded in time and bytes, never from an address of the machine's link unless that is allowed,
/// and without following redirects. Safe for any number of threads.</summary>
internal sealed class GuardedReader(TimeProvider clock) : IDisposable
{
    private readonly HttpMessageInvoker _guarded = Connections(mayReachLinkLocal: false);
    private readonly HttpMessageInvoker _open = Connections(mayReachLinkLocal: true);

    /// <param name="accept">What is understood.</param>
    /// <param name="tokenVariable">Environment variable that holds a token sent along; null: none is.</param>
    /// <param name="within">How long the whole answer may take.</param>
    /// <param name="mostBytes">Of the answer, unpacked.</param>
    /// <returns>The text; or null and what is wrong.</returns>
    public async Task<(string? Text, string Wrong)> GetAsync(
        Uri address, string accept, string? tokenVariable, bool mayReachLinkLocal, TimeSpan within, int mostBytes, CancellationToken cancel)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        using var timeout = new CancellationTokenSource(within, clock);
        await using var ends = timeout.Token.Register(limit.Cancel);
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, address);
            request.Headers.Accept.ParseAdd(accept);
            if (tokenVariable is not null && Environment.GetEnvironmentVariable(tokenVariable) is { Length: > 0 } token)
                request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
            using var answer = await (mayReachLinkLocal ? _open : _guarded).SendAsync(request, limit.Token);
            return answer.IsSuccessStatusCode ? await ReadAsync(answer, mostBytes, limit.Token) : (null, $"it answered {(int)answer.StatusCode}");
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            return (null, $"it has not ended its answer within {within.TotalSeconds:0.###} s");
        }
        catch (Exception e) when (e is HttpRequestException or IOException or SocketException or InvalidDataException)
        {
            return (null, (e.InnerException ?? e).Message);
        }
    }

    public void Dispose()
    {
        _guarded.Dispose();
        _open.Dispose();
    }

    private static async Task<(string? Text, string Wrong)> ReadAsync(HttpResponseMessage answer, int mostBytes, CancellationToken cancel)
    {
        await using var body = await answer.Content.ReadAsStreamAsync(cancel);
        using var bytes = new MemoryStream();
        var buffer = new byte[64 * 1024];
        while (await body.ReadAsync(buffer, cancel) is > 0 and var read)
        {
            if (bytes.Length + read > mostBytes)
                return (null, $"its answer is longer than {mostBytes >> 20} MiB");
            bytes.Write(buffer, 0, read);
        }
        return (Encoding.UTF8.GetString(bytes.GetBuffer(), 0, (int)bytes.Length), "");
    }

    private static HttpMessageInvoker Connections(bool mayReachLinkLocal) => new(new SocketsHttpHandler
    {
        UseCookies = false,
        AllowAutoRedirect = false,
        UseProxy = false,
        AutomaticDecompression = DecompressionMethods.GZip,
        ConnectCallback = (context, cancel) => GuardedConnect.OpenAsync(context.DnsEndPoint.Host, context.DnsEndPoint.Port, mayReachLinkLocal, cancel),
    });
}
