using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using System.Text;
using Mainstay.Routing.Http;
using Mainstay.Routing.Http1;
using Mainstay.Routing.Upstream.Protocols;
using Microsoft.AspNetCore.Http;

namespace Mainstay.Routing.Models;

/// <summary>One attempt's request as a server of a model gets it: what <see cref="Protocol.Compose"/> wrote, with those of the
/// caller's fields that concern neither its own key nor the form of its body. Its answer is read by the gateway.</summary>
internal sealed class ModelExchange : Exchange
{
    private readonly Exchange _caller;
    private readonly ServerRequest _request;

    public ModelExchange(Exchange caller, ServerRequest request)
    {
        (_caller, _request) = (caller, request);
        TraceId = caller.TraceId;
    }

    public override string Id => _caller.Id;

    public override string Method => _request.Method;

    public override string Target => _request.Target;

    public override string Host => _caller.Host;

    public override string Scheme => _caller.Scheme;

    public override IPAddress? Caller => _caller.Caller;

    internal override CallerName CallerName => _caller.CallerName;

    internal override bool IsTraced => _caller.IsTraced;

    /// <summary>Handed to each attempt beside the exchange.</summary>
    public override PipeReader? RequestBody => null;

    public override long? RequestLength => _request.Body.Length;

    public override CancellationToken CallerLeft => _caller.CallerLeft;

    internal override bool HasCallerLeftUnseen => _caller.HasCallerLeftUnseen;

    internal override CancellationToken Stopping => _caller.Stopping;

    public override bool AnswerStarted => false;

    public override int AnswerStatus { get; set; }

    public override IHeaderDictionary AnswerHeaders { get; } = new HeaderDictionary();

    public override IHeaderDictionary? AnswerTrailers => null;

    public override PipeWriter AnswerBody => throw new NotSupportedException("The gateway reads the answer itself.");

    internal override bool HasField(string name) => _caller.HasField(name);

    internal override string FieldText(string name) => _caller.FieldText(name);

    internal override bool WriteValuesTo(string name, IBufferWriter<byte> output) => _caller.WriteValuesTo(name, output);

    internal override void WriteFieldsTo(IBufferWriter<byte> head)
    {
        var lines = new ArrayBufferWriter<byte>();
        _caller.WriteFieldsTo(lines);
        for (var rest = lines.WrittenSpan; !rest.IsEmpty;)
        {
            var line = rest[..(rest.IndexOf("\r\n"u8) + 2)];
            rest = rest[line.Length..];
            if (GoesOn(line[..line.IndexOf((byte)':')]))
                head.Write(line);
        }
        foreach (var (name, value) in _request.Fields)
        {
            Encoding.ASCII.GetBytes(name, head);
            head.Write(": "u8);
            Encoding.UTF8.GetBytes(value, head);
            head.Write("\r\n"u8);
        }
    }

    internal override void TakeHead(int status, HeaderFields fields) => throw new NotSupportedException("The gateway reads the answer itself.");

    internal override void ForgetAnswer()
    {
    }

    public override Task StartAnswerAsync(CancellationToken cancel) => throw new NotSupportedException("The gateway reads the answer itself.");

    public override void Abort() => _caller.Abort();

    /// <summary>The caller's keys are for this gateway, a signature is of another request, and an answer that is compressed cannot be read on the way.</summary>
    private bool GoesOn(ReadOnlySpan<byte> name)
    {
        foreach (var own in (ReadOnlySpan<string>)["Authorization", "x-api-key", "api-key", "Cookie", "Accept-Encoding", "Content-Type", "Content-Encoding"])
            if (Ascii.EqualsIgnoreCase(name, own))
                return false;
        if (name.Length > 6 && (Ascii.EqualsIgnoreCase(name[..6], "x-amz-") || Ascii.EqualsIgnoreCase(name[..6], "amz-sd")))
            return false;
        foreach (var (written, _) in _request.Fields)
            if (Ascii.EqualsIgnoreCase(name, written))
                return false;
        return true;
    }
}
