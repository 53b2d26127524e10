using System.CommandLine;
using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Mainstay.Control.AiModels;

namespace Mainstay.Bench;

/// <summary>
/// The text classifier on every CSV (<c>text,label</c>) of a folder, and on all files named <c>reviews-*</c> together. A row
/// is test if uint32(first 8 hex digits of sha1(name + "\n" + text)) % 10 &lt; 3, so that equal texts fall on one side.
/// CPU seconds are this process's over reading, training and scoring one set; the first set pays for the start.
/// </summary>
internal static class TextBench
{
    private sealed record Result(
        string Set, int Train, int Test, int Labels, double Accuracy, double MacroF1, double LogLoss, double CalibrationError,
        double CpuSeconds, int Features, long Bytes, double PredictMicroseconds);

    public static Command Build(TimeProvider clock)
    {
        var data = new Option<DirectoryInfo>("--data")
        {
            Description = "Folder of CSV files with the columns text,label.",
            Required = true,
        };
        var command = new Command("text", "Accuracy and cost of the text classifier.") { data };
        command.SetAction(parsed =>
        {
            try
            {
                return Run(parsed.GetRequiredValue(data).FullName, clock);
            }
            catch (TextExamplesException e)
            {
                Console.Error.WriteLine(e.Message);
                return 2;
            }
        });
        return command;
    }

    private static int Run(string folder, TimeProvider clock)
    {
        if (!Directory.Exists(folder))
        {
            Console.Error.WriteLine($"{folder}: there is no such folder. Give one with CSV files text,label.");
            return 2;
        }
        var files = Directory.GetFiles(folder, "*.csv").Order(StringComparer.Ordinal).ToArray();
        var sets = files.Select(file => (Name: Path.GetFileNameWithoutExtension(file), Files: (string[])[file])).ToList();
        var reviews = files.Where(file => Path.GetFileName(file).StartsWith("reviews-", StringComparison.Ordinal)).ToArray();
        if (reviews.Length > 1) sets.Add(("all reviews", reviews));

        Console.WriteLine("set                   train   test    acc     F1  logloss    ECE  CPU s  features    KiB  µs/text");
        var results = new List<Result>();
        foreach (var (name, paths) in sets)
        {
            var result = Measure(name, paths, clock);
            results.Add(result);
            Console.WriteLine(LineOf(result));
        }
        Console.WriteLine(JsonSerializer.Serialize(new { benchmark = "text", results }, JsonSerializerOptions.Web));
        return 0;
    }

    private static Result Measure(string set, string[] paths, TimeProvider clock)
    {
        var before = CpuSeconds();
        var train = new List<TextExample>();
        var test = new List<TextExample>();
        foreach (var path in paths)
        {
            var name = Path.GetFileNameWithoutExtension(path);
            foreach (var example in TextExamples.Read(path)) (IsTest(name, example.Text) ? test : train).Add(example);
        }
        var classifier = TextTrainer.Train(train, new TrainingOptions { Name = set });
        var score = ClassificationScore.Of(classifier, test);
        var cpu = CpuSeconds() - before;

        var file = Path.Combine(Path.GetTempPath(), $"mainstay-bench-{Environment.ProcessId}.model");
        var bytes = classifier.Save(file);
        File.Delete(file);
        var start = clock.GetTimestamp();
        foreach (var example in test) classifier.Predict(example.Text);
        var each = clock.GetElapsedTime(start).TotalMicroseconds / test.Count;
        return new Result(set, train.Count, test.Count, classifier.Labels.Count, score.Accuracy, score.MacroF1, score.LogLoss,
            score.CalibrationError, cpu, classifier.Features, bytes, each);
    }

    private static string LineOf(Result r) =>
        $"{r.Set,-20}{r.Train,7}{r.Test,7}{r.Accuracy,7:F3}{r.MacroF1,7:F3}{r.LogLoss,9:F3}{r.CalibrationError,7:F3}"
        + $"{r.CpuSeconds,7:F2}{r.Features,10}{r.Bytes / 1024,7}{r.PredictMicroseconds,9:F1}";

    private static bool IsTest(string name, string text) =>
        Convert.ToUInt32(Convert.ToHexString(Sha1($"{name}\n{text}"))[..8], 16) % 10 < 3;

#pragma warning disable CA5350 // Not for security: the published rule of the split names SHA-1.
    private static byte[] Sha1(string text) => SHA1.HashData(Encoding.UTF8.GetBytes(text));
#pragma warning restore CA5350

    private static double CpuSeconds()
    {
        using var process = Process.GetCurrentProcess();
        return process.TotalProcessorTime.TotalSeconds;
    }
}
