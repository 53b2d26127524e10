using System.Globalization;
using Mainstay.Routing.Certificates;
using Mainstay.Routing.Keys;
using Mainstay.Routing.Upstream;
using Mainstay.Routing.Upstream.Protocols;

namespace Mainstay.Routing.Models;

/// <summary>What the attempts of one request to a model share. One thread at a time.</summary>
internal sealed class ModelCall(
    Exchange exchange, ModelRequest asked, RequestInProgress request, HttpUpstream upstream, ServerKeys keys, RequestSigner? sign,
    long total, TimeProvider clock)
{
    /// <summary>Bytes of JSON that are read and written within a turn of the thread that polls sockets; longer ones keep a thread of the pool busy.</summary>
    public const int Quick = 32 * 1024;

    private readonly Service _spec = request.Service.Spec with
    {
        // What goes to a server was written whole: nothing is taken off or kept of the caller's address.
        Strip = false,
        KeepHost = false,
        Timeouts = asked.IsStream
            ? request.Service.Spec.Timeouts with { FirstByte = request.Service.Spec.Timeouts.FirstByte ?? request.Service.Spec.Timeouts.FirstToken }
            : request.Service.Spec.Timeouts,
    };

    private readonly Dictionary<LiveServer, int> _times = [];

    public Exchange Exchange => exchange;

    public ModelRequest Asked => asked;

    public RequestInProgress Request => request;

    public LiveService Service => request.Service;

    public ServerKeys Keys => keys;

    public TimeProvider Clock => clock;

    /// <summary>True if its answer may be gone on with by another server.</summary>
    public bool MayGoOn => asked.IsContinuable && Service.Spec.Continue != ContinuePolicy.Never;

    /// <summary>The API that its caller speaks.</summary>
    public Protocol Protocol => Protocols.Of(asked.Api);

    /// <summary>Tokens that its answer is expected to have.</summary>
    public long Expected { get; } = request.Service.State.Answers.Expected(asked.MaxTokens);

    /// <summary>The soonest that a provider said to come back; null: none did.</summary>
    public TimeSpan? ComeBack { get; set; }

    /// <summary>Attempts made when its answer was cut last; 0: it was not.</summary>
    public int CutAt { get; set; }

    /// <summary>True once it was taken up by another server, without drawing on the retry budget, after its server's death.</summary>
    public bool IsRescued { get; set; }

    /// <summary>Servers that cannot go on from a beginning, as this request found out.</summary>
    public HashSet<LiveServer> RefusesPrefill { get; } = [];

    /// <summary>Notes one more attempt on a server.</summary>
    /// <returns>How many it has had of this request.</returns>
    public int NoteAttempt(LiveServer server) => _times[server] = _times.GetValueOrDefault(server) + 1;

    /// <summary>What it took of its key's limits; null: it has no key.</summary>
    public KeyTicket? Ticket { get; set; }

    /// <summary>What so many tokens cost on a server; zero where its price is unknown.</summary>
    public double CostOf(LiveServer server, long prompt, long answer) =>
        ((prompt * (server.Spec.Ai?.PromptPrice ?? 0)) + (answer * (server.Spec.Ai?.AnswerPrice ?? 0))) / 1e6;

    /// <summary>Notes what an attempt used.</summary>
    public void Charge(LiveServer server, TokenUsage usage) =>
        request.Charge(new Charge(server.Spec.Region, usage.Prompt, usage.Answer, CostOf(server, usage.Prompt, usage.Answer)));

    /// <summary>Keeps of the key's budget what an attempt on this server may cost, beside what those before did.</summary>
    /// <returns>Why it may not be made there; null: it may.</returns>
    public ModelFault? Hold(LiveServer server) =>
        Ticket is null || Ticket.TryHold(request.Cost + CostOf(server, asked.PromptTokens, Expected)) ? null : KeyGate.TooDear(request.Key!.Name);

    /// <summary>Servers that are dearer than what the key has left today are not asked.</summary>
    public void SpareBudget()
    {
        if (Ticket?.CostLeft is not { } left)
            return;
        var dear = Service.Servers.Where(s => request.Cost + CostOf(s, asked.PromptTokens, Expected) > left && !request.Unfit.Contains(s)).ToList();
        HasDear |= dear.Count > 0;
        request.Unfit = request.Unfit.AddRange(dear);
    }

    /// <summary>True if a server was left out because it is too dear.</summary>
    public bool HasDear { get; private set; }

    /// <summary>The request is over: what it was thought to use is corrected.</summary>
    public void Settle()
    {
        // Whoever leaves before the answer has had the prompt read; what failed cost nobody anything.
        var read = exchange.CallerLeft.IsCancellationRequested ? request.MayHaveReached : exchange is { AnswerStarted: true, AnswerStatus: >= 200 and < 300 };
        var tokens = request.Use is { } use ? use.PromptTokens + use.AnswerTokens : read ? asked.PromptTokens : 0;
        Ticket?.Settle(tokens, request.Cost);
        if (request.Use is { } used)
            Service.State.Answers.Note(used.AnswerTokens);
    }

    /// <summary>Why its answer ended.</summary>
    public FinishReason Finish { get; set; }

    /// <summary>Times that its answer was cut and went on elsewhere.</summary>
    public int Continued { get; set; }

    /// <summary>Events of servers that were none of their API.</summary>
    public int Malformed { get; set; }

    /// <summary>What telemetry tells of it; to be made at its end.</summary>
    public ModelTrail Trail()
    {
        var server = Service.Servers.FirstOrDefault(s => s.Name == request.LastServer)?.Spec;
        var isTraced = exchange.IsTraced;
        return new ModelTrail
        {
            Operation = asked.Operation switch
            {
                ModelOperation.Chat or ModelOperation.Response => "chat",
                ModelOperation.Completion => "text_completion",
                ModelOperation.Embedding => "embeddings",
                ModelOperation.Invoke => "invoke",
                _ => "other",
            },
            Api = server?.Ai?.Api ?? asked.Api,
            Asked = asked.Model.Length > 100 ? asked.Model[..100] : asked.Model,
            IsNamed = Service.Spec.Model is not null,
            Answered = request.Use is null ? null : server?.Ai?.Model ?? Service.Spec.Model,
            Host = server?.Url.Host ?? "",
            Port = server?.Url.Port ?? 0,
            IsStream = asked.IsStream,
            Finish = Finish switch
            {
                FinishReason.Stop => "stop",
                FinishReason.Length => "length",
                FinishReason.Tools => "tool_calls",
                FinishReason.Filter => "content_filter",
                _ => null,
            },
            Continued = Continued,
            Malformed = Malformed,
            TraceParent = isTraced ? exchange.FieldText("traceparent") : null,
            TraceId = isTraced || exchange.TraceId == default ? null : string.Create(
                CultureInfo.InvariantCulture, $"{exchange.TraceId.High:x16}{exchange.TraceId.Low:x16}"),
        };
    }

    /// <summary>How long may still be waited for the first token.</summary>
    /// <param name="began">Timestamp of the attempt's begin.</param>
    public Func<TimeSpan> UntilFirstToken(long began) =>
        () => (_spec.Timeouts.FirstToken ?? _spec.Timeouts.Total) - clock.GetElapsedTime(began);

    /// <summary>Signs a request for AWS.</summary>
    /// <returns>Why it cannot be signed, and the cure; null: it is.</returns>
    public ValueTask<string?> SignAsync(ServerRequest composed, Server server) =>
        sign is null
            ? new("requests for AWS cannot be signed by this program")
            : sign(composed, server, exchange.CallerLeft);

    /// <summary>Sends one attempt and waits for the first bytes of its answer.</summary>
    public async ValueTask<AttemptEnd> SendAsync(LiveServer server, ServerRequest composed)
    {
        var trust = Service.Trust?.Current ?? ServerTrust.OfMachine;
        var outgoing = new ModelExchange(exchange, composed);
        using var body = composed.Body.IsEmpty ? null : ReplayableBody.Of(composed.Body);
        return _spec.Protocol == ServerProtocol.Http2
            ? await upstream.Http2.SendAsync(outgoing, _spec, trust, server, body, total, default)
            : await upstream.SendAsync(outgoing, _spec, trust, server, body, MaySendTwice, total, default);
    }

    /// <summary>"Sent twice?": as for every request; services of the inference APIs say yes by default.</summary>
    public bool MaySendTwice =>
        Service.Spec.Retry.ReplaySafe || HttpMethods.IsIdempotent(exchange.Method) || exchange.HasField("Idempotency-Key");
}
