using System.Collections.Immutable;
using System.Globalization;

namespace Mainstay.Control.Mitigation;

/// <summary>
/// What people have drained by hand. Begins and ends drains as they order, and ends those whose time is over. Remedies and
/// pauses leave them alone: who takes a server out for maintenance is not overruled. Not safe for several threads.
/// </summary>
/// <param name="kept">As the state folder has them.</param>
internal sealed class DrainBook(DrainsKept kept)
{
    public const int MostDrains = 100;

    /// <summary>What the state folder should have; another object whenever something changed.</summary>
    public DrainsKept Kept { get; private set; } = kept;

    /// <summary>Oldest first.</summary>
    public ImmutableArray<Drain> Drains => Kept.Drains;

    /// <summary>True if the last tick gave traffic back.</summary>
    public bool HasLifted { get; private set; }

    /// <summary>Takes the drains one tick further.</summary>
    /// <param name="orders">What people asked for; those about drains are decided here.</param>
    /// <param name="seen">How everything stood at the end of the tick before, as the person saw it.</param>
    /// <param name="now">Time of the tick.</param>
    /// <returns>What happened, for the journal and for people.</returns>
    public List<Notice> Advance(OrdersTaken orders, Snapshot seen, DateTimeOffset now)
    {
        var notices = new List<Notice>();
        HasLifted = false;
        foreach (var over in Drains.Where(d => d.Until <= now).ToList())
            Lift(over, "mainstay", $"the time that {over.Who} gave it is over", now, notices);
        foreach (var order in orders.Of<DrainOrder>())
            orders.Decide(order, Begin(order, seen, now, notices));
        foreach (var order in orders.Of<UndrainOrder>())
            orders.Decide(order, End(order, now, notices));
        return notices;
    }

    private OrderResult Begin(DrainOrder order, Snapshot seen, DateTimeOffset now, List<Notice> notices)
    {
        if (BlastRadius.TryMeasure(seen with { Drains = Drains }, order.Service, order.Region, order.Server, out var wrong) is not { } blast)
            return new(false, wrong);
        if (Drains.FirstOrDefault(d => (d.Service, d.Region, d.Server) == (order.Service, blast.Region, blast.Server)) is { } same)
            return new(false, Text($"{same.Title} is drained already, by {same.Who} since {same.Since:yyyy-MM-dd HH:mm:ss} UTC: drain {same.Number}."));
        if (Drains.Length >= MostDrains)
            return new(false, $"{MostDrains} drains are in force, which is the most: undrain some first.");
        if (blast.LeavesNobody && !order.Force)
            return new(false, $"Refused: {string.Join("; ", blast.Services.Where(s => s.Verdict == BlastVerdict.NobodyLeft).Select(s => $"{s.Service}: {s.Text}"))}. --force (\"force\": true) does it all the same.");

        var drain = new Drain
        {
            Number = Kept.Last + 1,
            Service = order.Service,
            Region = blast.Region,
            Server = blast.Server,
            Who = order.Who,
            Why = order.Why,
            Since = now,
            Until = now + order.For,
        };
        Kept = new(drain.Number, Drains.Add(drain));
        var until = drain.Until is { } end ? Text($" until {end:yyyy-MM-dd HH:mm:ss} UTC") : "";
        notices.Add(new(now, "drain", order.Who, drain.Region, drain.Service, $"drained {drain.Title}{until} (drain {drain.Number}{(order.Force && blast.LeavesNobody ? ", by force" : "")}){Because(order.Why)}"));
        return new(true, Text($"Drain {drain.Number} is in force: {drain.Title} gets no new requests{until}; those under way go on to their end.")) { Number = drain.Number };
    }

    private OrderResult End(UndrainOrder order, DateTimeOffset now, List<Notice> notices)
    {
        if (Drains.FirstOrDefault(d => d.Number == order.Number) is not { } drain)
            return new(false, $"There is no drain {order.Number}. {(Drains.IsEmpty ? "Nothing is drained by hand." : $"In force: {string.Join(", ", Drains.Select(d => $"{d.Number} ({d.Title})"))}.")}");
        Lift(drain, order.Who, order.Why, now, notices);
        return new(true, $"{drain.Title} gets traffic again (drain {drain.Number}).") { Number = drain.Number };
    }

    private void Lift(Drain drain, string who, string why, DateTimeOffset now, List<Notice> notices)
    {
        Kept = Kept with { Drains = Drains.Remove(drain) };
        HasLifted = true;
        notices.Add(new(now, "undrain", who, drain.Region, drain.Service, $"undrained {drain.Title} (drain {drain.Number} of {drain.Who}){Because(why)}"));
    }

    private static string Because(string why) => why.Length > 0 ? $": {why}" : "";

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
