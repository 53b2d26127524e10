using System.CommandLine;
using Mainstay.Control.AiModels;

namespace Mainstay.Commands;

/// <summary><c>mainstay model</c>: trains a text classifier, and serves one or a simulated engine over HTTP.</summary>
internal static class ModelCommand
{
    private const int Failed = 2;
    private const double TestShare = 0.2;

    public static Command Build(TimeProvider clock) =>
        new("model", "Train a text classifier; serve one, or a simulated engine, over HTTP.") { BuildTrain(clock), ModelServeCommand.Build(clock) };

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

    private static bool IsExpected(Exception e) => e is ModelFileException or TextExamplesException or CommandException;
}
