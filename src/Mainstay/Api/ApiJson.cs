using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Mainstay.Control.Incidents;
using Mainstay.Control.Mitigation;

namespace Mainstay.Api;

/// <summary>How the API writes JSON: snake_case, enums as lower-case words, times in ISO 8601. What records compute for people
/// (title, stage, whether open) is written too; the spool leaves it out.</summary>
internal static class ApiJson
{
    public static JsonSerializerOptions Options { get; } = Make();

    public static Task WriteAsync<T>(HttpContext http, T value, int status = StatusCodes.Status200OK)
    {
        http.Response.StatusCode = status;
        http.Response.Headers.CacheControl = "no-store";
        return http.Response.WriteAsJsonAsync(value, Options, "application/json; charset=utf-8", http.RequestAborted);
    }

    /// <param name="message">What went wrong, and the cure.</param>
    public static Task WriteErrorAsync(HttpContext http, int status, string message) =>
        WriteAsync(http, new ErrorAnswer(new ErrorDetail(status, message)), status);

    private static JsonSerializerOptions Make()
    {
        var options = new JsonSerializerOptions
        {
            PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
            TypeInfoResolver = new DefaultJsonTypeInfoResolver { Modifiers = { AddWords } },
            MaxDepth = 32,
        };
        options.Converters.Add(new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower));
        options.MakeReadOnly();
        return options;
    }

    private static void AddWords(JsonTypeInfo type)
    {
        if (type.Type == typeof(Incident))
        {
            Add<Incident, string>(type, "title", i => i.Title);
            Add<Incident, Stage>(type, "stage", i => i.Stage);
            Add<Incident, bool>(type, "open", i => i.IsOpen);
        }
        else if (type.Type == typeof(Remedy))
        {
            Add<Remedy, string>(type, "title", r => r.Title);
        }
    }

    private static void Add<TOwner, T>(JsonTypeInfo type, string name, Func<TOwner, T> get)
    {
        for (var i = type.Properties.Count - 1; i >= 0; i--)
        {
            if (type.Properties[i].Name == name)
                type.Properties.RemoveAt(i);
        }
        var property = type.CreateJsonPropertyInfo(typeof(T), name);
        property.Get = owner => get((TOwner)owner);
        type.Properties.Add(property);
    }
}

/// <summary>Every error of the API: <c>{"error":{"status","message"}}</c>.</summary>
internal sealed record ErrorAnswer(ErrorDetail Error);

/// <param name="Message">What went wrong, and the cure.</param>
internal sealed record ErrorDetail(int Status, string Message);
