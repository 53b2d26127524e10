using System.Collections.Immutable;
using System.Globalization;
using Mainstay.Routing;

namespace Mainstay.Control.Config;

/// <summary>Reads how a server of a model is asked.</summary>
/// <param name="folder">Where relative paths count from.</param>
internal sealed class ModelServerReader(string folder)
{
    private static readonly string[] OfModels = ["model", "key_env", "key_file", "prefill", "context", "price", "metrics", "path", "headers", "endpoint", "aws_region", "body"];

    /// <summary>Null: the server speaks http, and is asked as callers ask.</summary>
    /// <param name="section">The server's.</param>
    /// <param name="callers">What the callers of its service speak.</param>
    public ModelServer? Read(Section section, ModelApi callers)
    {
        var api = section.Choice<ModelApi>("api") ?? callers;
        if (callers == ModelApi.Http)
        {
            foreach (var name in OfModels.Where(section.Has))
                section.Error(name, "belongs to an API of models, and the service speaks http", "write `api: openai`, or whatever its callers speak, in the service");
            if (api != ModelApi.Http)
                section.Error("api", "the service's callers speak http, which goes on as it is", "write the api in the service as well");
            return null;
        }
        if (api != callers && (callers != ModelApi.OpenAi || api is ModelApi.Http or ModelApi.Lambda) && !IsSpokenInside(section, api))
        {
            section.Error(
                "api", $"callers of {Word(callers)} cannot be served by {Word(api)}",
                callers == ModelApi.OpenAi ? "use openai, anthropic, bedrock or sagemaker; or lambda with `body: openai`" : $"use {Word(callers)}, or let callers speak openai");
        }
        if (section.Has("key_env") && section.Has("key_file"))
            section.Error("key_file", "stands beside key_env, and a server has one key", "take one of the two out");
        var price = section.Map("price");
        price?.Require("prompt", "answer");
        return new ModelServer
        {
            Api = api,
            Model = section.Text("model"),
            KeyEnv = ReadVariable(section),
            KeyFile = section.Text("key_file") is { } file ? Path.GetFullPath(Path.Combine(folder, file)) : null,
            Prefill = section.Flag("prefill") ?? true,
            Context = ReadTokens(section, "context"),
            PromptPrice = price?.Number("prompt"),
            AnswerPrice = price?.Number("answer"),
            Metrics = section.Text("metrics") is null or ['/', ..] ? Addresses.PathFromRoot(section, "metrics", mayHaveQuery: true) : Addresses.Web(section, "metrics")?.AbsoluteUri,
            Endpoint = ReadEndpoint(section, api),
            AwsRegion = section.Name("aws_region"),
            Body = section.Choice<ModelApi>("body") ?? ModelApi.Http,
            Path = Addresses.PathFromRoot(section, "path", mayHaveQuery: true),
            Headers = ReadHeaders(section),
        };
    }

    /// <summary>The address of a server: as written, or that of the AWS service in its region.</summary>
    public static Uri? ReadUrl(Section section, ModelServer? ai)
    {
        if (section.Has("url") || ai is not { AwsRegion: { } region })
        {
            if (!section.HasReserved)
                section.Require("url");
            return Addresses.Web(section, "url");
        }
        var host = ai.Api switch
        {
            ModelApi.SageMaker => "runtime.sagemaker",
            ModelApi.Lambda => "lambda",
            ModelApi.Bedrock => "bedrock-runtime",
            _ => null,
        };
        if (host is not null)
            return new Uri($"https://{host}.{region}.amazonaws.com");
        section.Require("url");
        return null;
    }

    private static bool IsSpokenInside(Section section, ModelApi api) => api == ModelApi.Lambda && section.Has("body");

    private static string? ReadEndpoint(Section section, ModelApi api)
    {
        var endpoint = section.Text("endpoint");
        if (endpoint is not null && api is not (ModelApi.SageMaker or ModelApi.Lambda))
            section.Error("endpoint", $"{Word(api)} has no endpoints", "take it out, or write `api: sagemaker` or `api: lambda`");
        if (section.Has("body") && api is not (ModelApi.SageMaker or ModelApi.Lambda))
            section.Error("body", $"{Word(api)} has a form of its own", "take it out");
        return endpoint;
    }

    private static string? ReadVariable(Section section)
    {
        var name = section.Text("key_env");
        // The key itself may stand there by mistake: it is not repeated.
        if (name is null || (name.All(c => char.IsAsciiLetterOrDigit(c) || c == '_') && !char.IsAsciiDigit(name[0])))
            return name;
        section.Error("key_env", "not the name of an environment variable", "write a name such as POOL_A_KEY, and put the key into that variable");
        return null;
    }

    private static int? ReadTokens(Section section, string name)
    {
        if (section.Text(name) is not { } text)
            return null;
        var (digits, times) = text[^1] switch
        {
            'k' or 'K' => (text[..^1], 1000),
            'm' or 'M' => (text[..^1], 1_000_000),
            _ => (text, 1),
        };
        if (int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number is > 0 and <= 1_000_000 && number * (long)times <= 1_000_000_000)
            return number * times;
        section.Error(name, $"{Findings.Quote(text)} is not a number of tokens", "write such as 32k or 128000");
        return null;
    }

    private static ImmutableArray<HeaderTemplate> ReadHeaders(Section section)
    {
        var headers = ImmutableArray.CreateBuilder<HeaderTemplate>();
        foreach (var line in section.Texts("headers"))
        {
            var colon = line.Text.IndexOf(':');
            var (name, value) = colon < 0 ? ("", "") : (line.Text[..colon], line.Text[(colon + 1)..].Trim());
            if (Addresses.IsHeaderName(name) && value.Length > 0 && !value.AsSpan().ContainsAnyExceptInRange(' ', '~'))
                headers.Add(new HeaderTemplate(name, value));
            else
                section.Report(line.Line, line.Key, "not a header field", "write `\"api-key: {key}\"`: a name, a colon, a value");
        }
        return headers.ToImmutable();
    }

    private static string Word(ModelApi api) => api.ToString().ToLowerInvariant();
}
