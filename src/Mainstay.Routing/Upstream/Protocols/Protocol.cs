using System.Buffers;

namespace Mainstay.Routing.Upstream.Protocols;

/// <summary>
/// An API of models: how callers ask in it, how servers are asked in it, and what their answers mean. Without state of its own
/// and safe for any number of threads. Where caller and server speak the same one, the bytes of an event and of an answer
/// go on as they came; where not, they are written anew from what they mean.
/// </summary>
internal abstract class Protocol
{
    /// <summary>As <c>api</c> of mainstay.yaml names it.</summary>
    public abstract ModelApi Api { get; }

    /// <summary>Content-Type of its streams.</summary>
    public virtual string StreamType => "text/event-stream; charset=utf-8";

    /// <summary>Fields of a caller's request that mean something in this API and are part of what is asked; they stand in
    /// <see cref="ModelRequest.Fields"/> before a request is composed.</summary>
    public virtual IReadOnlyList<string> FieldNames => [];

    /// <summary>Reads what a caller asks for.</summary>
    /// <param name="method">Of the request.</param>
    /// <param name="path">Its path behind the service's prefix, from "/", without the query.</param>
    /// <param name="body">All of it; empty if there is none. Kept by the request.</param>
    /// <param name="fault">What is wrong with it, for the caller; null if a request is returned.</param>
    public abstract ModelRequest? Read(string method, string path, ReadOnlyMemory<byte> body, out ModelFault? fault);

    /// <summary>The body of an answer that tells a caller what went wrong, in the shape that this API's clients read.</summary>
    public abstract byte[] WriteFault(ModelFault fault);

    /// <summary>Fields that go with <see cref="WriteFault"/>, beside Content-Type: AWS's clients read the name of an error from one.</summary>
    public virtual IReadOnlyList<(string Name, string Value)> FaultFields(ModelFault fault) => [];

    /// <summary>Writes one event of a stream to a caller of this API.</summary>
    /// <param name="output">Where to.</param>
    /// <param name="part">One of this API with its bytes as they came, or of another, to be written from its meaning.</param>
    /// <param name="request">What was asked.</param>
    /// <param name="stream">What the stream said of itself before.</param>
    public abstract void WriteEvent(IBufferWriter<byte> output, in AnswerPart part, ModelRequest request, StreamNames stream);

    /// <summary>Writes the last event of a stream that cannot be finished: clients must not take what came for all.</summary>
    public abstract void WriteFaultEvent(IBufferWriter<byte> output, ModelFault fault);

    /// <summary>Writes the body of a whole answer that came in another API.</summary>
    public abstract byte[] WriteAnswer(WholeAnswer answer, ModelRequest request);

    /// <summary>The request as a server of this API is asked: the caller's own body but for the model's name, or one mapped from
    /// the caller's API.</summary>
    /// <param name="request">What is asked.</param>
    /// <param name="server">Whom: its url, its name of the model, whether it can go on from a beginning.</param>
    /// <param name="key">Its key; null: none.</param>
    /// <param name="begun">Text of an answer that was cut, to be gone on from (assistant prefill); null: a new answer.</param>
    /// <param name="fault">What cannot be mapped, for the caller; null if a request is returned.</param>
    public abstract ServerRequest? Compose(ModelRequest request, Server server, string? key, string? begun, out ModelFault? fault);

    /// <summary>The API that answers to a request are written in: another than its own where a server only wraps that one.</summary>
    public virtual ModelApi AnswersIn(ModelRequest request) => Api;

    /// <summary>Reads a stream of a server of this API.</summary>
    public abstract StreamReader ReadStream(ModelRequest request);

    /// <summary>What the body of a whole answer with status 2xx means.</summary>
    /// <returns>Null if it is no answer of this API at all, such as HTML or half a document.</returns>
    public abstract WholeAnswer? ReadAnswer(ModelRequest request, ReadOnlyMemory<byte> body);

    /// <summary>What an answer that is no success says of server, key and caller.</summary>
    /// <param name="status">Below 200 or from 300; 2xx with an error inside as well.</param>
    /// <param name="body">As far as it was read; may be empty or anything.</param>
    public abstract ProviderVerdict Judge(int status, ReadOnlySpan<byte> body);

    /// <summary>Fields of an answer that name its error; with one an answer is none even where its status is 2xx (lambda).</summary>
    public virtual IReadOnlyList<string> ErrorFields => [];

    /// <summary>As <see cref="Judge(int, ReadOnlySpan{byte})"/>, with what the first of <see cref="ErrorFields"/> that is there says; null: none is.</summary>
    public virtual ProviderVerdict Judge(int status, string? error, ReadOnlySpan<byte> body) => Judge(status, body);
}
