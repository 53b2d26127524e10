using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Mainstay.Tests.Http1;

/// <summary>Reads the files of requests beside it; how they are written stands at their start.</summary>
internal static partial class RequestTexts
{
    public static IReadOnlyList<Malformed> MalformedCases { get; } = [.. Cases("malformed.txt").Select(c =>
    {
        var space = c.Title.IndexOf(' ', StringComparison.Ordinal);
        return new Malformed(c.Title[(space + 1)..], c.Title[..space], Bytes(c.Lines));
    })];

    public static IReadOnlyList<WellFormed> WellFormedCases { get; } = [.. Cases("wellformed.txt").Select(c =>
    {
        var served = c.Lines.Where(line => line.StartsWith("-> ", StringComparison.Ordinal)).ToList();
        return new WellFormed(
            c.Title, [.. served.Select(line => Encoding.Latin1.GetString(Unescape(line[3..])))], Bytes(c.Lines.Where(line => !line.StartsWith("-> ", StringComparison.Ordinal))));
    })];

    private static IEnumerable<(string Title, List<string> Lines)> Cases(string file)
    {
        using var stream = typeof(RequestTexts).Assembly.GetManifestResourceStream($"Mainstay.Tests.Http1.{file}")!;
        using var reader = new StreamReader(stream);
        (string Title, List<string> Lines)? one = null;
        while (reader.ReadLine() is { } line)
        {
            if (line.StartsWith("== ", StringComparison.Ordinal))
            {
                if (one is not null)
                    yield return one.Value;
                one = (line[3..], []);
            }
            else if (one is { } open)
            {
                open.Lines.Add(line);
            }
        }
        yield return one!.Value;
    }

    private static byte[] Bytes(IEnumerable<string> lines) => [.. lines.SelectMany(line =>
        line.EndsWith("\\c", StringComparison.Ordinal) ? Unescape(line[..^2]) : Unescape(line + "\\r\\n"))];

    private static byte[] Unescape(string text)
    {
        var repeated = Repeat().Replace(text, m => string.Concat(
            Enumerable.Repeat(m.Groups["text"].Value, int.Parse(m.Groups["times"].Value, CultureInfo.InvariantCulture))));
        return Encoding.Latin1.GetBytes(Escape().Replace(repeated, m => m.Value[1] switch
        {
            'r' => "\r",
            'n' => "\n",
            't' => "\t",
            '0' => "\0",
            _ => ((char)Convert.ToByte(m.Value[2..], 16)).ToString(),
        }));
    }

    [GeneratedRegex(@"\\\{(?<text>[^*]+)\*(?<times>[0-9]+)\}", RegexOptions.ExplicitCapture)]
    private static partial Regex Repeat();

    [GeneratedRegex(@"\\([rnt0]|x[0-9a-f]{2})", RegexOptions.ExplicitCapture)]
    private static partial Regex Escape();
}

/// <summary>A request that must not be served.</summary>
/// <param name="Name">What is wrong with it.</param>
/// <param name="Status">Expected status, or "close".</param>
/// <param name="Bytes">What is sent.</param>
internal sealed record Malformed(string Name, string Status, byte[] Bytes);

/// <summary>Requests that must be served.</summary>
/// <param name="Name">What is special about them.</param>
/// <param name="Served">Method, target, host and body of each.</param>
/// <param name="Bytes">What is sent.</param>
internal sealed record WellFormed(string Name, IReadOnlyList<string> Served, byte[] Bytes);
