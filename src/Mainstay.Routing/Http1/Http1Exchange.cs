using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using System.Text;
using Mainstay.Routing.Http;
using Microsoft.AspNetCore.Http;

namespace Mainstay.Routing.Http1;

/// <summary>An exchange that came over HTTP/1.1 and was parsed here. Text is made of bytes only where somebody asks.</summary>
internal sealed class Http1Exchange(Http1Connection connection, RequestHead head, RequestBody? body, string id) : Exchange
{
    /// <summary>Where the text of a field is kept between requests, after target and host.</summary>
    private const int FieldPlace = 2;
    private bool? _isTraced;
    private string? _method;
    private string? _target;
    private string? _host;
    private string? _upgrade;

    public override string Id => id;

    public override string Method => _method ??= RecentText.Method(head.Method);

    public override string Target => _target ??= connection.Recent.Get(0, head.Target);

    public override string Host => _host ??= connection.Recent.Get(1, head.Host);

    public override string Scheme => connection.Scheme;

    public override IPAddress? Caller => connection.Caller;

    internal override CallerName CallerName => connection.CallerName;

    internal override bool IsTraced => _isTraced ??= Traces();

    internal override bool HasField(string name) => head.Fields.Find(name) >= 0;

    internal override string FieldText(string name)
    {
        var fields = head.Fields;
        var first = fields.Find(name);
        if (first < 0)
            return "";
        var text = connection.Recent.Get(FieldPlace, fields.ValueAt(first));
        for (var i = fields.Find(name, first + 1); i >= 0; i = fields.Find(name, i + 1))
            text = $"{text},{Encoding.UTF8.GetString(fields.ValueAt(i))}";
        return text;
    }

    internal override bool WriteValuesTo(string name, IBufferWriter<byte> output)
    {
        var fields = head.Fields;
        var first = fields.Find(name);
        for (var i = first; i >= 0; i = fields.Find(name, i + 1))
        {
            if (i > first)
                output.Write(", "u8);
            output.Write(fields.ValueAt(i));
        }
        return first >= 0;
    }

    internal override void WriteFieldsTo(IBufferWriter<byte> output)
    {
        var fields = head.Fields;
        for (var i = 0; i < fields.Count; i++)
        {
            var name = fields.NameAt(i);
            if (!fields.IsEndToEnd(i) || ForwardedHeaders.IsWrittenHere(name) || (ForwardedHeaders.IsOfTrace(name) && !IsTraced))
                continue;
            output.Write(name);
            output.Write(": "u8);
            output.Write(fields.ValueAt(i));
            output.Write("\r\n"u8);
        }
    }

    internal override void TakeHead(int status, HeaderFields fields) => connection.Answer.Head.Take(status, fields);

    public override PipeReader? RequestBody => body;

    public override long? RequestLength => head.Body.Kind switch
    {
        BodyKind.Length => head.Body.Length,
        BodyKind.None when head.Fields.Find(FieldKind.ContentLength) >= 0 => 0,
        _ => null,
    };

    internal override bool ExpectsContinue => head.ExpectsContinue;

    internal override string Upgrade => _upgrade ??= Encoding.ASCII.GetString(UpgradeField.Of(head));

    internal override void WriteTrailersTo(IBufferWriter<byte> output)
    {
        if (body?.Trailers is { } trailers)
            TrailerFields.Write(output, trailers, head.Fields);
    }

    public override CancellationToken CallerLeft => connection.CallerLeft;

    internal override bool HasCallerLeftUnseen => connection.HasCallerLeftUnseen;

    internal override CancellationToken Stopping => connection.Stopping;

    public override bool AnswerStarted => connection.Answer.HasStarted;

    public override int AnswerStatus
    {
        get => connection.Answer.Head.Status;
        set => connection.Answer.Head.Status = value;
    }

    public override IHeaderDictionary AnswerHeaders => connection.Answer.Head.Fields;

    internal override void ForgetAnswer() => connection.Answer.Head.Clear(id);

    public override IHeaderDictionary? AnswerTrailers => connection.Answer.Head.Trailers;

    internal override ValueTask SendInterimAsync(int status, HeaderFields fields) =>
        head.IsHttp10 ? default : new ValueTask(connection.Answer.SendInterimAsync(status, fields));

    internal override ValueTask<IDuplexPipe> SwitchAsync(HeaderFields fields) => connection.SwitchAsync(fields, id);

    public override Task StartAnswerAsync(CancellationToken cancel)
    {
        connection.Answer.Start();
        return Task.CompletedTask;
    }

    public override PipeWriter AnswerBody => connection.Answer;

    public override void Abort() => connection.Abort();

    private bool Traces()
    {
        var fields = head.Fields;
        var first = fields.Find("traceparent");
        return first >= 0 && fields.Find("traceparent", first + 1) < 0 && TraceIds.IsValid(fields.ValueAt(first));
    }
}
