using System.Buffers;
using System.Globalization;
using System.Net.Mime;
using System.Text;

namespace Mainstay.Engine;

/// <summary>The openai API in front of a simulated engine.</summary>
internal sealed class EngineEndpoints(SimulatedEngine engine, TimeProvider clock)
{
    public const int MaxBodyBytes = 64 << 20;

    private readonly EngineMetrics _metrics = new();
    private long _number;

    public async Task Answer(HttpContext context)
    {
        try
        {
            await Route(context);
        }
        catch (BadHttpRequestException e)
        {
            await Refuse(context, e.StatusCode, $"The request is malformed: {e.Message}");
        }
        catch (Exception e) when (e is OperationCanceledException or IOException)
        {
            context.Abort();
        }
    }

    private Task Route(HttpContext context)
    {
        var path = context.Request.Path.Value ?? "";
        var isPost = path is "/v1/chat/completions" or "/v1/completions";
        var right = isPost ? HttpMethods.Post : HttpMethods.Get;
        if (path is not ("/health" or "/metrics" or "/v1/models") && !isPost)
            return Refuse(context, 404, "Nothing here. Use POST /v1/chat/completions or /v1/completions, GET /v1/models, /health or /metrics.");
        if (!HttpMethods.Equals(context.Request.Method, right))
        {
            context.Response.Headers.Allow = right;
            return Refuse(context, 405, $"{path} takes {right} only.");
        }
        return path switch
        {
            "/health" => Send(context, 200, MediaTypeNames.Application.Json, "{}"u8.ToArray()),
            "/metrics" => Send(context, 200, "text/plain; version=0.0.4; charset=utf-8", Encoding.UTF8.GetBytes(_metrics.ToPrometheus(engine))),
            "/v1/models" => Send(context, 200, MediaTypeNames.Application.Json, Models()),
            _ => Complete(context, isChat: path == "/v1/chat/completions"),
        };
    }

    private async Task Complete(HttpContext context, bool isChat)
    {
        using var body = new MemoryStream((int)Math.Clamp(context.Request.ContentLength ?? 0, 0, 1 << 20));
        await context.Request.Body.CopyToAsync(body, context.RequestAborted);
        if (EngineRequest.Read(body.GetBuffer().AsMemory(0, (int)body.Length), isChat, out var fault) is not { } request)
        {
            await Refuse(context, 400, fault);
            return;
        }
        if (request.Begun.Length > 0 && !engine.Options.AcceptsPrefill)
        {
            await Refuse(context, 400, "This model does not support assistant message prefill. The conversation must end with a user message.");
            return;
        }
        var seed = SimulatedText.SeedOf(request.Prompt);
        var text = new SimulatedText(seed);
        var whole = request.AnswerTokens ?? SimulatedText.NaturalLength(seed);
        var rest = whole - (request.Begun.Length > 0 ? text.GoOnAfter(request.Begun, whole) : 0);
        var generation = new Generation(request.PromptTokens, Math.Min(rest, request.MaxTokens ?? rest));
        var reason = generation.AnswerTokens < rest ? "length" : "stop";
        if (!engine.TryAdd(generation))
        {
            context.Response.Headers.RetryAfter = "1";
            await Refuse(context, 503, "The engine's queue is full.");
            return;
        }
        try
        {
            var writer = new EngineWriter(engine.Options, isChat, request.IsStream, Interlocked.Increment(ref _number), clock.GetUtcNow().ToUnixTimeSeconds());
            if (request.IsStream)
                await Stream(context, writer, request, generation, text, reason);
            else
                await Whole(context, writer, generation, text, reason);
        }
        finally
        {
            generation.Cancel();
            _metrics.Count(generation.PromptTokens, generation.Produced);
        }
    }

    private async Task Stream(HttpContext context, EngineWriter writer, EngineRequest request, Generation generation, SimulatedText text, string reason)
    {
        context.Response.ContentType = "text/event-stream; charset=utf-8";
        context.Response.Headers.CacheControl = "no-cache";
        var body = context.Response.BodyWriter;
        // As vLLM does: the head goes out at once, the role with the first token.
        await context.Response.StartAsync(context.RequestAborted);
        await body.FlushAsync(context.RequestAborted);
        for (var sent = 0; sent < generation.AnswerTokens;)
        {
            await generation.ProgressAsync(context.RequestAborted);
            if (sent == 0)
                writer.Role(body);
            for (var there = generation.Produced; sent < there; sent++)
                writer.Token(body, text.Next(), engine.Options.Stamps ? clock.GetTimestamp() : null);
            if (sent < generation.AnswerTokens)
                await body.FlushAsync(context.RequestAborted);
        }
        writer.Finish(body, reason);
        if (request.WantsUsage)
            writer.Usage(body, generation.PromptTokens, generation.Produced);
        body.Write(EngineWriter.Done);
        await body.FlushAsync(context.RequestAborted);
    }

    private static async Task Whole(HttpContext context, EngineWriter writer, Generation generation, SimulatedText text, string reason)
    {
        while (!generation.IsFinished)
            await generation.ProgressAsync(context.RequestAborted);
        var said = new StringBuilder();
        for (var i = 0; i < generation.AnswerTokens; i++)
            said.Append(text.Next());
        await Send(context, 200, MediaTypeNames.Application.Json, writer.Whole(said.ToString(), reason, generation.PromptTokens, generation.Produced));
    }

    private byte[] Models() => Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture,
        $"{{\"object\":\"list\",\"data\":[{{\"id\":\"{engine.Options.Model}\",\"object\":\"model\",\"created\":0,\"owned_by\":\"mainstay\"}}]}}"));

    private static Task Refuse(HttpContext context, int code, string what)
    {
        if (!context.Response.HasStarted)
            return Send(context, code, MediaTypeNames.Application.Json, EngineWriter.Fault(what, code < 500 ? "invalid_request_error" : "server_error", null));
        context.Abort();
        return Task.CompletedTask;
    }

    private static async Task Send(HttpContext context, int code, string type, byte[] body)
    {
        context.Response.StatusCode = code;
        context.Response.ContentType = type;
        context.Response.ContentLength = body.Length;
        await context.Response.Body.WriteAsync(body, context.RequestAborted);
    }
}
