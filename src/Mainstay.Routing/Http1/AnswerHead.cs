using System.Buffers;
using System.Buffers.Text;
using System.Globalization;
using System.IO.Pipelines;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.Primitives;

namespace Mainstay.Routing.Http1;

/// <summary>Status, header fields and trailers of one answer, and how they are written.</summary>
internal sealed class AnswerHead
{
    private readonly HeaderDictionary _fields = [];
    private readonly HeaderDictionary _trailers = [];

    private HeaderFields? _taken;

    public int Status { get; set; } = 200;

    /// <summary>Sent as X-Request-Id; null if there is none.</summary>
    public string? RequestId { get; private set; }

    /// <summary>Takes over a server's answer as the bytes that came; they must stay until the head is written.</summary>
    public void Take(int status, HeaderFields fields)
    {
        Status = status;
        _taken = fields;
    }

    public IHeaderDictionary Fields => _fields;

    public IHeaderDictionary Trailers => _trailers;

    /// <summary>Content-Length in bytes; null if there is none.</summary>
    /// <exception cref="InvalidOperationException">It is malformed.</exception>
    public long? Length
    {
        get
        {
            if (_taken is not null && _taken.Find(FieldKind.ContentLength) is >= 0 and var index)
                return long.Parse(_taken.ValueAt(index), NumberStyles.None, CultureInfo.InvariantCulture);
            if (!_fields.TryGetValue("Content-Length", out var value))
                return null;
            return value.Count == 1 && long.TryParse(value[0], NumberStyles.None, CultureInfo.InvariantCulture, out var length)
                ? length
                : throw new InvalidOperationException("Content-Length of the answer is malformed.");
        }
    }

    /// <param name="requestId">Id of the request to be answered; null if there is none.</param>
    public void Clear(string? requestId = null)
    {
        Status = 200;
        RequestId = requestId;
        _taken = null;
        _fields.Clear();
        _trailers.Clear();
    }

    /// <summary>Writes everything up to the empty line.</summary>
    /// <param name="output">Where to; advanced only if all can be sent.</param>
    /// <param name="date">Date line for an answer that has none.</param>
    /// <param name="sendsLength">False: Content-Length is left out.</param>
    /// <param name="isChunked">True: the body comes in chunks.</param>
    /// <param name="option">Line that says what becomes of the connection; empty if none.</param>
    /// <exception cref="InvalidOperationException">A field cannot be sent.</exception>
    public void Write(PipeWriter output, ReadOnlySpan<byte> date, bool sendsLength, bool isChunked, ReadOnlySpan<byte> option)
    {
        if (Status is < 200 or > 999)
            throw new InvalidOperationException("The status of the answer cannot be sent.");
        var reason = ReasonPhrases.GetReasonPhrase(Status);
        var span = output.GetSpan(180 + reason.Length + (RequestId?.Length ?? 0) + Size(_fields) + (_taken?.Length ?? 0) + (4 * (_taken?.Count ?? 0)));
        var at = Put("HTTP/1.1 "u8, span, 0);
        Utf8Formatter.TryFormat(Status, span[at..], out var digits);
        at = Put(" "u8, span, at + digits);
        at += Encoding.ASCII.GetBytes(reason, span[at..]);
        at = Put("\r\n"u8, span, at);
        if (RequestId is not null)
        {
            at = Put("X-Request-Id: "u8, span, at);
            at += Encoding.ASCII.GetBytes(RequestId, span[at..]);
            at = Put("\r\n"u8, span, at);
        }
        var hasDate = false;
        foreach (var (name, values) in _fields)
        {
            if (IsOfConnection(name) || (!sendsLength && name.Equals("Content-Length", StringComparison.OrdinalIgnoreCase)))
                continue;
            hasDate |= name.Equals("Date", StringComparison.OrdinalIgnoreCase);
            at = PutField(name, values, span, at);
        }
        at = PutTaken(sendsLength, span, at, ref hasDate);
        if (!hasDate)
            at = Put(date, span, at);
        if (isChunked)
            at = Put("Transfer-Encoding: chunked\r\n"u8, span, at);
        at = Put(option, span, at);
        output.Advance(Put("\r\n"u8, span, at));
    }

    /// <summary>Writes the last chunk and the trailers.</summary>
    public void WriteEnd(PipeWriter output)
    {
        var span = output.GetSpan(16 + Size(_trailers));
        var at = Put("0\r\n"u8, span, 0);
        foreach (var (name, values) in _trailers)
            if (!IsOfConnection(name) && !name.Equals("Content-Length", StringComparison.OrdinalIgnoreCase))
                at = PutField(name, values, span, at);
        output.Advance(Put("\r\n"u8, span, at));
    }

    private int PutTaken(bool sendsLength, Span<byte> span, int at, ref bool hasDate)
    {
        for (var i = 0; i < (_taken?.Count ?? 0); i++)
        {
            var name = _taken!.NameAt(i);
            var isLength = sendsLength && _taken.KindAt(i) == FieldKind.ContentLength;
            if (!isLength && (!_taken.IsEndToEnd(i) || Ascii.EqualsIgnoreCase(name, "X-Request-Id"u8)))
                continue;
            hasDate |= Ascii.EqualsIgnoreCase(name, "Date"u8);
            at = Put(Put(name, span, at), ": "u8, span);
            at = Put(Put(_taken.ValueAt(i), span, at), "\r\n"u8, span);
        }
        _taken = null;
        return at;
    }

    /// <summary>Fields of one connection: this side writes its own.</summary>
    private static bool IsOfConnection(string name) => name.Length switch
    {
        2 => name.Equals("TE", StringComparison.OrdinalIgnoreCase),
        7 => name.Equals("Trailer", StringComparison.OrdinalIgnoreCase) || name.Equals("Upgrade", StringComparison.OrdinalIgnoreCase),
        10 => name.Equals("Connection", StringComparison.OrdinalIgnoreCase) || name.Equals("Keep-Alive", StringComparison.OrdinalIgnoreCase),
        16 => name.Equals("Proxy-Connection", StringComparison.OrdinalIgnoreCase),
        17 => name.Equals("Transfer-Encoding", StringComparison.OrdinalIgnoreCase),
        _ => false,
    };

    private static int Size(HeaderDictionary fields)
    {
        var size = 0;
        foreach (var (name, values) in fields)
            foreach (var value in values)
                size += name.Length + (value?.Length ?? 0) + 4;
        return size;
    }

    private static int PutField(string name, StringValues values, Span<byte> span, int at)
    {
        foreach (var value in values)
        {
            at = Put(PutText(name, isName: true, span, at), ": "u8, span);
            at = Put(PutText(value ?? "", isName: false, span, at), "\r\n"u8, span);
        }
        return at;
    }

    private static int Put(int at, ReadOnlySpan<byte> bytes, Span<byte> span) => Put(bytes, span, at);

    private static int Put(ReadOnlySpan<byte> bytes, Span<byte> span, int at)
    {
        bytes.CopyTo(span[at..]);
        return at + bytes.Length;
    }

    private static int PutText(string text, bool isName, Span<byte> span, int at)
    {
        if (text.AsSpan().ContainsAnyExceptInRange(' ', '~') || isName)
            Check(text, isName);
        return at + Encoding.Latin1.GetBytes(text, span[at..]);
    }

    private static void Check(string text, bool isName)
    {
        foreach (var c in text)
            if (isName ? c > 127 || !FieldSection.Token.Contains((byte)c) : (c < ' ' && c != '\t') || c == 127 || c > 255)
                throw new InvalidOperationException("A header field holds a character that cannot be sent.");
        if (isName && text.Length == 0)
            throw new InvalidOperationException("A header field has no name.");
    }
}
