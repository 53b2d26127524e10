using System.Buffers;
using System.Net.Mime;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Mainstay.Control.AiModels;

namespace Mainstay.Models;

/// <summary>The body of <c>POST /predict</c>; further keys are ignored.</summary>
internal sealed record PredictRequest(string? Text);

/// <summary>The likeliest label, its probability (0 to 1) and the model's id.</summary>
internal sealed record PredictAnswer(string Label, double Score, string Model);

/// <summary>What <c>GET /health</c> says.</summary>
internal sealed record HealthAnswer(string Status, string Model, double UptimeSeconds);

/// <summary>What was wrong, and the cure.</summary>
internal sealed record ErrorAnswer(string Error);

/// <summary>The JSON of this room, compiled: reflection would cost each start its time.</summary>
[JsonSerializable(typeof(PredictRequest))]
[JsonSerializable(typeof(PredictAnswer))]
[JsonSerializable(typeof(HealthAnswer))]
[JsonSerializable(typeof(ErrorAnswer))]
internal sealed partial class ModelJson : JsonSerializerContext
{
    /// <summary>Messages stay readable; no answer is ever put into a page unescaped, as its type is application/json.</summary>
    public static ModelJson Readable { get; } = new(new JsonSerializerOptions(JsonSerializerDefaults.Web)
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });
}

/// <summary>Answers the requests of one served model. Nothing that a caller sends gets past its catch.</summary>
internal sealed class ModelEndpoints(TextClassifier classifier, TimeProvider clock)
{
    public const int MaxBodyBytes = 64 * 1024;

    private const string TooLarge = "The body is larger than 65536 bytes. Send a shorter text.";
    private const string HowToAsk = "Send JSON like {\"text\": \"...\"}.";
    private readonly ModelMetrics _metrics = new();
    private readonly long _start = clock.GetTimestamp();

    public async Task Answer(HttpContext context)
    {
        var start = clock.GetTimestamp();
        _metrics.Begin();
        try
        {
            await Route(context);
        }
        catch (BadHttpRequestException e)
        {
            await Refuse(context, e.StatusCode, e.StatusCode == StatusCodes.Status413PayloadTooLarge
                ? TooLarge
                : $"The request is malformed: {e.Message} {HowToAsk}");
        }
        catch (Exception e) when (e is OperationCanceledException or IOException)
        {
            // The caller went away; 499 as others count it.
            if (!context.Response.HasStarted) context.Response.StatusCode = StatusCodes.Status499ClientClosedRequest;
            context.Abort();
        }
        catch (Exception)
        {
            await Refuse(context, StatusCodes.Status500InternalServerError, "The prediction failed. Send it to another server.");
        }
        finally
        {
            _metrics.End(context.Response.StatusCode, clock.GetElapsedTime(start));
        }
    }

    private Task Route(HttpContext context)
    {
        var isGet = HttpMethods.IsGet(context.Request.Method);
        switch (context.Request.Path.Value)
        {
            case "/predict":
                if (HttpMethods.IsPost(context.Request.Method)) return Predict(context);
                return WrongMethod(context, HttpMethods.Post);
            case "/health":
                if (!isGet) return WrongMethod(context, HttpMethods.Get);
                var health = new HealthAnswer("ok", classifier.Id, clock.GetElapsedTime(_start).TotalSeconds);
                return Write(context, StatusCodes.Status200OK, health, ModelJson.Readable.HealthAnswer);
            case "/metrics":
                if (!isGet) return WrongMethod(context, HttpMethods.Get);
                var text = Encoding.UTF8.GetBytes(_metrics.ToPrometheus(classifier.Id));
                return Send(context, StatusCodes.Status200OK, "text/plain; version=0.0.4; charset=utf-8", text);
            default:
                return Refuse(context, StatusCodes.Status404NotFound, "Nothing here. Use POST /predict, GET /health or GET /metrics.");
        }
    }

    private async Task Predict(HttpContext context)
    {
        // One byte more than the largest body: who fills it has sent too much.
        var expected = Math.Clamp(context.Request.ContentLength ?? MaxBodyBytes, 0, MaxBodyBytes);
        var buffer = ArrayPool<byte>.Shared.Rent((int)expected + 1);
        try
        {
            var length = 0;
            for (int read; length <= expected; length += read)
            {
                var free = buffer.AsMemory(length, (int)expected + 1 - length);
                read = await context.Request.Body.ReadAsync(free, context.RequestAborted);
                if (read == 0) break;
            }
            if (length > MaxBodyBytes)
            {
                await Refuse(context, StatusCodes.Status413PayloadTooLarge, TooLarge);
                return;
            }
            if (TextOf(buffer.AsSpan(0, length)) is not { } text)
            {
                await Refuse(context, StatusCodes.Status400BadRequest, $"The body is no JSON with a string `text`. {HowToAsk}");
                return;
            }
            var (label, score) = classifier.Predict(text);
            var answer = new PredictAnswer(label, score, classifier.Id);
            await Write(context, StatusCodes.Status200OK, answer, ModelJson.Readable.PredictAnswer);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private static string? TextOf(ReadOnlySpan<byte> body)
    {
        try
        {
            return JsonSerializer.Deserialize(body, ModelJson.Readable.PredictRequest)?.Text;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return null; // InvalidOperation: an escaped lone surrogate
        }
    }

    private static Task WrongMethod(HttpContext context, string right)
    {
        context.Response.Headers.Allow = right;
        return Refuse(context, StatusCodes.Status405MethodNotAllowed, $"{context.Request.Path} takes {right} only.");
    }

    private static Task Refuse(HttpContext context, int code, string what)
    {
        if (!context.Response.HasStarted) return Write(context, code, new ErrorAnswer(what), ModelJson.Readable.ErrorAnswer);
        context.Abort();
        return Task.CompletedTask;
    }

    private static Task Write<T>(HttpContext context, int code, T answer, JsonTypeInfo<T> type) =>
        Send(context, code, MediaTypeNames.Application.Json, JsonSerializer.SerializeToUtf8Bytes(answer, type));

    private static async Task Send(HttpContext context, int code, string type, byte[] body)
    {
        context.Response.StatusCode = code;
        context.Response.ContentType = type;
        context.Response.ContentLength = body.Length;
        await context.Response.Body.WriteAsync(body, context.RequestAborted);
    }
}
