using FsCheck;
using FsCheck.Fluent;

namespace Mainstay.Tests.Http1;

/// <summary>Whatever comes, in whatever pieces: the parser never throws, never reads beyond what was sent, and finds the same.</summary>
public sealed class ParserPropertyTests
{
    private static readonly byte[][] Seeds =
    [
        .. RequestTexts.WellFormedCases.Where(c => c.Bytes.Length < 1000).Select(c => c.Bytes),
        .. RequestTexts.MalformedCases.Where(c => c.Bytes.Length < 1000).Select(c => c.Bytes),
    ];

    // Bytes that mean something to a parser, more often than the others.
    private static readonly byte[] Telling = "\r\n\t\0 :;,*/0a\x7f\xff"u8.ToArray();

    [Fact]
    public void Mutated_requests_are_understood_alike_in_any_pieces()
    {
        var edit = from kind in Gen.Choose(0, 3) from place in Gen.Choose(0, 999) from value in Gen.Choose(0, 300) select (kind, place, value);
        var cases =
            from seed in Gen.Choose(0, Seeds.Length - 1)
            from edits in edit.ArrayOf()
            from sizes in Gen.Choose(1, 40).NonEmptyListOf()
            select (Seed: seed, Edits: edits, Sizes: sizes.ToList());
        Property.Holds(cases, one =>
        {
            var bytes = Mutate(Seeds[one.Seed], one.Edits);
            var whole = Parsed.Of(bytes, [bytes.Length]);
            var pieces = Enumerable.Range(0, bytes.Length + 1).Select(i => one.Sizes[i % one.Sizes.Count]);
            return whole.Equals(Parsed.Of(bytes, pieces)) && whole.Equals(Parsed.Of(bytes, pieces, room: 3)) && whole.Used <= bytes.Length;
        }, cases: 20_000);
    }

    [Fact]
    public void Noise_is_never_a_request()
    {
        Property.Holds(Gen.Choose(0, 255).Select(b => (byte)b).ArrayOf(), bytes => !Parsed.Of(bytes, [bytes.Length]).Whole, cases: 20_000);
    }

    private static byte[] Mutate(byte[] seed, IEnumerable<(int Kind, int Place, int Value)> edits)
    {
        var bytes = seed.ToList();
        foreach (var (kind, place, value) in edits.Take(4))
        {
            var at = bytes.Count == 0 ? 0 : place % bytes.Count;
            var with = value < 200 ? Telling[value % Telling.Length] : (byte)(value - 45);
            if (kind == 0 && bytes.Count > 0)
                bytes.RemoveAt(at);
            else if (kind == 1)
                bytes.Insert(at, with);
            else if (kind == 2 && bytes.Count > 0)
                bytes[at] = with;
            else
                bytes.InsertRange(at, bytes.Take(value % 40).ToList());
        }
        return [.. bytes];
    }
}
