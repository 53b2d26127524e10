using System.Text.Json;
using Mainstay.Routing;

namespace Mainstay.Control.Config;

/// <summary>Reads what callers of a service get when no server is left.</summary>
/// <param name="folder">Where relative paths count from.</param>
internal sealed class WhenDownReader(string folder)
{
    private const int MaxAnswerBytes = 1 << 20;

    /// <summary>Adds it to a service.</summary>
    public Service ReadInto(Service routing, Section service)
    {
        if (service.IsText("when_down"))
        {
            if (service.Text("when_down") is { } word and not "error")
            {
                service.Error(
                    "when_down", $"{Findings.Quote(word)} is not known",
                    NearestWord.Cure(word, ["error"], "write `error`, `{ answer: FILE }`, or `{ queue: FOLDER }`"));
            }
            return routing;
        }
        if (service.Map("when_down") is not { } section || section.HasReserved)
            return routing;
        if (section.Has("answer") && section.Has("queue"))
            section.Error("queue", "stands beside answer, and callers can get only one of them", "take one of the two out");
        if (!section.Has("answer") && !section.Has("queue"))
            section.Require("answer");
        return routing with { AnswerWhenDown = ReadAnswer(section), QueueWhenDown = ReadQueue(section) };
    }

    private string? ReadAnswer(Section section)
    {
        if (section.Text("answer") is not { } name)
            return null;
        var (text, trouble) = SmallFile.Read(Path.Combine(folder, name), MaxAnswerBytes);
        if (text is null)
        {
            section.Error("answer", $"{Findings.Shown(name)}: {trouble.Wrong}", trouble.Cure);
            return null;
        }
        try
        {
            JsonDocument.Parse(text).Dispose();
            return text;
        }
        catch (JsonException e)
        {
            var line = (e.LineNumber ?? 0) + 1;
            section.Error("answer", $"{Findings.Shown(name)} is not JSON in its line {line}", "correct it there: callers would get it as it is");
            return null;
        }
    }

    private QueueWhenDown? ReadQueue(Section whenDown)
    {
        if (!whenDown.Has("queue"))
            return null;
        var isText = whenDown.IsText("queue");
        var section = isText ? null : whenDown.Map("queue");
        section?.Require("folder");
        if ((isText ? whenDown.Text("queue") : section?.Text("folder")) is not { } path)
            return null;
        if (path.Contains("://", StringComparison.Ordinal))
        {
            (section ?? whenDown).Error(
                isText ? "queue" : "folder", $"{Findings.Quote(path)} is an address, and the queue is a folder on this machine", "write a path such as ./queue");
            return null;
        }
        var queue = new QueueWhenDown { Folder = Path.GetFullPath(Path.Combine(folder, path)) };
        return section is null ? queue : queue with
        {
            Max = section.Whole("max") ?? queue.Max,
            Size = section.Size("size") ?? queue.Size,
            Keep = section.Duration("keep") ?? queue.Keep,
        };
    }
}
