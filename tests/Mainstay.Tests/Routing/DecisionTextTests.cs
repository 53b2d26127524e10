using Mainstay.Routing;

namespace Mainstay.Tests.Routing;

public sealed class DecisionTextTests
{
    private static readonly DateTimeOffset At = new(2026, 5, 1, 12, 0, 1, 123, TimeSpan.Zero);

    [Fact]
    public void A_rescued_request_reads_from_top_to_bottom() => Assert.Equal(
        [
            "Request 6740-1f at 2026-05-01 12:00:01.123 UTC, for moderation, table v118: answered 200 after 312 ms, 2 attempts.",
            "1. us-east-1: 10.0.1.10 chosen (3 outstanding, least of 2); 10.0.1.12 passed over: busier (4 outstanding); 10.0.1.11 passed over: breaker open. -> 503, first byte after 4 ms",
            "2. Tried again (3 of 120 second attempts used in 10 s). us-east-2: 10.0.2.10 chosen (0 outstanding); 10.0.1.10 passed over: tried already. -> 200, first byte after 20 ms",
        ],
        DecisionText.Lines(Record(
            Choice("10.0.1.10", "us-east-1", Of("10.0.1.10", PassedOver.No, 3), Of("10.0.1.12", PassedOver.Busier, 4), Of("10.0.1.11", PassedOver.BreakerOpen)),
            new DecisionStep(DecisionStepKind.Reflex, Ms(4)) { Reflex = Reflex.Retried, Amount = 3, Of = 120 },
            Attempt("10.0.1.10", AttemptResult.ServerError, 503, 4),
            Choice("10.0.2.10", "us-east-2", Of("10.0.2.10", PassedOver.No), Of("10.0.1.10", PassedOver.Tried)),
            Attempt("10.0.2.10", AttemptResult.Answered, 200, 20))));

    [Fact]
    public void The_end_is_told_as_the_caller_saw_it()
    {
        Assert.Contains("still under way", Head(Record() with { Result = null }), StringComparison.Ordinal);
        Assert.Contains("the caller left after 312 ms", Head(Record() with { Result = OutcomeResult.CallerLeft }), StringComparison.Ordinal);
        Assert.Contains("the answer (200) was cut after 312 ms", Head(Record() with { Result = OutcomeResult.Failed }), StringComparison.Ordinal);
        Assert.Contains("answered 502 after 72.0 s", Head(Record() with { Result = OutcomeResult.Failed, Status = 502, Total = TimeSpan.FromSeconds(72) }), StringComparison.Ordinal);
        Assert.Contains("no answer was sent", Head(Record() with { Result = OutcomeResult.Failed, Status = 0 }), StringComparison.Ordinal);
        Assert.Contains("no service matched", Head(Record() with { Service = null, Status = 404 }), StringComparison.Ordinal);
    }

    [Fact]
    public void A_choice_among_bad_ones_says_so_and_many_names_are_cut()
    {
        var drained = Enumerable.Range(1, 6).Select(i => Of($"b{i}", PassedOver.Drained) with { Share = 0.05 });
        var choice = Choice("a1", "a", [Of("a1", PassedOver.Unwell), .. drained]) with { CandidatesLeftOut = 3 };
        var text = DecisionText.Line(Record(choice));
        Assert.Contains("a1 chosen (0 outstanding), although its health checks fail: nothing better was left; ", text, StringComparison.Ordinal);
        Assert.Contains("b1, b2, b3, b4 and 2 more passed over: drained, 5 % of the requests let through; 3 more did not fit", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_reason_result_and_reflex_has_words_of_its_own()
    {
        var reasons = Enum.GetValues<PassedOver>().Select(why => DecisionText.Line(Record(Choice(null, null, Of("a1", why))))).ToList();
        var results = Enum.GetValues<AttemptResult>().Select(result => DecisionText.Line(Record(Attempt("a1", result, 200, 1)))).ToList();
        var reflexes = Enum.GetValues<Reflex>().Where(r => r != Reflex.Retried)
            .Select(reflex => DecisionText.Line(Record(new DecisionStep(DecisionStepKind.Reflex, Ms(1)) { Reflex = reflex, Amount = 1, Of = 2 }))).ToList();
        foreach (var texts in new[] { reasons, reflexes })
            Assert.Equal(texts.Count, texts.Distinct().Count());
        // Answered, ServerError and Overloaded differ by their status.
        Assert.Equal(results.Count - 2, results.Distinct().Count());
        Assert.All(reasons.Concat(results).Concat(reflexes), text => Assert.DoesNotMatch(@"[a-z][A-Z]", text.Replace("retry.body", "", StringComparison.Ordinal)));
    }

    private static string Head(Decision decision) => DecisionText.Lines(decision)[0];

    private static Decision Record(params DecisionStep[] steps) =>
        new("6740-1f", At, "moderation", 118, 0.5, OutcomeResult.Succeeded, 200, Ms(300), Ms(312), [.. steps], 0);

    private static DecisionStep Choice(string? server, string? region, params Candidate[] candidates) =>
        new(DecisionStepKind.Choice, Ms(0)) { Server = server, Region = region, Candidates = [.. candidates] };

    private static DecisionStep Attempt(string server, AttemptResult result, int status, double ms) =>
        new(DecisionStepKind.Attempt, Ms(ms)) { Server = server, Result = result, Status = status, FirstByte = Ms(ms) };

    private static Candidate Of(string server, PassedOver why, int outstanding = 0) => new(server, "us-east-1", outstanding, 1, why, null);

    private static TimeSpan Ms(double ms) => TimeSpan.FromMilliseconds(ms);
}
