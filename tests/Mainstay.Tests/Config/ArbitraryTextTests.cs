using FsCheck;
using FsCheck.Fluent;
using Mainstay.Control.Config;

namespace Mainstay.Tests.Config;

/// <summary>Whatever a file holds, it is read or refused: nothing is thrown, and errors and configuration exclude each other.</summary>
public sealed class ArbitraryTextTests
{
    private static readonly FsCheck.Config Seeded =
        FsCheck.Config.QuickThrowOnFailure.WithMaxTest(2000).WithReplay(20_250_101UL, 1UL);

    /// <summary>Pieces of YAML and of our own words: text made of them gets further than text of letters.</summary>
    private static readonly string[] Pieces =
    [
        "version: 1\n", "services:\n", "  - name: a\n", "    servers: ", "[", "]", "{", "}", ",", ": ", "\n", "\t", "  ", "- ", "? ", "&x ", "*x ",
        "!!int ", "| \n", "> \n", "\"", "'", "#", "---\n", "...\n", "%YAML 1.2\n", "<<: ", "url: http://10.0.0.1", "region: us-east-1", "~", "null",
        "\0", "\u0085", "\u2028", "\uFEFF", "\ud800", "1s", "20%", "when_down", "models", "regions", "share", "timeouts: { total: 0s }", "\\u12",
    ];

    [Fact]
    public void Arbitrary_text_never_throws() =>
        Prop.ForAll<string>(text => IsSound(text ?? "")).Check(Seeded);

    [Fact]
    public void Arbitrary_pieces_of_yaml_never_throw() =>
        Prop.ForAll(Gen.Elements(Pieces).ListOf().Select(string.Concat).ToArbitrary(), IsSound).Check(Seeded);

    [Fact]
    public void A_good_file_with_a_piece_replaced_never_throws()
    {
        var changes =
            from at in Gen.Choose(0, Written.Small.Length)
            from length in Gen.Choose(0, 30)
            from piece in Gen.Elements(Pieces)
            select Written.Small[..at] + piece + Written.Small[Math.Min(at + length, Written.Small.Length)..];
        Prop.ForAll(changes.ToArbitrary(), IsSound).Check(Seeded);
    }

    private static bool IsSound(string text)
    {
        var result = Written.Read(text);
        return result.Config is null == result.Errors.Length > 0
            && result.Errors.All(e => e.Wrong.Length > 0 && e.Cure.Length > 0 && !e.ToString().Any(char.IsControl));
    }
}
