using System.Collections.Immutable;
using System.Threading.Channels;
using Mainstay.Control.Incidents;
using Mainstay.Control.Mitigation;
using Mainstay.Control.Storage;
using Mainstay.Routing;

namespace Mainstay.Control;

/// <summary>Where people's orders wait for the next tick. Asking is safe from any thread; taking is the loop's.</summary>
internal sealed class OrderDesk
{
    public const int MostFacts = 10_000;
    private const int MostWaiting = 100;
    private readonly Channel<(Order Order, TaskCompletionSource<OrderResult> Result)> _waiting =
        Channel.CreateBounded<(Order, TaskCompletionSource<OrderResult>)>(MostWaiting);

    public async Task<OrderResult> AskAsync(Order order, CancellationToken cancel)
    {
        var result = new TaskCompletionSource<OrderResult>(TaskCreationOptions.RunContinuationsAsynchronously);
        if (!_waiting.Writer.TryWrite((order, result)))
            return new(false, $"{MostWaiting} orders wait already: the control loop hangs. mainstay pause works without it.");
        return await result.Task.WaitAsync(cancel);
    }

    /// <summary>The orders that came since the last tick, as facts too. Pausing is done here: the pause file is its truth.</summary>
    public OrdersTaken Take(PauseFile pause, DateTimeOffset now, List<FactDraft> facts)
    {
        var taken = new OrdersTaken();
        while (_waiting.Reader.TryRead(out var waiting))
        {
            var (order, result) = waiting;
            var because = order.Why.Length > 0 ? $": {order.Why}" : "";
            try
            {
                switch (order)
                {
                    case PauseOrder:
                        pause.Write(new Pause(order.Who, now, order.Why));
                        facts.Add(new(now, "order", null, order.Who, $"paused all remedies{because}"));
                        break;
                    case ResumeOrder:
                        pause.Remove();
                        facts.Add(new(now, "order", null, order.Who, $"resumed remedies{because}"));
                        break;
                    case ApproveOrder approve:
                        taken.Approvals[approve.RemedyId] = order.Why.Length > 0 ? $"{order.Who} ({order.Why})" : order.Who;
                        facts.Add(new(now, "order", null, order.Who, $"approved remedy {approve.RemedyId}{because}"));
                        break;
                }
                taken.Add(order, result);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                result.TrySetResult(new(false, $"{pause.Path}: {e.Message}"));
            }
        }
        return taken;
    }
}

/// <summary>The orders of one tick, to be answered at its end.</summary>
internal sealed class OrdersTaken
{
    private readonly List<(Order Order, TaskCompletionSource<OrderResult> Result)> _orders = [];
    private readonly Dictionary<Order, OrderResult> _decided = new(ReferenceEqualityComparer.Instance);

    /// <summary>Remedy → who approved it, and in their words why.</summary>
    public Dictionary<string, string> Approvals { get; } = [];

    public void Add(Order order, TaskCompletionSource<OrderResult> result) => _orders.Add((order, result));

    /// <summary>The orders of one sort, in the order in which they came.</summary>
    public IEnumerable<T> Of<T>() where T : Order => _orders.Select(o => o.Order).OfType<T>();

    /// <summary>Says what becomes of an order, if the table that follows from it can be put in force.</summary>
    public void Decide(Order order, OrderResult result) => _decided[order] = result;

    /// <param name="incidents">As they stand at the end of the tick.</param>
    /// <param name="paused">Whether remedies are paused.</param>
    /// <param name="inForce">The overlays in force at its end.</param>
    public void Answer(ImmutableArray<Incident> incidents, bool paused, ImmutableArray<Overlay> inForce)
    {
        foreach (var (order, result) in _orders)
            result.TrySetResult(order switch
            {
                DrainOrder when _decided[order] is { Done: true, Number: { } number } && inForce.All(o => o.Id != Drain.OverlayId(number)) =>
                    new(false, $"Noted as drain {number}, and not in force: journal or table cannot be written now (mainstay status says why). It begins when they can; mainstay undrain {number} takes it back."),
                PracticeOrder when _decided[order] is { Done: true, Number: { } number } && inForce.All(o => o.Id != $"practice-{number}") =>
                    new(false, $"Noted as practice {number}, and nothing is shifted: journal or table cannot be written now (mainstay status says why). mainstay practice stop takes it back."),
                _ when _decided.TryGetValue(order, out var decided) => decided,
                PauseOrder => new(paused, "All remedies are off and none starts until mainstay resume. The reflexes go on."),
                ResumeOrder => new(!paused, "Remedies may work again."),
                ApproveOrder approve => Approved(approve.RemedyId, incidents),
                _ => new(false, $"unknown order {order.GetType().Name}"),
            });
    }

    private static OrderResult Approved(string id, ImmutableArray<Incident> incidents)
    {
        var remedies = incidents.SelectMany(i => i.Remedies).ToList();
        if (remedies.Find(r => r.Id == id) is not { } remedy)
        {
            var waiting = remedies.Where(r => r.State == RemedyState.Proposed).Select(r => r.Id).ToList();
            return new(false, $"There is no remedy {id}. {(waiting.Count == 0 ? "None waits for approval." : $"Waiting: {string.Join(", ", waiting)}.")}");
        }
        return new(remedy.InForce, remedy.InForce ? $"In force: {remedy.Title}. {remedy.Reason}" : $"Not done: {remedy.Title}: {remedy.Reason}");
    }
}
