using System.Buffers;

namespace Mainstay.Routing.Http1;

/// <summary>
/// Reads the head of a request from bytes that come in any pieces (RFC 9112, strictly). It never throws and never reads
/// beyond the head. What it cannot be sure of it refuses, and then nothing more can be read from the connection.
/// </summary>
internal sealed class RequestParser
{
    private static readonly Refusal EmptyLine = new(400, "The request line is empty.");
    private static readonly Refusal BadLine = new(400, "The request line is not METHOD target HTTP/1.1 with single spaces.");
    private static readonly Refusal BadMethod = new(400, "The method is not a token of capital letters, or is longer than 32.");
    private static readonly Refusal BadTarget = new(400, "The target is empty, or holds a character that no target may hold.");
    private static readonly Refusal BadVersion = new(505, "The version is neither HTTP/1.1 nor HTTP/1.0.");

    // Servers disagree on whether "get" is GET, so it is neither.
    private static readonly SearchValues<byte> MethodBytes =
        SearchValues.Create("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"u8);

    // All that is visible, but no fragment: it never leaves a browser, and servers disagree on what it ends.
    private static readonly SearchValues<byte> TargetBytes =
        SearchValues.Create([.. Enumerable.Range('!', '~' - '!' + 1).Where(b => b != '#').Select(b => (byte)b)]);

    private readonly LineReader _lines = new();
    private readonly FieldSection _fields;
    private readonly Http1Limits _limits;
    private bool _hasLine;
    private bool _skippedEmptyLine;

    public RequestParser(Http1Limits limits)
    {
        _limits = limits;
        _fields = new FieldSection(Head.Fields, limits.HeaderSection, limits.Fields, Refusal.HeadersTooLarge);
    }

    public RequestHead Head { get; } = new();

    /// <summary>Why the request is refused; null unless it is.</summary>
    public Refusal? Refusal { get; private set; }

    /// <summary>True as soon as anything of a request was read.</summary>
    public bool HasBegun { get; private set; }

    /// <summary>Reads on.</summary>
    /// <param name="input">What came.</param>
    /// <param name="used">How much of it belongs to this head; all of it, unless the head is complete or refused.</param>
    public HeadStep Read(ReadOnlySpan<byte> input, out int used)
    {
        used = 0;
        HasBegun |= !input.IsEmpty;
        while (!_hasLine)
        {
            var step = _lines.Read(Head.Fields, input[used..], _limits.RequestLine, Refusal.RequestLineTooLong, out var part, out var bad);
            used += part;
            if (step == LineStep.More)
                return HeadStep.More;
            if ((bad ?? ReadLine()) is { } refusal)
                return Refuse(refusal);
        }
        var sectionStep = _fields.Read(input[used..], out var rest, out var badField);
        used += rest;
        if (sectionStep == LineStep.More)
            return HeadStep.More;
        return (badField ?? Head.Complete()) is { } reason ? Refuse(reason) : HeadStep.Complete;
    }

    /// <summary>Forgets the request; the next begins.</summary>
    public void Reset()
    {
        Head.Clear();
        _lines.Reset();
        _hasLine = _skippedEmptyLine = HasBegun = false;
        Refusal = null;
    }

    private HeadStep Refuse(Refusal refusal)
    {
        Refusal = refusal;
        return HeadStep.Refused;
    }

    private Refusal? ReadLine()
    {
        var line = Head.Fields.Slice(0, Head.Fields.Length);
        if (line.IsEmpty)
        {
            // One empty line before a request is forgiven (RFC 9112 section 2.2): old clients end a body with it.
            if (_skippedEmptyLine)
                return EmptyLine;
            _skippedEmptyLine = true;
            return null;
        }
        var first = line.IndexOf((byte)' ');
        var last = line.LastIndexOf((byte)' ');
        if (first <= 0 || last == first)
            return BadLine;
        if (first > 32 || line[..first].ContainsAnyExcept(MethodBytes))
            return BadMethod;
        var target = line[(first + 1)..last];
        if (target.IsEmpty || target.ContainsAnyExcept(TargetBytes))
            return BadTarget;
        var version = line[(last + 1)..];
        var isHttp10 = version.SequenceEqual("HTTP/1.0"u8);
        if (!isHttp10 && !version.SequenceEqual("HTTP/1.1"u8))
        {
            var isVersion = version.Length == 8 && version.StartsWith("HTTP/"u8) && version[6] == '.'
                && char.IsAsciiDigit((char)version[5]) && char.IsAsciiDigit((char)version[7]);
            return isVersion ? BadVersion : BadLine;
        }
        Head.SetLine((0, first), (first + 1, target.Length), isHttp10);
        _hasLine = true;
        _fields.Reset();
        return null;
    }
}

/// <summary>How far the reading of a head came.</summary>
internal enum HeadStep
{
    /// <summary>The input is used up and the head goes on.</summary>
    More,

    /// <summary>A whole head that keeps the rules.</summary>
    Complete,

    /// <summary>It breaks the rules.</summary>
    Refused,
}
