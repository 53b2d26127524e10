using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using System.Text;
using Mainstay.Routing.Http;
using Mainstay.Routing.Http1;
using Microsoft.AspNetCore.Http;

namespace Mainstay.Routing.Queue;

/// <summary>A request of the queue on its way to a server: nobody waits, so its answer is kept instead of sent.</summary>
internal sealed class QueuedExchange : Exchange
{
    /// <summary>Bytes of an answer's body that are kept; one that is longer is not kept at all.</summary>
    public const int LongestAnswer = 1 << 20;

    private readonly StoredRequest _request;
    private readonly HeaderDictionary _fields = [];
    private readonly BoundedWriter _answer = new(LongestAnswer);
    private bool _started;
    private bool _aborted;

    public QueuedExchange(StoredRequest request)
    {
        _request = request;
        foreach (var (name, value) in request.FieldLines())
            _fields.Append(name, value);
        if (request.ForwardedFor.Length > 0)
            _fields["X-Forwarded-For"] = request.ForwardedFor;
        if (request.Forwarded.Length > 0)
            _fields["Forwarded"] = request.Forwarded;
        RequestBody = request.HasBody ? PipeReader.Create(new ReadOnlySequence<byte>(request.Body)) : null;
    }

    /// <summary>What became of it; null while it is under way.</summary>
    public Outcome? Outcome { get; private set; }

    /// <summary>Content-Type of the answer; empty: none.</summary>
    public string ContentType { get; private set; } = "";

    /// <summary>True if a whole answer of a server is here, be it an error.</summary>
    public bool IsWhole => _started && !_aborted;

    /// <summary>True if the answer's body was too long to be kept.</summary>
    public bool IsTooLong => _answer.IsOver;

    public override string Id => _request.Id;

    public override string Method => _request.Method;

    public override string Target => _request.Target;

    public override string Host => _request.Host;

    public override string Scheme => _request.Scheme;

    public override IPAddress? Caller => IPAddress.TryParse(_request.Caller, out var address) ? address : null;

    internal override CallerName CallerName => new(Caller);

    internal override bool IsTraced => HasField("traceparent");

    public override PipeReader? RequestBody { get; }

    public override long? RequestLength => _request.HasBody ? _request.Body.Length : null;

    /// <summary>Nobody waits, so nobody leaves.</summary>
    public override CancellationToken CallerLeft => CancellationToken.None;

    public override bool AnswerStarted => _started;

    public override int AnswerStatus { get; set; }

    public override IHeaderDictionary AnswerHeaders { get; } = new HeaderDictionary();

    public override IHeaderDictionary? AnswerTrailers => null;

    public override PipeWriter AnswerBody => _answer;

    internal override bool IsReplay => true;

    /// <summary>Body of the answer as far as it came.</summary>
    public ReadOnlyMemory<byte> Answer() => _answer.Kept;

    public override Task StartAnswerAsync(CancellationToken cancel)
    {
        _started = true;
        return Task.CompletedTask;
    }

    public override void Abort() => _aborted = true;

    internal override bool HasField(string name) => _fields.ContainsKey(name);

    internal override string FieldText(string name) => _fields[name].ToString();

    internal override bool WriteValuesTo(string name, IBufferWriter<byte> output)
    {
        if (!HasField(name))
            return false;
        Encoding.Latin1.GetBytes(string.Join(", ", _fields[name].AsEnumerable()), output);
        return true;
    }

    internal override void ForgetAnswer()
    {
        AnswerHeaders.Clear();
        ContentType = "";
    }

    internal override void NoteEnd(Outcome outcome) => Outcome = outcome;

    /// <summary>The key is added for servers, so that they can drop what they have done already. It does not make a request one
    /// that may be sent twice: only who wrote the server knows whether it heeds the key.</summary>
    internal override void WriteFieldsTo(IBufferWriter<byte> head)
    {
        head.Write(_request.Fields);
        if (!HasField("Idempotency-Key"))
            head.Write(Encoding.ASCII.GetBytes($"Idempotency-Key: {_request.Id}\r\n"));
    }

    internal override void TakeHead(int status, HeaderFields fields)
    {
        AnswerStatus = status;
        for (var i = 0; i < fields.Count; i++)
            if (Ascii.EqualsIgnoreCase(fields.NameAt(i), "Content-Type"u8))
                ContentType = Encoding.Latin1.GetString(fields.ValueAt(i));
    }

    /// <summary>Keeps what is written up to a bound.</summary>
    private sealed class BoundedWriter(int most) : PipeWriter
    {
        private readonly ArrayBufferWriter<byte> _next = new();
        private readonly ArrayBufferWriter<byte> _kept = new();

        public bool IsOver { get; private set; }

        public ReadOnlyMemory<byte> Kept => _kept.WrittenMemory;

        public override Memory<byte> GetMemory(int sizeHint = 0) => _next.GetMemory(sizeHint);

        public override Span<byte> GetSpan(int sizeHint = 0) => _next.GetSpan(sizeHint);

        public override void Advance(int bytes)
        {
            _next.Advance(bytes);
            IsOver |= bytes > most - _kept.WrittenCount;
            if (!IsOver)
                _kept.Write(_next.WrittenSpan);
            _next.ResetWrittenCount();
        }

        public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default) => default;

        public override void CancelPendingFlush()
        {
        }

        public override void Complete(Exception? exception = null)
        {
        }
    }
}
