using System.Collections.Immutable;
using System.Globalization;
using Mainstay.Control.Incidents;

namespace Mainstay.Control.Mitigation;

/// <summary>
/// Practices: begins them by order or schedule, shifts 25, 75, then 100 % of the region's traffic away, gives it back in as many
/// steps, and stops at once, all of it given back, when something speaks against going on. One at a time, and never beside an incident or a drain.
/// Not safe for several threads.
/// </summary>
/// <param name="kept">As the state folder has them. One that was running is stopped: nobody watched it meanwhile.</param>
/// <param name="lastFact">When the control plane before this one wrote its last fact; null: there was none.</param>
/// <param name="start">When the control plane started; what the schedule had before it is not caught up.</param>
internal sealed class PracticeBook(PracticesKept kept, DateTimeOffset? lastFact, DateTimeOffset start)
{
    private const int MostKept = 20;
    private static readonly TimeSpan Shortest = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Longest = TimeSpan.FromHours(12);

    /// <summary>From which part of its time on how much of the traffic stays.</summary>
    private static readonly (double From, double Share)[] Steps = [(0, 0.75), (0.1, 0.25), (0.3, 0), (0.9, 0.25), (0.95, 0.75)];

    private PracticeWatch? _watch;
    private DateTimeOffset _lastTick = start;
    private (DateTimeOffset From, DateTimeOffset To)? _unseen = lastFact is { } from ? (from, start) : null;

    /// <summary>What the state folder should have; another object whenever something changed.</summary>
    public PracticesKept Kept { get; private set; } = kept;

    /// <summary>Newest first, the running one with its figures so far.</summary>
    public ImmutableArray<Practice> Practices =>
        Running is { } running && _watch is not null ? Kept.Practices.Replace(running, _watch.Measured(running)) : Kept.Practices;

    /// <summary>The last one, running or not; null if there was none.</summary>
    public Practice? Latest => Kept.Practices.FirstOrDefault();

    private Practice? Running => Latest is { IsRunning: true } running ? running : null;

    /// <summary>Takes the practices one tick further.</summary>
    /// <param name="tick">What the tick judges by.</param>
    /// <param name="orders">What people asked for; those about practices are decided here.</param>
    /// <param name="seen">How everything stood at the end of the tick before, as the person saw it.</param>
    /// <returns>What happened, for the journal and for people.</returns>
    public List<Notice> Advance(TickInput tick, OrdersTaken orders, Snapshot seen)
    {
        var notices = new List<Notice>();
        if (_unseen is { } unseen)
            notices.AddRange(Missed(unseen.From, unseen.To, tick));
        _unseen = null;
        if (Running is { } running)
            GoOn(running, tick, seen, notices);
        foreach (var order in orders.Of<StopPracticeOrder>())
            orders.Decide(order, Stop(order, tick.Now, notices));
        foreach (var order in orders.Of<PracticeOrder>())
            orders.Decide(order, Begin(order, isScheduled: false, tick, seen, notices));
        foreach (var due in tick.Config.Practices.Where(p => p.IsDueIn(_lastTick, tick.Now)))
        {
            var result = Begin(new PracticeOrder(due.Service, due.Region, due.For, "schedule", ""), isScheduled: true, tick, seen, notices);
            if (!result.Done)
                notices.Add(new(tick.Now, "practice", "schedule", due.Region, due.Service, $"skipped the practice of {due.Title} that was due: {result.Message}"));
        }
        _lastTick = tick.Now;
        return notices;
    }

    /// <summary>Each practice that is due leaves a fact: what was due after the last one, and before the start, was missed.</summary>
    private static IEnumerable<Notice> Missed(DateTimeOffset from, DateTimeOffset to, TickInput tick) => tick.Config.Practices
        .Where(p => p.IsDueIn(from, to))
        .Select(due => new Notice(
            tick.Now, "practice", "schedule", due.Region, due.Service,
            $"missed the practice of {due.Title}: it was due after {from:yyyy-MM-dd HH:mm} UTC, when no control plane ran that knew of it"));

    /// <summary>Notes that the report of a practice stands on disk.</summary>
    public void NoteReport(int number) =>
        Kept = Kept with { Practices = [.. Kept.Practices.Select(p => p.Number == number ? p with { IsReported = true } : p)] };

    private OrderResult Begin(PracticeOrder order, bool isScheduled, TickInput tick, Snapshot seen, List<Notice> notices)
    {
        if (order.For < Shortest || order.For > Longest)
            return new(false, "A practice lasts from 10s to 12h.");
        if (BlastRadius.TryMeasure(seen, order.Service, order.Region, null, out var wrong) is not { } blast)
            return new(false, wrong);
        if (WhyNot(blast, isScheduled, tick, seen) is { } why)
            return new(false, why);
        var practice = new Practice
        {
            Number = Kept.Last + 1,
            Service = order.Service,
            Region = order.Region,
            Who = order.Who,
            Why = order.Why,
            Began = tick.Now,
            For = order.For,
            Share = Steps[0].Share,
            Services = [.. blast.Services.Select(s => new PracticeFigures(s.Service, PracticeWatch.Before(s.Service, tick), CanShift(s.Service, order.Region, seen)))],
        };
        var text = Text($"practice {practice.Number} began: {practice.Title} is shifted away for {order.For.TotalSeconds:0} s, {1 - practice.Share:P0} of its traffic first");
        practice = Tell(practice, tick.Now, text);
        _watch = new PracticeWatch();
        Kept = new(practice.Number, [practice, .. Kept.Practices.Take(MostKept - 1)]);
        notices.Add(Notice(practice, order.Who, tick.Now, text + (order.Why.Length > 0 ? $": {order.Why}" : "")));
        return new(true, $"P{text[1..]}.") { Number = practice.Number };
    }

    /// <summary>Why a practice must not begin now; null if it may.</summary>
    private string? WhyNot(BlastRadius blast, bool isScheduled, TickInput tick, Snapshot seen)
    {
        if (Running is { } running)
            return $"practice {running.Number} of {running.Title} is in progress";
        if (PracticeWatch.Against(tick, seen) is { } against)
            return against;
        var shifted = blast.Services.Where(s => CanShift(s.Service, blast.Region, seen)).ToList();
        if (shifted.Count == 0)
            return $"nothing that runs in {blast.Region} has a server in another region: losing it would be an outage, and there is nothing to practise";
        if (shifted.Find(s => s.Verdict is BlastVerdict.NobodyLeft or BlastVerdict.OverCapacity || (isScheduled && s.Verdict is BlastVerdict.Unknown)) is { } harmed)
            return $"{harmed.Service}: {harmed.Text}";
        return null;
    }

    private void GoOn(Practice practice, TickInput tick, Snapshot seen, List<Notice> notices)
    {
        if (_watch is null)
        {
            End(practice, PracticeState.Stopped, "the control plane was started again, and nobody watched meanwhile", "mainstay", tick.Now, notices);
            return;
        }
        _watch.Add(practice, tick, seen);
        var elapsed = tick.Now - practice.Began;
        if (_watch.WhyStop(practice, tick, seen) is { } why)
            End(practice, PracticeState.Stopped, why, "mainstay", tick.Now, notices);
        else if (elapsed >= practice.For)
            End(practice, PracticeState.Passed, "it went to its end", "mainstay", tick.Now, notices);
        else if (Steps.Last(s => elapsed >= s.From * practice.For).Share is var share && share != practice.Share)
        {
            var text = Text($"practice {practice.Number}: {1 - share:P0} of the traffic of {practice.Title} is shifted away");
            Replace(practice, Tell(_watch.Measured(practice) with { Share = share }, tick.Now, text));
            _watch.NextStep();
            notices.Add(Notice(practice, "mainstay", tick.Now, text));
        }
    }

    private OrderResult Stop(StopPracticeOrder order, DateTimeOffset now, List<Notice> notices)
    {
        if (Running is not { } running)
            return new(false, "No practice is in progress.");
        End(running, PracticeState.Stopped, $"{order.Who} stopped it{(order.Why.Length > 0 ? $": {order.Why}" : "")}", order.Who, now, notices);
        return new(true, $"Practice {running.Number} is stopped: {running.Title} gets its traffic again.") { Number = running.Number };
    }

    private void End(Practice practice, PracticeState state, string why, string who, DateTimeOffset now, List<Notice> notices)
    {
        var ended = (_watch?.Measured(practice) ?? practice) with { State = state, Reason = why, Ended = now };
        ended = ended with { Findings = PracticeReport.Find(ended) };
        var text = $"practice {practice.Number} of {practice.Title} {(state == PracticeState.Passed ? "passed" : "was stopped")}: {why}; all traffic is given back. {string.Join(" ", ended.Findings)}";
        Replace(practice, Tell(ended, now, text));
        _watch = null;
        notices.Add(Notice(practice, who, now, text));
    }

    private void Replace(Practice before, Practice after) => Kept = Kept with { Practices = Kept.Practices.Replace(before, after) };

    private static bool CanShift(string service, string region, Snapshot seen) =>
        seen.Services.First(s => s.Name == service).Regions.Any(r => r.Name != region && r.Servers.Length > 0);

    private static Practice Tell(Practice practice, DateTimeOffset at, string text) =>
        practice with { Timeline = practice.Timeline.Add(new TimelineEntry(at, text) { Kind = "practice" }) };

    private static Notice Notice(Practice practice, string who, DateTimeOffset at, string text) =>
        new(at, "practice", who, practice.Region, practice.Service, text);

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
