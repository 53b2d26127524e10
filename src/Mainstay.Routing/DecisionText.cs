using System.Globalization;

namespace Mainstay.Routing;

/// <summary>A decision in plain words, for the person on call.</summary>
public static class DecisionText
{
    private const int MostNames = 4;

    /// <summary>The decision on one line, for the journal.</summary>
    public static string Line(Decision decision) => string.Join(' ', Lines(decision).Select(l => l.Trim()));

    /// <summary>What became of the request, then a line for each choice with the attempt that followed, and for each reflex.</summary>
    public static IReadOnlyList<string> Lines(Decision decision)
    {
        var lines = new List<string> { Head(decision) };
        var choices = 0;
        DecisionStep? open = null;
        var openLine = 0;
        string? retried = null;
        foreach (var step in decision.Steps)
        {
            switch (step.Kind)
            {
                case DecisionStepKind.Choice:
                    lines.Add($"{++choices}. {retried}{Choice(step)}");
                    (open, openLine, retried) = (step, lines.Count - 1, null);
                    break;
                case DecisionStepKind.Attempt when open is not null && open.Server == step.Server:
                    lines[openLine] += $" -> {Attempt(step)}";
                    open = null;
                    break;
                case DecisionStepKind.Attempt:
                    lines.Add($"   {step.Server} -> {Attempt(step)}");
                    break;
                case DecisionStepKind.Reflex when step.Reflex == Reflex.Retried:
                    retried = $"Tried again ({step.Amount} of {step.Of} second attempts used in 10 s). ";
                    break;
                default:
                    lines.Add($"   {Word(step)}");
                    break;
            }
        }
        if (decision.StepsLeftOut > 0)
            lines.Add($"   {decision.StepsLeftOut} later steps did not fit into the record.");
        return lines;
    }

    private static string Head(Decision decision)
    {
        var what = decision.Service is null ? "no service matched" : $"for {decision.Service}";
        var end = decision switch
        {
            { Result: null } => "still under way",
            { Result: OutcomeResult.CallerLeft } => $"the caller left after {Time(decision.Total)}",
            { Result: OutcomeResult.Queued } => $"stored in the queue after {Time(decision.Total)}",
            { Status: 0 } => $"no answer was sent; it ended after {Time(decision.Total)}",
            { Result: OutcomeResult.Failed, Status: < 400 } => $"the answer ({decision.Status}) was cut after {Time(decision.Total)}",
            _ => $"answered {decision.Status} after {Time(decision.Total)}",
        };
        var attempts = decision.Attempts == 1 ? "1 attempt" : $"{decision.Attempts} attempts";
        return string.Create(CultureInfo.InvariantCulture,
            $"Request {decision.RequestId} at {decision.At:yyyy-MM-dd HH:mm:ss.fff} UTC, {what}, table v{decision.TableVersion}: {end}, {attempts}.");
    }

    private static string Choice(DecisionStep step)
    {
        if (step.Server is null)
            return $"No server could be chosen. {Others(step, null)}".TrimEnd();
        var chosen = step.Candidates.FirstOrDefault(c => c.Server == step.Server);
        if (chosen is null)
            return $"{step.Region}: {step.Server} chosen.";
        var compared = step.Candidates.Count(c => c == chosen || c.Why is PassedOver.Busier or PassedOver.Slower or PassedOver.Zone or PassedOver.Prefix or PassedOver.Chance);
        var isAlike = step.Candidates.Any(c => c.Why == PassedOver.Prefix);
        var least = compared <= 1 ? "" : isAlike ? $", by its prompt's beginning, of {compared}" : $", least of {compared}";
        var weight = chosen.Weight == 1 ? "" : string.Create(CultureInfo.InvariantCulture, $", weight {chosen.Weight:0.###}");
        var though = chosen.Why == PassedOver.No ? "" : $", although {Reason(chosen)}: nothing better was left";
        var others = Others(step, chosen);
        return $"{step.Region}: {chosen.Server} chosen ({Work(chosen)}{weight}{least}){though}{(others.Length > 0 ? "; " : ".")}{others}";
    }

    private static string Work(Candidate candidate) =>
        $"{candidate.Outstanding} outstanding{(candidate.Others > 0 ? $" and {candidate.Others} of others" : "")}";

    private static string Others(DecisionStep step, Candidate? chosen)
    {
        var parts = step.Candidates.Where(c => c != chosen)
            .GroupBy(Reason)
            .Select(group => $"{Names([.. group])} passed over: {group.Key}")
            .ToList();
        if (step.CandidatesLeftOut > 0)
            parts.Add($"{step.CandidatesLeftOut} more did not fit into the record");
        return parts.Count == 0 ? "" : string.Join("; ", parts) + ".";
    }

    private static string Names(List<Candidate> candidates) =>
        string.Join(", ", candidates.Take(MostNames).Select(c => c.Server))
        + (candidates.Count > MostNames ? $" and {candidates.Count - MostNames} more" : "");

    private static string Reason(Candidate candidate) => candidate.Why switch
    {
        PassedOver.No => "nothing spoke against it",
        PassedOver.Full => "its capacity is used up",
        PassedOver.Drained when candidate.Share is > 0 and var share => string.Create(
            CultureInfo.InvariantCulture, $"drained, {share * 100:0.#} % of the requests let through"),
        PassedOver.Drained => "drained",
        PassedOver.Resting => "it asked for less work",
        PassedOver.Slow => "slow beside its peers",
        PassedOver.Down => "down",
        PassedOver.BreakerOpen => "breaker open",
        PassedOver.Unwell => "its health checks fail",
        PassedOver.LockedOut => "its provider refuses its key or does not know its model",
        PassedOver.Unfit => "cannot serve this request",
        PassedOver.NoPlace => "no free place within its limit",
        PassedOver.Tried => "tried already",
        PassedOver.NotAllowed => "not in allowed_regions",
        PassedOver.Rank => "a fallback of higher rank, not needed",
        PassedOver.RegionTried => "its region has failed this request",
        PassedOver.Region => $"{candidate.Region} comes later in the order of regions",
        PassedOver.Busier => $"busier ({Work(candidate)})",
        PassedOver.Zone => "in another zone",
        PassedOver.Slower => "no busier, but slower lately",
        PassedOver.Prefix => "less busy or as good, but requests that begin alike go to the chosen one",
        PassedOver.Chance => "as good, chance decided",
        _ => candidate.Why.ToString(),
    };

    private static string Attempt(DecisionStep step) => step.Result switch
    {
        AttemptResult.Answered or AttemptResult.ServerError or AttemptResult.Overloaded => $"{step.Status}, first byte after {Time(step.FirstByte)}",
        AttemptResult.NotReached => $"not reached, after {Time(step.FirstByte)}",
        AttemptResult.OutOfSockets => "this gateway has no file descriptor left for a connection",
        AttemptResult.Broken => $"the connection broke before an answer, after {Time(step.FirstByte)}",
        AttemptResult.FirstByteTimeout => $"no first byte within {Time(step.FirstByte)}",
        AttemptResult.Stalled => $"{step.Status}, then it stalled longer than the idle deadline",
        AttemptResult.Truncated => $"{step.Status}, then the answer was cut",
        AttemptResult.TotalTimeout => "the total deadline ended it",
        AttemptResult.Outrun => $"given up after {Time(step.FirstByte)}: the other attempt had answered",
        AttemptResult.CallerLeft => "the caller left",
        _ => $"{step.Result}",
    };

    private static string Word(DecisionStep step) => step.Reflex switch
    {
        Reflex.RetryRefused => $"Not tried again: the retry budget is spent ({step.Amount} of {step.Of} second attempts in 10 s).",
        Reflex.NotRepeatable => "Not tried again: it may have reached the server. An idempotent method, an Idempotency-Key or retry.replay: safe would allow it.",
        Reflex.LastAttempt => $"Not tried again: retry.attempts ({step.Amount}) are used up.",
        Reflex.BodyTooLong => $"Not tried again: its body is longer than retry.body ({step.Amount} bytes).",
        Reflex.NoOtherServer => "Not tried again: every server has been tried.",
        Reflex.OthersWorse => "Not tried again: the server asked for less work, and the others may be worse off.",
        Reflex.Overload => $"Not tried again: the servers are overloaded ({step.Amount} requests waiting).",
        Reflex.Hedged => $"A second attempt began beside the first, after {step.Amount} ms without an answer.",
        Reflex.Waited => $"It waited {step.Amount} ms for a free place.",
        Reflex.Shed => $"Not let in: the servers are overloaded and others matter more ({step.Amount} waiting).",
        Reflex.Panic => $"Breakers not heeded: only {step.Amount} of {step.Of} servers are left.",
        Reflex.Queued => $"Stored in the queue of when_down ({step.Amount} wait there), to be sent when a server is back.",
        Reflex.Continued => $"The answer was cut after {step.Amount} characters; another server is to go on with it.",
        Reflex.OverLimit => $"Not let in: its key has reached a limit of the minute ({step.Amount}).",
        Reflex.OverBudget => $"Not let in: its key has too little left of its budget of the day ({step.Amount}).",
        Reflex.AnsweredFromFile => "Answered from the file of when_down.",
        _ => $"{step.Reflex} {step.Amount}",
    };

    private static string Time(TimeSpan time) => time.TotalSeconds >= 10
        ? string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0.0} s")
        : string.Create(CultureInfo.InvariantCulture, $"{time.TotalMilliseconds:0.#} ms");
}
