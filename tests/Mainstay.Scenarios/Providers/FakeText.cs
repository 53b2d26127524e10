using System.Text;

namespace Mainstay.Scenarios;

/// <summary>What fake providers say: the same words in the same order, each told from the others by its number.</summary>
internal static class FakeText
{
    /// <summary>Characters of one to four bytes, some of several code points, and such that JSON has to escape.</summary>
    private static readonly string[] Words =
    [
        "Grüße", "plain", "日本語", "🙂smile", "e\u0301clair", "\"quoted\"", "back\\slash", "👩‍👩‍👧", "Ω≈ç√", "tab\there", "new\nline", "נתן", "data: x", "[DONE]",
    ];

    /// <summary>The tokens of a text of so many words; all but the first begin with a space.</summary>
    /// <param name="count">Words.</param>
    /// <param name="seed">Another one makes another text.</param>
    public static string[] Tokens(int count, int seed = 0) =>
        [.. Enumerable.Range(0, count).Select(i => $"{(i == 0 ? "" : " ")}{Words[(i + seed) % Words.Length]}{i + (1000 * seed)}")];

    /// <summary>What is left of the tokens behind a beginning, which may end within one.</summary>
    public static IEnumerable<string> After(IEnumerable<string> tokens, string begun)
    {
        var passed = 0;
        foreach (var token in tokens)
        {
            var left = Math.Max(0, begun.Length - passed);
            passed += token.Length;
            if (left < token.Length)
                yield return token[left..];
        }
    }

    /// <summary>As a JSON string, quotes included.</summary>
    /// <param name="text">Anything.</param>
    /// <param name="ascii">True: all that is not ASCII as \u escapes, as Python's json writes it.</param>
    public static string Quote(string text, bool ascii = false)
    {
        var output = new StringBuilder("\"");
        foreach (var c in text)
        {
            if (c is '"' or '\\')
                output.Append('\\').Append(c);
            else if (c < ' ' || (ascii && c > '~'))
                output.Append("\\u").Append(((int)c).ToString("x4"));
            else
                output.Append(c);
        }
        return output.Append('"').ToString();
    }
}
