using System.Buffers;

namespace Mainstay.Control.AiModels;

/// <summary>
/// Turns a text into the keys of its n-grams, so that no dictionary of words has to travel with a model: words alone and
/// in pairs, and runs of 2 to 5 characters within a word and the blanks around it (scikit-learn's <c>char_wb</c>), each
/// hashed to 32 bits (the hashing trick, Weinberger et al. 2009). Upper and lower case are one. Any UTF-16 text is valid
/// input, lone surrogates included; what follows the first <see cref="MaxChars"/> characters is not read.
/// </summary>
internal static class TextFeatures
{
    /// <summary>The bound of one text's work and memory: about 270,000 keys, some 20 ms.</summary>
    public const int MaxChars = 65_536;

    /// <summary>The two blocks of features, each brought to length 1 for itself: a word is not drowned by its letters.</summary>
    public const int Blocks = 2;

    private const int ShortestRun = 2;
    private const int LongestRun = 5;
    private const int CharsOnStack = 512;
    private const uint FnvOffset = 2166136261;
    private const uint FnvPrime = 16777619;
    private const uint PairSeed = 0x9E3779B9;

    /// <summary>The block of a key: 1 for words, 0 for runs of characters. It is the key's lowest bit.</summary>
    public static int BlockOf(uint key) => (int)(key & 1);

    /// <summary>Adds the text's keys to <paramref name="keys"/>, ascending, a key as often as its n-gram occurs.</summary>
    public static void Extract(scoped ReadOnlySpan<char> text, ref KeyBuffer keys)
    {
        text = text[..Math.Min(text.Length, MaxChars)];
        char[]? rented = null;
        scoped Span<char> lower = text.Length <= CharsOnStack
            ? stackalloc char[CharsOnStack]
            : rented = ArrayPool<char>.Shared.Rent(text.Length);
        lower = lower[..text.Length];
        text.ToLowerInvariant(lower);

        AddWords(lower, ref keys);
        AddRuns(lower, ref keys);
        keys.Sort();
        if (rented is not null) ArrayPool<char>.Shared.Return(rented);
    }

    private static void AddWords(scoped ReadOnlySpan<char> text, ref KeyBuffer keys)
    {
        var before = 0u;
        for (var i = 0; i < text.Length;)
        {
            if (!IsWordChar(text[i]))
            {
                i++;
                continue;
            }
            var hash = FnvOffset;
            for (; i < text.Length && IsWordChar(text[i]); i++) hash = (hash ^ text[i]) * FnvPrime;
            keys.Add(Mix(hash) | 1);
            if (before != 0) keys.Add(Mix(((before * FnvPrime) ^ hash) + PairSeed) | 1);
            before = hash;
        }
    }

    private static void AddRuns(scoped ReadOnlySpan<char> text, ref KeyBuffer keys)
    {
        for (var i = 0; i < text.Length;)
        {
            if (char.IsWhiteSpace(text[i]))
            {
                i++;
                continue;
            }
            var start = i;
            while (i < text.Length && !char.IsWhiteSpace(text[i])) i++;
            AddRunsOfWord(text[start..i], ref keys);
        }
    }

    // The word is read as " word ": runs at its borders differ from runs inside it.
    private static void AddRunsOfWord(scoped ReadOnlySpan<char> word, ref KeyBuffer keys)
    {
        var padded = word.Length + 2;
        for (var from = 0; from < padded - 1; from++)
        {
            var hash = FnvOffset;
            var to = Math.Min(from + LongestRun, padded);
            for (var at = from; at < to; at++)
            {
                var c = at == 0 || at == padded - 1 ? ' ' : word[at - 1];
                hash = (hash ^ c) * FnvPrime;
                if (at - from + 1 >= ShortestRun) keys.Add(Mix(hash) & ~1u);
            }
        }
    }

    private static bool IsWordChar(char c) => char.IsLetterOrDigit(c) || c is '_' or '\'';

    // The finaliser of MurmurHash3: FNV alone leaves neighbours in neighbouring slots.
    private static uint Mix(uint h)
    {
        h = (h ^ (h >> 16)) * 0x85EBCA6B;
        h = (h ^ (h >> 13)) * 0xC2B2AE35;
        return h ^ (h >> 16);
    }
}

/// <summary>A growing list of keys that starts on the caller's stack and goes on in pooled memory; dispose it.</summary>
internal ref struct KeyBuffer(Span<uint> initial)
{
    private Span<uint> _keys = initial;
    private uint[]? _rented;
    private int _count;

    /// <summary>The keys so far.</summary>
    public readonly ReadOnlySpan<uint> Keys => _keys[.._count];

    /// <summary>Adds one key.</summary>
    public void Add(uint key)
    {
        if (_count == _keys.Length) Grow();
        _keys[_count++] = key;
    }

    /// <summary>Puts the keys in ascending order.</summary>
    public readonly void Sort() => _keys[.._count].Sort();

    /// <summary>Forgets the keys and keeps the memory.</summary>
    public void Clear() => _count = 0;

    /// <summary>Gives pooled memory back.</summary>
    public void Dispose()
    {
        if (_rented is not null) ArrayPool<uint>.Shared.Return(_rented);
        _rented = null;
        _keys = default;
        _count = 0;
    }

    private void Grow()
    {
        var larger = ArrayPool<uint>.Shared.Rent(Math.Max(256, _keys.Length * 2));
        _keys[.._count].CopyTo(larger);
        if (_rented is not null) ArrayPool<uint>.Shared.Return(_rented);
        _rented = larger;
        _keys = larger;
    }
}
