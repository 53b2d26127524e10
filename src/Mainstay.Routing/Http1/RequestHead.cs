using System.Text;

namespace Mainstay.Routing.Http1;

/// <summary>The head of one request: its line and its fields, as bytes. One per connection, used for each request anew.</summary>
internal sealed class RequestHead
{
    private (int Start, int Length) _method;
    private (int Start, int Length) _target;
    private (int Start, int Length) _host;

    public HeaderFields Fields { get; } = new();

    /// <summary>As sent: a token without lower-case letters. Empty until the request line was read.</summary>
    public ReadOnlySpan<byte> Method => Fields.Slice(_method.Start, _method.Length);

    /// <summary>Path and query, starting with "/"; "*" for OPTIONS alone. An absolute target has lost its scheme and host.</summary>
    public ReadOnlySpan<byte> Target => Fields.Slice(_target.Start, _target.Length);

    /// <summary>Host and port as sent; empty if HTTP/1.0 named none.</summary>
    public ReadOnlySpan<byte> Host => Fields.Slice(_host.Start, _host.Length);

    /// <summary>True for HTTP/1.0, false for HTTP/1.1.</summary>
    public bool IsHttp10 { get; private set; }

    public BodyFraming Body { get; private set; }

    /// <summary>True if the caller waits for "100 Continue" before it sends the body.</summary>
    public bool ExpectsContinue { get; private set; }

    /// <summary>True if the caller wants to keep the connection.</summary>
    public bool KeepAlive { get; private set; }

    public bool IsHead => Method.SequenceEqual("HEAD"u8);

    public void SetLine((int Start, int Length) method, (int Start, int Length) target, bool isHttp10)
    {
        _method = method;
        _target = target;
        IsHttp10 = isHttp10;
    }

    /// <summary>The target without scheme and host. An empty path becomes "/".</summary>
    public void SetOriginForm(int start, int length)
    {
        if (length > 0 && Fields.Slice(start, 1)[0] == '/')
        {
            _target = (start, length);
            return;
        }
        var added = Fields.Length;
        Fields.Append("/"u8);
        Fields.AppendCopy(start, length);
        _target = (added, length + 1);
    }

    public void SetHost(int start, int length) => _host = (start, length);

    /// <summary>Checks the fields together once all are there; null if the request may be served.</summary>
    public Refusal? Complete()
    {
        if (RequestTarget.Resolve(this, _target.Start) is { } badTarget)
            return badTarget;
        if (BodyFraming.Of(this, out var body) is { } badBody)
            return badBody;
        Body = body;
        var expects = Fields.Find(FieldKind.Expect);
        if (expects >= 0 && !IsHttp10)
        {
            if (Fields.CountOf(FieldKind.Expect) > 1 || !Ascii.EqualsIgnoreCase(Fields.ValueAt(expects), "100-continue"u8))
                return new Refusal(417, "Nothing but 100-continue can be expected.");
            ExpectsContinue = body.Kind != BodyKind.None;
        }
        KeepAlive = IsHttp10 ? Fields.HasConnectionOption("keep-alive"u8) && !Fields.HasConnectionOption("close"u8) : !Fields.HasConnectionOption("close"u8);
        return null;
    }

    public void Clear()
    {
        Fields.Clear();
        _method = _target = _host = default;
        Body = default;
        IsHttp10 = ExpectsContinue = KeepAlive = false;
    }
}
