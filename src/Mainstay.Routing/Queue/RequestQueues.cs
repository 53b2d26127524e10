using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Http;

namespace Mainstay.Routing.Queue;

/// <summary>
/// The queues of all services that have one: takes in what no server can serve, and answers who asks for the result.
/// Safe for any number of threads.
/// </summary>
internal sealed class RequestQueues(TimeProvider clock) : IDisposable
{
    /// <summary>Where results are asked for; no service can match it.</summary>
    public const string Path = "/.mainstay/queued/";

    /// <summary>Waiting for the disk takes a thread: no more than these, however many callers there are.</summary>
    private readonly SemaphoreSlim _writers = new(4);
    private readonly ConcurrentDictionary<string, RequestQueue> _open = [];

    /// <summary>The queue of a service; null: it has none, or its folder could not be opened so far.</summary>
    public RequestQueue? Of(Service service) => service.QueueWhenDown is null ? null : _open.GetValueOrDefault(service.Name);

    /// <summary>Opens the queue of a service if it has one and it is not open yet.</summary>
    /// <returns>What is wrong; null: nothing.</returns>
    public string? Open(Service service)
    {
        if (service.QueueWhenDown is not { } bounds)
            return null;
        var folder = System.IO.Path.Combine(bounds.Folder, service.Name);
        if (_open.TryGetValue(service.Name, out var queue) && queue.Bounds.Folder == bounds.Folder)
        {
            queue.Bounds = bounds;
            return null;
        }
        try
        {
            var opened = new RequestQueue(folder, bounds, clock);
            _open[service.Name] = opened;
            // The old folder is let go of; what waits there is found again when somebody names it.
            queue?.Dispose();
            return null;
        }
        catch (IOException e)
        {
            return $"The queue of {service.Name} in {folder} cannot be opened: {e.Message} Until it can, its callers get an error when no server is left.";
        }
    }

    /// <summary>Stores the request and answers 202. False: it must not or cannot be kept, and nothing was answered.</summary>
    /// <param name="request">Nothing of its answer has been sent.</param>
    /// <param name="body">Its body; null: none.</param>
    /// <param name="maySendTwice">What "Sent twice?" says of it.</param>
    public async ValueTask<bool> TryKeepAsync(RequestInProgress request, ReplayableBody? body, bool maySendTwice)
    {
        var exchange = request.Exchange;
        if (exchange.IsReplay || exchange.Upgrade.Length > 0 || (request.MayHaveReached && !maySendTwice) || exchange.CallerLeft.IsCancellationRequested
            || Of(request.Service.Spec) is not { } queue)
            return false;
        var whole = body is null ? ReadOnlyMemory<byte>.Empty : await body.ReadAllAsync(exchange.CallerLeft);
        if (whole is not { } bytes)
            return false;
        var stored = StoredRequest.Of(exchange, bytes, maySendTwice, clock.GetUtcNow());
        QueuedRequest? queued;
        await _writers.WaitAsync(exchange.CallerLeft);
        try
        {
            queued = await Task.Run(() => queue.TryAdd(stored));
        }
        finally
        {
            _writers.Release();
        }
        if (queued is null)
            return false;
        request.NoteQueued(queue.Waiting);
        exchange.AnswerHeaders.Location = Path + queued.Key;
        await AnswerAsync(exchange, 202, Waiting(queued));
        return true;
    }

    /// <summary>Answers who asks for a result with its key.</summary>
    public async Task AnswerAsync(Exchange exchange)
    {
        var key = exchange.Target[Path.Length..];
        if (key.Contains('?', StringComparison.Ordinal))
            key = key[..key.IndexOf('?', StringComparison.Ordinal)];
        exchange.AnswerHeaders.CacheControl = "no-store";
        if (exchange.Method is not ("GET" or "HEAD"))
        {
            await OwnAnswer.WriteAsync(exchange, 405, "Ask for a queued request with GET.");
            return;
        }
        // The disk is read on a thread that polls no sockets.
        var found = await Task.Run(() => _open.Values.Select(q => q.Find(key)).FirstOrDefault(f => f is not null));
        if (found is not var (queued, answer))
        {
            await OwnAnswer.WriteAsync(exchange, 404, "No queued request is known by this key. Results are kept for the time that when_down.queue.keep says.");
            return;
        }
        if (answer is null)
        {
            exchange.AnswerHeaders.RetryAfter = "5";
            await AnswerAsync(exchange, 202, Waiting(queued));
        }
        else if (answer.Why.Length > 0)
        {
            await OwnAnswer.WriteAsync(exchange, answer.IsUnknown ? 502 : 504, answer.IsUnknown
                ? $"Request {queued.Id} may have reached a server or not: {answer.Why}. It is not sent again."
                : $"Request {queued.Id} was not served: {answer.Why}.");
        }
        else
        {
            exchange.AnswerStatus = answer.Status;
            if (answer.ContentType.Length > 0)
                exchange.AnswerHeaders.ContentType = answer.ContentType;
            await WriteAsync(exchange, answer.Body);
        }
    }

    public void Dispose()
    {
        foreach (var queue in _open.Values)
            queue.Dispose();
        _writers.Dispose();
    }

    private static string Waiting(QueuedRequest queued) => string.Create(
        CultureInfo.InvariantCulture,
        $$"""{"id":"{{JavaScriptEncoder.Default.Encode(queued.Id)}}","state":"waiting","since":"{{queued.At.UtcDateTime:yyyy-MM-dd'T'HH:mm:ss.fff'Z'}}","location":"{{Path}}{{queued.Key}}"}""");

    private static Task AnswerAsync(Exchange exchange, int status, string json)
    {
        exchange.AnswerStatus = status;
        exchange.AnswerHeaders.ContentType = "application/json";
        return WriteAsync(exchange, Encoding.UTF8.GetBytes(json));
    }

    private static async Task WriteAsync(Exchange exchange, ReadOnlyMemory<byte> body)
    {
        if (exchange.AnswerStatus is 204 or 304)
            return;
        exchange.AnswerHeaders.ContentLength = body.Length;
        await exchange.AnswerBody.WriteAsync(exchange.Method == "HEAD" ? default : body, exchange.CallerLeft);
    }
}
