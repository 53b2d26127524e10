using System.Buffers;
using System.Globalization;
using System.IO.Pipelines;
using System.Net;
using Mainstay.Routing.Http;
using Mainstay.Routing.Http1;
using Microsoft.AspNetCore.Http;

namespace Mainstay.Routing;

/// <summary>
/// A request and its answer as the gateway sees them, whatever front brought it. One thread at a time.
/// </summary>
public abstract class Exchange
{
    private static long _lastId;

    /// <summary>Identifies the request in records; answered in the X-Request-Id header.</summary>
    public abstract string Id { get; }

    public abstract string Method { get; }

    /// <summary>Path and query exactly as sent, starting with "/".</summary>
    public abstract string Target { get; }

    /// <summary>The Host header with its port; empty if none.</summary>
    public abstract string Host { get; }

    /// <summary>"http" or "https".</summary>
    public abstract string Scheme { get; }

    public abstract IPAddress? Caller { get; }

    /// <summary>The caller's address as a server is told it.</summary>
    internal abstract CallerName CallerName { get; }

    /// <summary>True if the request has a field of this name.</summary>
    internal abstract bool HasField(string name);

    /// <summary>The value of a field of the request, several joined by commas; empty if there is none.</summary>
    internal abstract string FieldText(string name);

    /// <summary>Writes the values of a field of the request, joined by commas.</summary>
    /// <returns>False if there is none.</returns>
    internal abstract bool WriteValuesTo(string name, IBufferWriter<byte> output);

    /// <summary>True if the caller began a trace (W3C traceparent), and that goes on; a malformed one is dropped with its tracestate.</summary>
    internal abstract bool IsTraced { get; }

    /// <summary>The trace that begins with this request; default until one does.</summary>
    internal (ulong High, ulong Low) TraceId { get; set; }

    /// <summary>Writes the request's fields that go on to a server, as lines: not those of the connection, of the framing, Host,
    /// nor what <see cref="CallerFields"/> writes.</summary>
    internal abstract void WriteFieldsTo(IBufferWriter<byte> head);

    /// <summary>Takes over status and fields of a server's answer; fields set here before stay. Good for one answer.</summary>
    internal abstract void TakeHead(int status, HeaderFields fields);

    /// <summary>Body of the request; null if it has none.</summary>
    public abstract PipeReader? RequestBody { get; }

    /// <summary>Length of the body in bytes if the caller declared it.</summary>
    public abstract long? RequestLength { get; }

    /// <summary>True if the caller asked to be told before it sends its body (Expect: 100-continue); reading the body tells it.</summary>
    internal virtual bool ExpectsContinue => false;

    /// <summary>Protocols that the caller would rather speak, as the Upgrade field names them; empty if none may be passed on.</summary>
    internal virtual string Upgrade => "";

    /// <summary>Writes the trailers of the request that may go on, as lines; to be called at the end of its body.</summary>
    internal virtual void WriteTrailersTo(IBufferWriter<byte> output)
    {
    }

    /// <summary>Cancelled when the caller goes away.</summary>
    public abstract CancellationToken CallerLeft { get; }

    /// <summary>True if the caller has gone away behind bytes that nobody has read yet, which hide it from <see cref="CallerLeft"/>.</summary>
    internal virtual bool HasCallerLeftUnseen => false;

    /// <summary>Cancelled when the program wants to stop.</summary>
    internal virtual CancellationToken Stopping => default;

    /// <summary>True once anything of the answer may have been sent: from then on nothing can be tried again.</summary>
    public abstract bool AnswerStarted { get; }

    /// <summary>Status and headers of the answer; to be set before <see cref="StartAnswerAsync"/>.</summary>
    public abstract int AnswerStatus { get; set; }

    public abstract IHeaderDictionary AnswerHeaders { get; }

    /// <summary>Takes everything back that was set of the answer, but its X-Request-Id.</summary>
    internal abstract void ForgetAnswer();

    /// <summary>Trailers of the answer, sent after its body; null if they cannot be sent to this caller.</summary>
    public abstract IHeaderDictionary? AnswerTrailers { get; }

    /// <summary>Passes an interim answer (1xx) on at once; where the caller cannot take one, it is dropped.</summary>
    internal virtual ValueTask SendInterimAsync(int status, HeaderFields fields) => default;

    /// <summary>Answers 101 with a server's fields and gives the connection out of hand: from then on it speaks another protocol.</summary>
    /// <exception cref="NotSupportedException">The caller asked for no <see cref="Upgrade"/>.</exception>
    internal virtual ValueTask<IDuplexPipe> SwitchAsync(HeaderFields fields) => throw new NotSupportedException("No protocol was asked for.");

    /// <summary>Writes status and headers. They may travel with the first part of the body; a flush of the body sends them.</summary>
    public abstract Task StartAnswerAsync(CancellationToken cancel);

    /// <summary>Body of the answer; each flush is sent at once.</summary>
    public abstract PipeWriter AnswerBody { get; }

    /// <summary>Cuts the connection, so that the caller cannot take what was sent for the whole answer.</summary>
    public abstract void Abort();

    /// <summary>True: it comes from the queue of when_down, and nobody waits for its answer.</summary>
    internal virtual bool IsReplay => false;

    /// <summary>Told once, at the end, what became of it.</summary>
    internal virtual void NoteEnd(Outcome outcome)
    {
    }

    /// <summary>An id that no other request of this process has, whatever front it came by.</summary>
    /// <param name="prefix">Tells the requests of this process from those of others.</param>
    internal static string NewId(string prefix) =>
        string.Create(CultureInfo.InvariantCulture, $"{prefix}-{Interlocked.Increment(ref _lastId):x}");
}
