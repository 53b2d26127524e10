using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Mainstay.Engine;

/// <summary>
/// The answer to a prompt, without end: sentences drawn from few words by a generator that the prompt seeds, so that every engine says
/// the same. Long words are two tokens, as with real tokenisers, and some hold letters of several bytes. One thread at a time.
/// </summary>
internal sealed class SimulatedText
{
    private const int LongestToken = 5;

    private static readonly string[] First =
    [
        "patient", "young", "quiet", "careful", "señor’s", "northern", "weathered", "friendly", "watchful", "barefoot", "cheerful", "naïve", "stubborn", "sleepless", "honest", "old",
    ];

    private static readonly string[] Who =
    [
        "lighthouse keeper", "captain", "harbour master", "ferrywoman", "clockmaker", "night watchman", "signalwoman", "gardener", "baker from Zürich", "cartographer",
        "postman", "astronomer", "bridge builder", "violinist", "café owner", "switchboard operator",
    ];

    private static readonly string[] Does =
    [
        "mends", "polishes", "carries", "counts", "paints", "guards", "hides", "remembers", "borrows", "winds up", "draws", "repairs", "follows", "sings to", "measures", "keeps",
    ];

    private static readonly string[] What =
    [
        "the copper lamp", "seven paper boats", "a broken compass", "the harbour bell", "an unfinished map", "the winter almanac", "a lantern of green glass", "the longest rope", "her grandfather’s barometer",
        "the keys of the archive", "a crate of oranges", "the telegraph from 東京", "an empty birdcage", "the second clock", "a façade of salt", "the spare rudder",
    ];

    private static readonly string[] When =
    [
        "before the storm", "at the first light", "while the tide turns", "in spite of the fog", "between two trains", "after the last ferry", "until the kettle sings", "without a word",
        "as the radio crackles", "under the plum tree", "on the windward side", "long past midnight", "for the third time", "with great ceremony", "behind the lighthouse", "in October",
    ];

    private static readonly string[] End =
    [
        ", and nobody on the pier notices that anything went wrong.", ", and every ship comes home.", "; the town sleeps on.", ", because the light must not go out.", ". It is a good trade.", ", and the gulls approve.",
        " – so the story goes on.", ", and then begins again.", ", for someone has to.", ", and the sea keeps its promise.", ", whatever the weather says.", ". The children applaud.",
        ", and the answer arrives whole.", ", as if nothing had happened.", ", and that is that.", "; tomorrow will be calmer.",
    ];

    private readonly Queue<string> _ready = new();
    private ulong _state;
    private bool _hasBegun;

    /// <param name="seed">What the prompt says; see <see cref="SeedOf"/>.</param>
    public SimulatedText(ulong seed) => _state = seed;

    /// <summary>Equal prompts have equal seeds, on every machine.</summary>
    public static ulong SeedOf(string prompt) =>
        BinaryPrimitives.ReadUInt64LittleEndian(SHA256.HashData(Encoding.UTF8.GetBytes(prompt)));

    /// <summary>The whole answer of so many tokens.</summary>
    public static string Whole(string prompt, int tokens)
    {
        var source = new SimulatedText(SeedOf(prompt));
        var text = new StringBuilder();
        for (var i = 0; i < tokens; i++)
            text.Append(source.Next());
        return text.ToString();
    }

    /// <summary>How many tokens the answer has if nobody says: 40 to 295.</summary>
    public static int NaturalLength(ulong seed) => 40 + (int)(seed & 0xFF);

    /// <summary>The next token.</summary>
    public string Next()
    {
        while (_ready.Count == 0)
            AddSentence();
        return _ready.Dequeue();
    }

    /// <summary>Goes on behind a beginning: of its own, exactly, be it in the middle of a token; behind a strange one anew.</summary>
    /// <param name="begun">The beginning.</param>
    /// <param name="most">Tokens that the answer has.</param>
    /// <returns>How many of the tokens the beginning holds whole.</returns>
    public int GoOnAfter(string begun, int most)
    {
        var fresh = _state;
        var at = 0;
        for (var taken = 0; taken < most; taken++)
        {
            if (at == begun.Length)
                return taken;
            var token = Next();
            var same = begun.AsSpan(at).CommonPrefixLength(token);
            at += same;
            if (same == token.Length)
                continue;
            if (at < begun.Length)
                break;
            PutBack(token[same..]);
            return taken;
        }
        if (at == begun.Length)
            return most;
        _ready.Clear();
        _state = fresh ^ SeedOf(begun);
        _hasBegun = !begun.EndsWith(' ');
        return 0;
    }

    private void PutBack(string rest)
    {
        var later = _ready.ToArray();
        _ready.Clear();
        _ready.Enqueue(rest);
        foreach (var token in later)
            _ready.Enqueue(token);
    }

    private void AddSentence()
    {
        var sentence = $"The {Pick(First)} {Pick(Who)} {Pick(Does)} {Pick(What)} {Pick(When)}{Pick(End)}";
        foreach (var word in sentence.Split(' '))
        {
            var whole = _hasBegun ? " " + word : word;
            _hasBegun = true;
            var cut = whole.Length > LongestToken + 1 ? whole.Length / 2 : whole.Length;
            _ready.Enqueue(whole[..cut]);
            if (cut < whole.Length)
                _ready.Enqueue(whole[cut..]);
        }
    }

    private string Pick(string[] words) => words[Draw() & 15];

    /// <summary>SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).</summary>
    private ulong Draw()
    {
        _state += 0x9E3779B97F4A7C15;
        var mixed = (_state ^ (_state >> 30)) * 0xBF58476D1CE4E5B9;
        mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB;
        return mixed ^ (mixed >> 31);
    }
}
