using System.CommandLine;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Mainstay.Api;

namespace Mainstay.Commands;

/// <summary>Asks a running instance, for the commands: one request, one answer, and for every failure the cure.</summary>
internal sealed class ControlClient : IDisposable
{
    public const string DefaultAddress = "http://127.0.0.1:8401";

    /// <summary>Longer than the listener itself waits for the control loop.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(8);

    /// <summary>A status of many services with their incidents; more than that is not an answer of Mainstay.</summary>
    private const long MostBytes = 64L << 20;

    private readonly Uri _address;
    private readonly HttpClient _http;

    public ControlClient(Uri address, string? token)
    {
        _address = address;
        _http = new HttpClient(new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseProxy = !address.IsLoopback,
            ConnectTimeout = TimeSpan.FromSeconds(3),
        })
        {
            BaseAddress = address,
            Timeout = Patience,
            MaxResponseContentBufferSize = MostBytes,
        };
        if (token is not null)
            _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
    }

    public Task<ControlAnswer> GetAsync(string path, CancellationToken cancel) => AskAsync(HttpMethod.Get, path, null, cancel);

    /// <param name="why">Stands in the journal; null: empty.</param>
    public Task<ControlAnswer> PostAsync(string path, string? why, CancellationToken cancel) => SendAsync(HttpMethod.Post, path, new { why = why ?? "" }, cancel);

    /// <param name="body">Sent as JSON; null: nothing is.</param>
    public Task<ControlAnswer> SendAsync(HttpMethod method, string path, object? body, CancellationToken cancel) => AskAsync(method, path, body, cancel);

    /// <summary>A POST of lines as they are.</summary>
    public Task<ControlAnswer> SendTextAsync(string path, string lines, CancellationToken cancel) =>
        AskAsync(HttpMethod.Post, path, new StringContent(lines, Encoding.UTF8, "application/x-ndjson"), cancel);

    public void Dispose() => _http.Dispose();

    private async Task<ControlAnswer> AskAsync(HttpMethod method, string path, object? body, CancellationToken cancel)
    {
        using var request = new HttpRequestMessage(method, path);
        if (body is HttpContent content)
            request.Content = content;
        else if (body is not null)
            request.Content = new StringContent(JsonSerializer.Serialize(body, ApiJson.Options), Encoding.UTF8, "application/json");
        try
        {
            using var answer = await _http.SendAsync(request, cancel);
            var text = await answer.Content.ReadAsStringAsync(cancel);
            var status = (int)answer.StatusCode;
            return new ControlAnswer(status, text, answer.IsSuccessStatusCode ? "" : Explain(status, text));
        }
        catch (HttpRequestException e)
        {
            return Unreachable(e.InnerException?.Message ?? e.Message);
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            return Unreachable($"no answer within {Patience.TotalSeconds:0} s");
        }
    }

    private ControlAnswer Unreachable(string why) => new(0, "",
        $"No instance answers at {_address}: {why}. Start one with mainstay serve -c mainstay.yaml, or name the address of its control listener with --control.");

    private string Explain(int status, string body)
    {
        try
        {
            if (JsonSerializer.Deserialize<ErrorAnswer>(body, ApiJson.Options) is { Error.Message: { Length: > 0 } message })
                return message;
        }
        catch (JsonException)
        {
            // Not an answer of Mainstay; said below.
        }
        return $"{_address} answered {status}, and not as Mainstay does. Name the address of its control listener with --control; traffic has another one.";
    }
}

/// <param name="Status">Of HTTP; 0: the instance was not reached.</param>
/// <param name="Body">As it came.</param>
/// <param name="Problem">Empty if all went well; else what is wrong, and the cure.</param>
internal sealed record ControlAnswer(int Status, string Body, string Problem)
{
    public bool IsGood => Problem.Length == 0;

    /// <summary>True: nobody is there, or the control loop does not answer. What can be done without it should be.</summary>
    public bool IsAway => Status is 0 or 503;

    /// <summary>1 for an order that was refused, 2 for all that the person can mend.</summary>
    public int ExitCode => IsGood ? 0 : Status is 409 ? 1 : 2;
}

/// <summary>The options that every command has which talks to an instance.</summary>
internal sealed class ControlOptions
{
    public Option<string> Address { get; } = new("--control")
    {
        Description = "Address of the control listener of the instance.",
        HelpName = "URL",
        DefaultValueFactory = _ => ControlClient.DefaultAddress,
    };

    public Option<string?> TokenFile { get; } = new("--token-file")
    {
        Description = "File with the token. Otherwise MAINSTAY_TOKEN, otherwise the file token of the state folder.",
        HelpName = "FILE",
    };

    public void AddTo(Command command)
    {
        command.Options.Add(Address);
        command.Options.Add(TokenFile);
    }

    /// <summary>A client for what the options say. Null: they make no sense, and <paramref name="why"/> names the cure.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="address">Null: as the option says.</param>
    /// <param name="stateFolder">Where the token is looked for when nothing else names one.</param>
    /// <param name="needsToken">True: a missing token is an error; false: it is sent only if there is one.</param>
    /// <param name="why">Empty if all is well.</param>
    public ControlClient? Connect(ParseResult parsed, Uri? address, string stateFolder, bool needsToken, out string why)
    {
        var fromConfig = address is not null;
        var text = parsed.GetValue(Address) ?? ControlClient.DefaultAddress;
        if (address is null && (!Uri.TryCreate(text, UriKind.Absolute, out address) || address.Scheme is not ("http" or "https")))
        {
            why = $"--control {text}: not an http address. Write it such as {ControlClient.DefaultAddress}.";
            return null;
        }
        // The instance's own token stays on this machine: only an address named with it (-c) or on loopback gets it unasked.
        var own = fromConfig || address.IsLoopback ? Api.TokenFile.PathIn(stateFolder) : null;
        var token = Token(parsed.GetValue(TokenFile), own, needsToken, out why);
        return why.Length > 0 ? null : new ControlClient(address, token);
    }

    private static string? Token(string? file, string? own, bool needed, out string why)
    {
        why = "";
        if (file is not null)
            return Api.TokenFile.Read(file, out why);
        if (Environment.GetEnvironmentVariable("MAINSTAY_TOKEN") is { Length: > 0 } named)
            return named.Trim();
        if (own is null && needed)
            why = "An instance elsewhere needs its token: name a file that holds it with --token-file, or put it into MAINSTAY_TOKEN.";
        if (own is null || (!needed && !File.Exists(own)))
            return null;
        var token = Api.TokenFile.Read(own, out why);
        // Reading a page on loopback needs none, so a token that this user may not read is no reason to stop.
        if (!needed)
            why = "";
        return token;
    }
}
