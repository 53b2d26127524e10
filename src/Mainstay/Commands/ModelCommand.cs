using System.CommandLine;
using System.Net;
using System.Net.Sockets;
using Mainstay.Control.AiModels;
using Mainstay.Models;

namespace Mainstay.Commands;

/// <summary><c>mainstay model</c>: trains a text classifier, and serves one over HTTP.</summary>
internal static class ModelCommand
{
    private const int Failed = 2;
    private const double TestShare = 0.2;
    private static readonly TimeSpan StopWithin = TimeSpan.FromSeconds(1.5);

    public static Command Build(TimeProvider clock) =>
        new("model", "Train a text classifier, or serve one over HTTP.") { BuildTrain(clock), BuildServe(clock) };

    private static Command BuildTrain(TimeProvider clock)
    {
        var data = new Option<string?>("--data")
        {
            Description = "CSV file with the columns text,label (RFC 4180, UTF-8). Without it: the built-in moderation corpus.",
        };
        var output = new Option<string>("--out") { Description = "The model file to write.", Required = true };
        var seed = new Option<int>("--seed")
        {
            Description = "Chooses the held-out part and the solver's order. Equal data and seed give an equal file.",
            DefaultValueFactory = _ => 1,
        };
        var command = new Command("train", "Train on labelled texts; a fifth is held out and measured.") { data, output, seed };
        command.SetAction(parsed => Guarded(() => Train(
            parsed.GetValue(data), parsed.GetRequiredValue(output), parsed.GetValue(seed), clock,
            parsed.InvocationConfiguration.Output)));
        return command;
    }

    private static Command BuildServe(TimeProvider clock)
    {
        var model = new Option<string>("--model") { Description = "A file that `mainstay model train` wrote.", Required = true };
        var listen = new Option<string>("--listen")
        {
            Description = "http://ADDRESS:PORT; port 0 lets the system choose.",
            DefaultValueFactory = _ => "http://127.0.0.1:9000",
        };
        var withParent = new Option<bool>("--with-parent")
        {
            Description = "End when standard input closes: whoever started it is gone.",
        };
        var command = new Command("serve", "Answer POST /predict, GET /health and GET /metrics.") { model, listen, withParent };
        command.SetAction((parsed, cancel) => GuardedAsync(() => Serve(
            parsed.GetRequiredValue(model), parsed.GetRequiredValue(listen), parsed.GetValue(withParent), clock,
            parsed.InvocationConfiguration.Output, cancel)));
        return command;
    }

    private static void Train(string? data, string output, int seed, TimeProvider clock, TextWriter console)
    {
        var start = clock.GetTimestamp();
        var examples = data is null ? ModerationCorpus.Load() : TextExamples.Read(data);
        var parts = HeldOut.Split(examples, TestShare, seed);
        var name = data is null ? "moderation" : Path.GetFileNameWithoutExtension(data);
        var classifier = TextTrainer.Train(parts.Train, new TrainingOptions { Name = name, Seed = seed });
        var score = ClassificationScore.Of(classifier, parts.Test);
        var bytes = classifier.Save(output);
        console.WriteLine($"""
            model      {classifier.Id}
            rows       {examples.Count} ({parts.Train.Count} to train, {parts.Test.Count} held out, seed {seed})
            classes    {string.Join(", ", classifier.Labels)}
            held out   accuracy {score.Accuracy:F3}, macro-F1 {score.MacroF1:F3}
            features   {classifier.Features}
            file       {output}, {bytes} bytes
            time       {clock.GetElapsedTime(start).TotalSeconds:F2} s
            """);
    }

    private static async Task Serve(
        string file, string url, bool withParent, TimeProvider clock, TextWriter console, CancellationToken cancel)
    {
        var address = AddressOf(url);
        var classifier = TextClassifier.Load(file);
        await WarmUp.Run(classifier, clock, cancel);

        await using var app = ModelHost.Build(address, new ModelEndpoints(classifier, clock));
        try
        {
            await app.StartAsync(cancel);
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            throw new CommandException(e.InnerException is Microsoft.AspNetCore.Connections.AddressInUseException
                ? $"--listen {url}: the port is in use. Stop what listens there, or choose another port (0: the system chooses)."
                : $"--listen {url}: {e.Message.TrimEnd('.')}. Give an address of this machine and a port you may use.", e);
        }
        console.WriteLine($"listening on {ModelHost.UrlOf(app)}");
        await console.FlushAsync(cancel);

        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel, app.Lifetime.ApplicationStopping);
        var stopped = Task.Delay(Timeout.InfiniteTimeSpan, clock, stop.Token);
        var orphaned = withParent ? Console.OpenStandardInput().CopyToAsync(Stream.Null, stop.Token) : stopped;
        await (await Task.WhenAny(stopped, orphaned)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        using var limit = new CancellationTokenSource(StopWithin, clock);
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

    private static int Guarded(Action act)
    {
        try
        {
            act();
            return 0;
        }
        catch (Exception e) when (IsExpected(e))
        {
            Console.Error.WriteLine(e.Message);
            return Failed;
        }
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
        catch (Exception e) when (IsExpected(e))
        {
            await Console.Error.WriteLineAsync(e.Message);
            return Failed;
        }
    }

    private static bool IsExpected(Exception e) => e is ModelFileException or TextExamplesException or CommandException;
}
