using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using System.Text;
using Mainstay.Routing.Http1;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Mainstay.Routing.Http;

/// <summary>An exchange that Kestrel parsed.</summary>
internal sealed class KestrelExchange : Exchange
{
    private readonly HttpContext _http;
    private readonly string _target;

    /// <param name="http">The request; must stay with this exchange until it ends.</param>
    /// <param name="idPrefix">Tells the requests of this process from those of others.</param>
    public KestrelExchange(HttpContext http, string idPrefix)
    {
        _http = http;
        Id = NewId(idPrefix);
        var request = http.Features.GetRequiredFeature<IHttpRequestFeature>();
        // Absolute-form and asterisk-form targets are rare; the parsed path serves them.
        _target = request.RawTarget is ['/', ..] raw ? raw : request.Path + request.QueryString;
        var hasBody = http.Features.Get<IHttpRequestBodyDetectionFeature>()?.CanHaveBody ?? false;
        RequestBody = hasBody ? http.Request.BodyReader : null;
        RequestLength = http.Request.ContentLength;
        IsTraced = Headers["traceparent"] is [{ } trace] && TraceIds.IsValid(Encoding.UTF8.GetBytes(trace));
        AnswerHeaders["X-Request-Id"] = Id;
    }

    public override string Id { get; }

    public override string Method => _http.Request.Method;

    public override string Target => _target;

    public override string Host => _http.Request.Host.Value ?? "";

    public override string Scheme => _http.Request.Scheme;

    public override IPAddress? Caller => _http.Connection.RemoteIpAddress;

    internal override CallerName CallerName => new(Caller);

    internal override bool HasField(string name) => Headers.ContainsKey(name);

    internal override string FieldText(string name) => Headers[name].ToString();

    internal override bool WriteValuesTo(string name, IBufferWriter<byte> output)
    {
        if (!Headers.TryGetValue(name, out var values))
            return false;
        Encoding.UTF8.GetBytes(string.Join(", ", values.AsEnumerable()), output);
        return true;
    }

    internal override bool IsTraced { get; }

    internal override void WriteFieldsTo(IBufferWriter<byte> head)
    {
        foreach (var (name, values) in ForwardedHeaders.EndToEnd(Headers, Headers.Connection))
        {
            if (ForwardedHeaders.IsWrittenHere(name) || (!IsTraced && ForwardedHeaders.IsOfTrace(name)))
                continue;
            foreach (var value in values)
                head.Write(Encoding.UTF8.GetBytes($"{name}: {value}\r\n"));
        }
    }

    internal override void TakeHead(int status, HeaderFields fields)
    {
        AnswerStatus = status;
        for (var i = 0; i < fields.Count; i++)
        {
            var name = Encoding.ASCII.GetString(fields.NameAt(i));
            if (fields.KindAt(i) == FieldKind.ContentLength || (fields.IsEndToEnd(i) && !name.Equals("X-Request-Id", StringComparison.OrdinalIgnoreCase)))
                AnswerHeaders.Append(name, Encoding.Latin1.GetString(fields.ValueAt(i)));
        }
    }

    public override PipeReader? RequestBody { get; }

    public override long? RequestLength { get; }

    internal override bool ExpectsContinue => Headers.Expect is [{ } expect] && expect.Equals("100-continue", StringComparison.OrdinalIgnoreCase);

    internal override void WriteTrailersTo(IBufferWriter<byte> output)
    {
        if (_http.Features.Get<IHttpRequestTrailersFeature>() is not { Available: true } feature)
            return;
        foreach (var (name, values) in feature.Trailers)
            if (TrailerFields.MayGoOn(name))
                foreach (var value in values)
                    if (Http2Request.IsLine(name, value))
                        output.Write(Encoding.UTF8.GetBytes($"{name}: {value}\r\n"));
    }

    public override CancellationToken CallerLeft => _http.RequestAborted;

    public override bool AnswerStarted => _http.Response.HasStarted;

    public override int AnswerStatus
    {
        get => _http.Response.StatusCode;
        set => _http.Response.StatusCode = value;
    }

    public override IHeaderDictionary AnswerHeaders => _http.Response.Headers;

    internal override void ForgetAnswer()
    {
        AnswerHeaders.Clear();
        AnswerHeaders["X-Request-Id"] = Id;
    }

    public override IHeaderDictionary? AnswerTrailers => _http.Features.Get<IHttpResponseTrailersFeature>()?.Trailers;

    public override Task StartAnswerAsync(CancellationToken cancel) => _http.Response.StartAsync(cancel);

    public override PipeWriter AnswerBody => _http.Response.BodyWriter;

    public override void Abort() => _http.Abort();

    private IHeaderDictionary Headers => _http.Request.Headers;
}
