namespace Mainstay.Control.Config;

/// <summary>
/// The word that somebody who mistyped probably meant, by edit distance: insertions, deletions, replacements and swaps
/// of neighbours count one each (optimal string alignment).
/// </summary>
internal static class NearestWord
{
    private const int LongestWord = 40;

    /// <summary>The nearest of the known words; null if none is near enough, a third of its letters being wrong at most.</summary>
    public static string? Of(string word, IEnumerable<string> known)
    {
        if (word.Length is 0 or > LongestWord)
            return null;
        var (best, least) = ((string?)null, int.MaxValue);
        foreach (var candidate in known)
        {
            if (candidate.Length is 0 or > LongestWord)
                continue;
            var distance = Distance(word.ToLowerInvariant().Replace('-', '_'), candidate.ToLowerInvariant().Replace('-', '_'));
            if (distance < least && distance <= Math.Max(1, Math.Max(word.Length, candidate.Length) / 3))
                (best, least) = (candidate, distance);
        }
        return best;
    }

    /// <summary>The cure "did you mean …?" if there is a near word, else the other one.</summary>
    public static string Cure(string word, IReadOnlyCollection<string> known, string otherwise) =>
        Of(word, known) is { } near ? $"did you mean `{near}`?" : otherwise;

    private static int Distance(string a, string b)
    {
        var d = new int[a.Length + 1, b.Length + 1];
        for (var i = 0; i <= a.Length; i++)
            d[i, 0] = i;
        for (var j = 0; j <= b.Length; j++)
            d[0, j] = j;
        for (var i = 1; i <= a.Length; i++)
        {
            for (var j = 1; j <= b.Length; j++)
            {
                var replaced = d[i - 1, j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
                d[i, j] = Math.Min(replaced, Math.Min(d[i - 1, j], d[i, j - 1]) + 1);
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                    d[i, j] = Math.Min(d[i, j], d[i - 2, j - 2] + 1);
            }
        }
        return d[a.Length, b.Length];
    }
}
