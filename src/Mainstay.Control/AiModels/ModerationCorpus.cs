namespace Mainstay.Control.AiModels;

/// <summary>
/// The project's own corpus for moderation: some 380 sentences of chat, written for it, labelled <c>ok</c> or <c>toxic</c>
/// (insults, threats, harassment; no slurs). Small: it serves the demo and the tests. For real moderation bring real data.
/// </summary>
public static class ModerationCorpus
{
    private const string Resource = "Mainstay.Control.AiModels.moderation.csv";

    /// <summary>All sentences, in the order of the file.</summary>
    public static IReadOnlyList<TextExample> Load()
    {
        using var stream = typeof(ModerationCorpus).Assembly.GetManifestResourceStream(Resource)
            ?? throw new InvalidOperationException($"The resource {Resource} is missing from the build.");
        using var reader = new StreamReader(stream);
        return TextExamples.Read(reader, "moderation.csv");
    }
}
