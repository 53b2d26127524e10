using System.Buffers;
using System.Globalization;
using System.Text;
using Mainstay.Routing.Http1;
using Mainstay.Routing.Sockets;
using Mainstay.Routing.Upstream;
using Mainstay.Routing.Upstream.Protocols;
using StreamReader = Mainstay.Routing.Upstream.Protocols.StreamReader;

namespace Mainstay.Routing.Models;

/// <summary>
/// One try of a request on one server of a model, up to the point at which its answer can be sent on: the first token of a stream,
/// all of a whole answer. Until then another server can take over without the caller noticing.
/// </summary>
internal sealed class ModelAttempt(ModelCall call, LiveServer.Place place) : IAsyncDisposable
{
    private const int LongestAnswer = 64 << 20;
    private const int LongestError = 64 << 10;

    /// <summary>Events without a token that may come before the first one.</summary>
    private const int MostHeld = 1000;

    private readonly ModelServer _how = place.Server.Spec.Ai ?? new ModelServer { Api = call.Service.Spec.Api };
    private UpstreamAnswer? _answer;
    private StreamReader? _reader;
    private string? _key;
    private bool _isFed;
    private bool _hasEnded;

    public LiveServer.Place Place => place;

    /// <summary>The server's own name of the model.</summary>
    public string Model => _how.Model ?? call.Asked.Model;

    public Protocol Protocol => Protocols.Of(_how.Api);

    public AttemptResult Result { get; private set; } = AttemptResult.Broken;

    /// <summary>Of the server's answer; 0: none.</summary>
    public int Status { get; private set; }

    /// <summary>What the provider said instead of an answer; null: nothing.</summary>
    public ProviderVerdict? Verdict
    {
        get;
        private set => field = value is null ? null : value with { Reason = ServerKeys.Without(_key, value.Reason) };
    }

    /// <summary>How long the provider asks to be spared; null: it does not say.</summary>
    public TimeSpan? RetryAfter { get; private set; }

    /// <summary>Why this server cannot be asked this at all; null: it can.</summary>
    public ModelFault? Unfit { get; private set; }

    /// <summary>Body of a whole answer or of an error, as it came.</summary>
    public ReadOnlyMemory<byte> Body { get; private set; }

    /// <summary>What a whole answer means; null: it is a stream, or an error.</summary>
    public WholeAnswer? Whole { get; private set; }

    /// <summary>Events that came before the first token, and it.</summary>
    public List<AnswerPart> Held { get; } = [];

    /// <summary>Fields of the answer's head; null: none came. Good while the attempt lives.</summary>
    public HeaderFields? Fields => _answer?.Fields;

    /// <summary>What the stream says of itself.</summary>
    public StreamNames Names => _reader?.Names ?? new StreamNames();

    /// <summary>True if it brought something that can be sent on.</summary>
    public bool HasAnswer => Result == AttemptResult.Answered && Verdict is null && Unfit is null;

    /// <summary>True if it was told what was said before and is to go on after it.</summary>
    public bool IsPrefilled { get; private set; }

    /// <summary>Sends the request and waits until its answer can be sent on, or is known to be none.</summary>
    /// <param name="begun">The text that the caller has already; null: nothing.</param>
    /// <param name="prefills">True: the server is given that text to go on from; false: it answers anew.</param>
    public async Task SendAsync(string? begun, bool prefills)
    {
        IsPrefilled = begun is not null && prefills;
        // A file of a key is read on a thread that polls no sockets, and so is a body of many tokens.
        if (Poller.OfThisThread is not null && (call.Keys.IsRead(_how) || call.Asked.Body.Length > ModelCall.Quick))
            await Task.Yield();
        _key = call.Keys.Of(_how, out var trouble);
        if (trouble is not null)
        {
            (Result, Verdict) = (AttemptResult.NotReached, new ProviderVerdict(ProviderSignal.KeyRefused, trouble));
            place.Why = "cannot be asked: " + trouble;
            return;
        }
        if (call.Hold(place.Server) is { } dear)
        {
            (Result, Unfit) = (AttemptResult.NotReached, dear);
            return;
        }
        var composed = Protocol.Compose(call.Asked, place.Server.Spec, _key, IsPrefilled ? begun : null, out var fault);
        if (composed is null)
        {
            (Result, Unfit) = (AttemptResult.NotReached, fault);
            return;
        }
        if (_how.AwsRegion is not null && await call.SignAsync(composed, place.Server.Spec) is { } unsigned)
        {
            (Result, Verdict, place.Why) = (AttemptResult.NotReached, new ProviderVerdict(ProviderSignal.KeyRefused, unsigned), unsigned);
            return;
        }
        (Result, _answer, place.Why) = await call.SendAsync(place.Server, composed);
        if (_answer is null)
            return;
        Status = _answer.Status;
        RetryAfter = Routing.RetryAfter.Read(_answer.Fields, call.Clock.GetUtcNow());
        try
        {
            if (Status is < 200 or >= 300 || ErrorField() is not null)
                await ReadErrorAsync();
            else if (call.Asked.IsStream && IsStream())
                await ReadFirstTokenAsync();
            else
                await ReadWholeAsync();
        }
        catch (IOException)
        {
            NoteCut();
        }
        catch (InvalidDataException e)
        {
            (Result, place.Why) = (AttemptResult.Truncated, e.Message);
        }
    }

    /// <summary>The next event of a stream; null: its connection ended. Events that are none are left out.</summary>
    /// <param name="within">How long nothing may come at all.</param>
    /// <exception cref="IOException">It was cut; <see cref="Result"/> says how.</exception>
    public async ValueTask<AnswerPart?> ReadAsync(Func<TimeSpan> within)
    {
        try
        {
            while (true)
            {
                if (TryRead(out var part))
                    return part;
                if (_isFed && !_hasEnded)
                    await _answer!.ReadNextAsync(Positive(within()));
                _isFed = true;
                if (_answer!.Part.IsEmpty)
                {
                    if (_hasEnded)
                        return null;
                    _hasEnded = true;
                    _reader!.Finish();
                    continue;
                }
                _reader!.Feed(_answer.Part.Span);
            }
        }
        catch (IOException)
        {
            NoteCut();
            throw;
        }
        catch (InvalidDataException e)
        {
            (Result, place.Why) = (AttemptResult.Truncated, e.Message);
            throw new IOException(e.Message, e);
        }
    }

    /// <summary>An event that is here already; false: more must come first.</summary>
    public bool TryRead(out AnswerPart part)
    {
        while (_reader!.TryRead(out part))
        {
            if (part.Kind != PartKind.Malformed)
                return true;
            call.Malformed++;
        }
        return false;
    }

    /// <summary>The attempt failed after all.</summary>
    public void Fail(AttemptResult result, string? why) => (Result, place.Why) = (result, why is null ? null : ServerKeys.Without(_key, why));

    /// <summary>Lets go of the server. A bug must cost one request, not a place there for ever.</summary>
    public ValueTask DisposeAsync()
    {
        place.Leave(failed: null);
        return _answer?.DisposeAsync() ?? default;
    }

    private async Task ReadFirstTokenAsync()
    {
        _reader = Protocol.ReadStream(call.Asked);
        _isFed = _answer!.IsOnlyHead;
        while (true)
        {
            if (await ReadAsync(call.UntilFirstToken(place.Began)) is not { } part)
            {
                (Result, place.Why) = (AttemptResult.Truncated, "ended its answer before the first token");
                return;
            }
            if (part.Kind == PartKind.Error)
            {
                (Result, Verdict) = (AttemptResult.Answered, part.Verdict ?? new ProviderVerdict(ProviderSignal.Failed, ""));
                return;
            }
            if (part.Kind == PartKind.Done && !Held.Any(p => p.Finish != FinishReason.None))
            {
                (Result, place.Why) = (AttemptResult.Truncated, "ended its answer before the first token");
                return;
            }
            // The bytes are good until the next event is read.
            Held.Add(part with { Bytes = part.Bytes.ToArray() });
            if (part.Kind is PartKind.Text or PartKind.Tool or PartKind.Thought or PartKind.Done || part.Finish != FinishReason.None)
                return;
            if (Held.Count > MostHeld)
            {
                (Result, place.Why) = (AttemptResult.Truncated, $"sent {MostHeld} events without a token");
                return;
            }
        }
    }

    private async Task ReadWholeAsync()
    {
        Body = await ReadBodyAsync(LongestAnswer);
        if (Poller.OfThisThread is not null && Body.Length > ModelCall.Quick)
            await Task.Yield();
        Whole = Protocol.ReadAnswer(call.Asked, Body);
        if (Whole is null)
            (Status, Verdict) = (502, new ProviderVerdict(ProviderSignal.Failed, "answered something else than an answer of its API"));
        else if (Whole.Verdict is { } verdict)
            Verdict = verdict;
    }

    private async Task ReadErrorAsync()
    {
        Body = ServerKeys.Without(_key, await ReadBodyAsync(LongestError));
        Verdict = Protocol.Judge(Status, ErrorField(), Body.Span);
    }

    /// <summary>What a field of the answer says of an error; null: none does.</summary>
    private string? ErrorField()
    {
        foreach (var name in Protocol.ErrorFields)
            if (_answer!.Fields.Find(name) is >= 0 and var at)
                return Encoding.Latin1.GetString(_answer.Fields.ValueAt(at));
        return null;
    }

    private async Task<byte[]> ReadBodyAsync(int most)
    {
        var body = new ArrayBufferWriter<byte>();
        if (_answer!.IsOnlyHead)
            await _answer.ReadNextAsync(call.Service.Spec.Timeouts.Idle);
        for (; !_answer.Part.IsEmpty; await _answer.ReadNextAsync(call.Service.Spec.Timeouts.Idle))
        {
            if (body.WrittenCount + _answer.Part.Length > most)
                throw new InvalidDataException(string.Create(CultureInfo.InvariantCulture, $"its answer is longer than {most >> 10} KiB"));
            body.Write(_answer.Part.Span);
        }
        return body.WrittenSpan.ToArray();
    }

    private void NoteCut()
    {
        Result = _answer!.Cut;
        if (Result == AttemptResult.Stalled && Held.Count == 0)
            place.Why = "sent no token in time";
    }

    private bool IsStream()
    {
        var at = _answer!.Fields.Find("Content-Type");
        return at < 0 || !Encoding.ASCII.GetString(_answer.Fields.ValueAt(at)).Contains("application/json", StringComparison.OrdinalIgnoreCase);
    }

    private static TimeSpan Positive(TimeSpan time) => time > TimeSpan.FromMilliseconds(1) ? time : TimeSpan.FromMilliseconds(1);
}
