using Mainstay.Control.Incidents;

namespace Mainstay.Api;

/// <summary>The drafted reviews, one Markdown file each.</summary>
/// <param name="path">state/reviews.</param>
internal sealed class ReviewFolder(string path)
{
    /// <summary>What a page shows at most.</summary>
    private const int MostBytes = 1 << 20;

    /// <summary>The review as Markdown. Null: there is none to show, and <paramref name="why"/> says so.</summary>
    public string? TryRead(Incident incident, out string why)
    {
        if (incident.Review is not { Length: > 0 } name)
        {
            why = $"Incident {incident.Number} has no review yet: it is drafted when the incident is resolved.";
            return null;
        }
        try
        {
            // The name comes from the journal; whatever it says, nothing outside the folder is shown.
            var file = new FileInfo(Path.Combine(path, Path.GetFileName(name)));
            if (file.Exists && file.Length <= MostBytes)
            {
                why = "";
                return File.ReadAllText(file.FullName);
            }
            why = $"The review {name} is not in {path}, or is larger than {MostBytes >> 20} MiB.";
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            why = $"The review {name} cannot be read: {e.Message}";
        }
        return null;
    }
}
