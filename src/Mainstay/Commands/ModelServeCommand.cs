using System.CommandLine;
using System.Net;
using System.Net.Sockets;
using Mainstay.Control.AiModels;
using Mainstay.Control.Config;
using Mainstay.Engine;
using Mainstay.Models;

namespace Mainstay.Commands;

/// <summary><c>mainstay model serve</c>: a text classifier, or an engine that only does as if.</summary>
internal static class ModelServeCommand
{
    private const int Failed = 2;
    private static readonly TimeSpan StopWithin = TimeSpan.FromSeconds(1.5);

    public static Command Build(TimeProvider clock)
    {
        var engine = new Option<string>("--engine") { Description = "text: a classifier of --model. sim: a simulated inference engine with the openai API.", DefaultValueFactory = _ => "text" };
        var model = new Option<string?>("--model") { Description = "A file that `mainstay model train` wrote; of a simulated engine the model's name." };
        var listen = new Option<string>("--listen")
        {
            Description = "http://ADDRESS:PORT; port 0 lets the system choose.",
            DefaultValueFactory = _ => "http://127.0.0.1:9000",
        };
        var withParent = new Option<bool>("--with-parent")
        {
            Description = "End when standard input closes: whoever started it is gone.",
        };
        var simulated = new SimulatedOptions();
        var command = new Command("serve", "Answer predictions of a classifier, or chats with a simulated engine.") { engine, model, listen, withParent };
        simulated.AddTo(command);
        command.SetAction((parsed, cancel) => GuardedAsync(async () =>
        {
            var (name, url) = (parsed.GetValue(model), parsed.GetRequiredValue(listen));
            var served = new Served(url, parsed.GetValue(withParent), clock, parsed.InvocationConfiguration.Output);
            switch (parsed.GetRequiredValue(engine))
            {
                case "text":
                    await ServeText(name ?? throw new CommandException("--model is missing: name a file that `mainstay model train` wrote."), served, cancel);
                    return;
                case "sim":
                    await ServeSimulated(simulated.Read(parsed, name), served, cancel);
                    return;
                default:
                    throw new CommandException($"--engine {parsed.GetRequiredValue(engine)}: write text or sim.");
            }
        }));
        return command;
    }

    private static async Task ServeText(string file, Served served, CancellationToken cancel)
    {
        var address = AddressOf(served.Url);
        var classifier = TextClassifier.Load(file);
        await WarmUp.Run(new ModelEndpoints(classifier, served.Clock).Answer, ModelEndpoints.MaxBodyBytes, WarmUp.Predictions, served.Clock, cancel);
        await using var app = ModelHost.Build(address, new ModelEndpoints(classifier, served.Clock).Answer, ModelEndpoints.MaxBodyBytes);
        await Serve(app, served, cancel);
    }

    private static async Task ServeSimulated(EngineOptions options, Served served, CancellationToken cancel)
    {
        var address = AddressOf(served.Url);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var cold = new SimulatedEngine(options with { Step = TimeSpan.FromMilliseconds(1), AcceptsPrefill = true }, served.Clock);
        var warming = cold.RunAsync(stop.Token);
        await WarmUp.Run(new EngineEndpoints(cold, served.Clock).Answer, EngineEndpoints.MaxBodyBytes, WarmUp.Completions, served.Clock, cancel);
        var engine = new SimulatedEngine(options, served.Clock);
        var running = engine.RunAsync(stop.Token);
        await using var app = ModelHost.Build(address, new EngineEndpoints(engine, served.Clock).Answer, EngineEndpoints.MaxBodyBytes);
        try
        {
            await Serve(app, served, cancel);
        }
        finally
        {
            await stop.CancelAsync();
            await Task.WhenAll(warming, running).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private static async Task Serve(WebApplication app, Served served, CancellationToken cancel)
    {
        try
        {
            await app.StartAsync(cancel);
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            throw new CommandException(e.InnerException is Microsoft.AspNetCore.Connections.AddressInUseException
                ? $"--listen {served.Url}: the port is in use. Stop what listens there, or choose another port (0: the system chooses)."
                : $"--listen {served.Url}: {e.Message.TrimEnd('.')}. Give an address of this machine and a port you may use.", e);
        }
        await served.Console.WriteLineAsync($"listening on {ModelHost.UrlOf(app)}");
        await served.Console.FlushAsync(cancel);

        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel, app.Lifetime.ApplicationStopping);
        var stopped = Task.Delay(Timeout.InfiniteTimeSpan, served.Clock, stop.Token);
        var orphaned = served.WithParent ? Console.OpenStandardInput().CopyToAsync(Stream.Null, stop.Token) : stopped;
        await (await Task.WhenAny(stopped, orphaned)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        using var limit = new CancellationTokenSource(StopWithin, served.Clock);
        await app.StopAsync(limit.Token);
    }

    private static IPEndPoint AddressOf(string url)
    {
        CommandException Wrong(string what) => new($"--listen {url}: {what} Write it like http://127.0.0.1:9000.");
        if (!Uri.TryCreate(url, UriKind.Absolute, out var uri)) throw Wrong("this is no URL.");
        if (!string.Equals(uri.Scheme, Uri.UriSchemeHttp, StringComparison.Ordinal))
            throw Wrong($"only http is served here, not {uri.Scheme}.");
        if (uri.AbsolutePath != "/" || uri.Query.Length > 0 || uri.Fragment.Length > 0 || uri.UserInfo.Length > 0)
            throw Wrong("an address to listen on has no path, query or user.");
        if (string.Equals(uri.Host, "localhost", StringComparison.Ordinal)) return new IPEndPoint(IPAddress.Loopback, uri.Port);
        return IPAddress.TryParse(uri.DnsSafeHost, out var address)
            ? new IPEndPoint(address, uri.Port)
            : throw Wrong($"`{uri.Host}` is no IP address (0.0.0.0 means all).");
    }

    private static async Task<int> GuardedAsync(Func<Task> act)
    {
        try
        {
            await act();
            return 0;
        }
        catch (OperationCanceledException)
        {
            return 0; // stopped before it served
        }
        catch (Exception e) when (e is ModelFileException or CommandException)
        {
            await Console.Error.WriteLineAsync(e.Message);
            return Failed;
        }
    }

    /// <summary>Where it is served, and for how long.</summary>
    private sealed record Served(string Url, bool WithParent, TimeProvider Clock, TextWriter Console);
}

/// <summary>The options of a simulated engine.</summary>
internal sealed class SimulatedOptions
{
    private static readonly EngineOptions Default = new();
    private readonly Option<string?> _name = new("--name") { Description = "sim: the engine's own name, sent as system_fingerprint." };
    private readonly Option<double> _prefill = new("--prefill") { Description = "sim: tokens of prompts a second.", DefaultValueFactory = _ => Default.Prefill };
    private readonly Option<double> _decode = new("--decode") { Description = "sim: tokens of answers a second, of all requests together.", DefaultValueFactory = _ => Default.Decode };
    private readonly Option<int> _batch = new("--batch") { Description = "sim: requests that run at a time.", DefaultValueFactory = _ => Default.Batch };
    private readonly Option<int> _queue = new("--queue") { Description = "sim: requests that wait at most; beyond, 503.", DefaultValueFactory = _ => Default.Queue };
    private readonly Option<string> _step = new("--step") { Description = "sim: shortest time between two tokens of one answer.", DefaultValueFactory = _ => "10ms" };
    private readonly Option<bool> _noPrefill = new("--no-prefill") { Description = "sim: refuse to go on from the beginning of an answer." };
    private readonly Option<bool> _stamp = new("--stamp") { Description = "sim: each event carries the time of its writing (sent_at)." };

    public void AddTo(Command command)
    {
        foreach (var option in (Option[])[_name, _prefill, _decode, _batch, _queue, _step, _noPrefill, _stamp])
            command.Options.Add(option);
    }

    /// <exception cref="CommandException">A value is of no use; the message says which would be.</exception>
    public EngineOptions Read(ParseResult parsed, string? model) => new()
    {
        Model = Name("--model", model ?? Default.Model),
        Name = Name("--name", parsed.GetValue(_name) ?? model ?? Default.Name),
        Prefill = Within("--prefill", parsed.GetValue(_prefill), 1, 1e9),
        Decode = Within("--decode", parsed.GetValue(_decode), 1, 1e9),
        Batch = (int)Within("--batch", parsed.GetValue(_batch), 1, 100_000),
        Queue = (int)Within("--queue", parsed.GetValue(_queue), 0, 1_000_000),
        Step = Units.TryDuration(parsed.GetRequiredValue(_step), out var step, out _) && step >= TimeSpan.FromMilliseconds(1) && step <= TimeSpan.FromMinutes(1)
            ? step
            : throw new CommandException($"--step {parsed.GetRequiredValue(_step)}: write a time from 1ms to 1m, such as 10ms."),
        AcceptsPrefill = !parsed.GetValue(_noPrefill),
        Stamps = parsed.GetValue(_stamp),
    };

    private static double Within(string option, double value, double least, double most) =>
        value >= least && value <= most ? value : throw new CommandException(FormattableString.Invariant($"{option} {value}: write a number from {least} to {most}."));

    private static string Name(string option, string name) =>
        name.Length is > 0 and <= 100 && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.' or '/' or ':')
            ? name
            : throw new CommandException($"{option} {name}: write letters, digits, - _ . / and :, up to 100.");
}
